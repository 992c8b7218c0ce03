#pragma once

#include <string_view>
#include <vector>

#include "optimizer/frontend/meta_graph/read_meta_graph.h"
#include "optimizer/ir/graph.h"
#include "optimizer/ir/variable_source.h"

namespace permafrost {

// A SavedModel that was saved without signatures still holds the functions of its objects: those of the root, else
// those of its children and so on become signatures here, called by their path ("__call__", "decoder/step"). `graph`
// gets the call that TensorFlow would have written for each:
//   decode_x = Placeholder(); decode = StatefulPartitionedCall(decode_x, w) {f=@__inference_decode_12}
// A function that was traced several times gives "decode", "decode#2" ..., the most general first and those traced with
// training=True left out. What it captured is found as TensorFlow finds it: variables by walking the objects of the
// file and those of the checkpoint (`variables`, may be null) in step. Tensors that are sparse or composite stay
// unnamed. Errors: damage.
StatusOr<std::vector<Signature>> AddFunctionSignatures(std::string_view object_graph, const std::vector<Asset>& assets,
                                                       const VariableSource* variables, Graph& graph);

}  // namespace permafrost
