#pragma once

#include <functional>
#include <string_view>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Where bytes go, piece by piece.
using ByteSink = std::function<Status(std::string_view)>;

struct EmitOptions {
  int producer = 1087;  // GraphDef.versions: TensorFlow 2.11's, with min_consumer 12
  bool release_pages = true;
  bool input_shapes = true;  // false: Placeholders take any shape; theirs is only noted (_output_shapes)
};

// Writes a flat graph as a binary GraphDef: nodes by position (execution order), attributes in order of name, types and
// counts that the op table can work out filled in, every constant in full (one-element int32 in int_val, everything else in
// tensor_content). Sizes are worked out first and weights are streamed, so memory goes with the graph and not with its
// weights. The name of every graph output must be a node's name. Nothing is rewritten.
// Errors: above protobuf's 2 GiB (before anything goes to the sink), a value that GraphDef cannot express, the sink's.
Status EmitGraphDef(const Graph& graph, const EmitOptions& options, const ByteSink& sink);

}  // namespace permafrost
