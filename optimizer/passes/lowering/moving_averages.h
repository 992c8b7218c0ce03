#pragma once

#include <map>
#include <set>

#include "optimizer/ir/graph.h"

namespace permafrost {

// A training graph keeps moving averages of some of its values:
//   AssignSub(variable, Mul(Sub(variable, value), decay))      Assign(variable, Add(Mul(variable, decay), Mul(value, ..)))
// (AssignAdd, resource updates, conditions around them, averages corrected for their zero start).
// Gives, for values of `original` whose nodes `live` still has, the variables of `original` that average them. `live` is
// what the lowering left of `original`, by name.
std::map<Value, std::set<NodeId>> FindMovingAverages(const Graph& original, const Graph& live);

}  // namespace permafrost
