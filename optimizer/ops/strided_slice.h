#pragma once

#include <cstdint>
#include <vector>

#include "optimizer/ir/graph.h"
#include "optimizer/support/status.h"

namespace permafrost {

// What a StridedSlice does along one axis of its input, or the axis of size 1 that it adds.
struct SliceAxis {
  int input_axis = -1;  // -1: an added axis
  int64_t begin = 0;    // first element taken; from the front. Meaningless while count is unknown
  int64_t stride = 1;
  int64_t count = 1;    // kUnknownDim when begin, end, stride or the input's dim leave it open
  bool shrink = false;  // the axis goes away (x[3] rather than x[3:4])
};

// Begin, end and strides (kUnknownInt where not known) under the node's five masks, for every axis in order. `shape`
// has a rank. Errors: more axes than the input has, a stride of 0, a shrunk index out of range, two ellipses.
StatusOr<std::vector<SliceAxis>> ResolveStridedSlice(const Node& node, const std::vector<int64_t>& begin,
                                                     const std::vector<int64_t>& end,
                                                     const std::vector<int64_t>& strides, const Shape& shape);

}  // namespace permafrost
