#pragma once

#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// The nodes that the values need over data edges, their own included, by position.
std::vector<NodeId> ConeOf(const Graph& graph, const std::vector<Value>& values);

}  // namespace permafrost
