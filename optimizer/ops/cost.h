#pragma once

#include "optimizer/ir/graph.h"

namespace permafrost {

// What a flat graph costs to run once. Unknown batch counts as 1; `unknown_shapes` counts the values that could not be
// sized, so that figures are lower bounds when it is not 0.
struct Cost {
  int64_t flops = 0;             // a multiplication and its addition count as 2
  int64_t weight_bytes = 0;      // constants
  int64_t peak_value_bytes = 0;  // largest sum of values alive at one time, in execution order
  int64_t unknown_shapes = 0;
};
StatusOr<Cost> CostOf(const Graph& graph);

}  // namespace permafrost
