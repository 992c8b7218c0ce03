#pragma once

#include <optional>

#include "optimizer/ir/graph.h"

namespace permafrost {

// The value that output 0 of this node always equals, type and shape included, when no number needs to be computed to
// know it: Mul by 1, Add of 0, Reshape to the same shape, Transpose to the same order, Cast to the same type, Pad by 0,
// Tile by 1, Slice and StridedSlice of everything, AddN of one, Concat of one that has elements, reduction over no axes, reshapes that come
// back to the shape they started from, an element taken out of a Pack.
std::optional<Value> EqualInput(const Graph& graph, const Node& node);

}  // namespace permafrost
