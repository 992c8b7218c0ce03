#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

// Brings an array whose axes are `from` ("NHWC") into the axes `to` ("NCHW"). An axis that only one side has must be
// of size 1. Equal or empty layouts change nothing. Errors: the rank is not that of `from`, a lost axis is not 1.
StatusOr<Array> Relayout(const Array& array, std::string_view from, std::string_view to);
// The same into `out`, whose memory is used again where it is large enough. Not in place.
Status RelayoutInto(const Array& array, std::string_view from, std::string_view to, Array& out);

// Gives the array a shape that may have unknown (-1) dims: the array's own dims where they fit, else a reshape with at
// most one unknown. Never moves an element. Errors: it does not fit.
Status Reshape(Array& array, const std::vector<int64_t>& shape);

// Equal but for dims of 1 that only one side has; unknown dims in `shape` match anything.
bool SameUpToOnes(const std::vector<int64_t>& dims, const std::vector<int64_t>& shape);

// Every known dim is met.
bool Matches(const std::vector<int64_t>& dims, const std::vector<int64_t>& shape);

}  // namespace permafrost
