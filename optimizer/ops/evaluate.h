#pragma once

#include <map>
#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// The kernel of one node on known inputs. Errors: no kernel, refused inputs; the node is named.
StatusOr<std::vector<Tensor>> EvaluateNode(const Node& node, const std::vector<Tensor>& inputs);

// Runs a flat graph on the reference kernels. `feeds` gives a tensor for every graph input needed (dtype and rank must
// fit its Placeholder). A value is freed after its last use. Returns one tensor per fetch, in order.
StatusOr<std::vector<Tensor>> Evaluate(const Graph& graph, const std::map<NodeId, Tensor>& feeds,
                                       const std::vector<Value>& fetches);

}  // namespace permafrost
