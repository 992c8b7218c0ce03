#pragma once

#include <functional>
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

// The same, one node at a time: `visit` sees what each node gives as soon as it is known, producers first, otherwise in
// the graph's order. It says false to stop.
using NodeVisitor = std::function<StatusOr<bool>(NodeId id, const std::vector<Tensor>& outputs)>;
Status EvaluateEach(const Graph& graph, const std::map<NodeId, Tensor>& feeds, const std::vector<Value>& fetches,
                    const NodeVisitor& visit);

}  // namespace permafrost
