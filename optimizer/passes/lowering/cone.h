#pragma once

#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// The nodes that the values need over data edges, their own included, by position.
std::vector<NodeId> ConeOf(const Graph& graph, const std::vector<Value>& values);

// The same, producers first; with `controls` over control edges too. Errors: a cycle, named.
StatusOr<std::vector<NodeId>> ProducersFirst(const Graph& graph, const std::vector<Value>& values, bool controls);

}  // namespace permafrost
