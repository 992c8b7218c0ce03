#pragma once

#include <memory>
#include <string_view>

#include "optimizer/ir/graph.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {

// A MetaGraphDef is what TensorFlow's savers write beside a checkpoint (.meta): a GraphDef among other things. Told
// from a plain GraphDef by content.
bool IsMetaGraph(std::string_view bytes);
bool IsMetaGraphText(std::string_view text);

// The graph in it, as ReadGraphDef gives it.
StatusOr<Graph> ReadMetaGraph(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                              const Limits& limits);
StatusOr<Graph> ReadMetaGraphText(std::string_view text, const Limits& limits);

}  // namespace permafrost
