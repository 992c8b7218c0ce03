#include "optimizer/ops/strided_slice.h"

#include <algorithm>

namespace permafrost {
namespace {

struct Bounds {
  int64_t begin, end, stride;
  bool open_begin, open_end, shrink;
};

StatusOr<SliceAxis> ResolveAxis(int axis, int64_t dim, const Bounds& bounds) {
  SliceAxis result{axis, 0, bounds.stride, kUnknownDim, bounds.shrink};
  if (bounds.stride == 0) return InvalidArgument("the stride of axis ", axis, " is 0");
  if (bounds.shrink) {
    result.count = 1;
    if (bounds.stride != kUnknownInt && bounds.stride < 0) {
      return InvalidArgument("takes one index of axis ", axis, " with stride ", bounds.stride);
    }
    if (bounds.begin == kUnknownInt || dim < 0) {
      result.begin = kUnknownInt;
      return result;
    }
    result.begin = bounds.begin < 0 ? bounds.begin + dim : bounds.begin;
    if (result.begin < 0 || result.begin >= dim) {
      return InvalidArgument("index ", bounds.begin, " is outside axis ", axis, " of ", dim);
    }
    return result;
  }
  const bool whole = bounds.open_begin && bounds.open_end;
  const bool known = dim >= 0 && bounds.stride != kUnknownInt && (bounds.open_begin || bounds.begin != kUnknownInt) &&
                     (bounds.open_end || bounds.end != kUnknownInt);
  if (!known) {
    if (whole && (bounds.stride == 1 || bounds.stride == -1)) result.count = dim;
    return result;
  }
  const bool forward = bounds.stride > 0;
  const int64_t lowest = forward ? 0 : -1, highest = forward ? dim : dim - 1;
  const auto place = [&](int64_t at) { return std::clamp(at < 0 ? at + dim : at, lowest, highest); };
  result.begin = bounds.open_begin ? (forward ? lowest : highest) : place(bounds.begin);
  const int64_t end = bounds.open_end ? (forward ? highest : lowest) : place(bounds.end);
  const int64_t interval = end - result.begin;
  result.count = 0;
  if (interval != 0 && (interval > 0) == forward) {
    result.count = interval / bounds.stride + (interval % bounds.stride != 0 ? 1 : 0);
  }
  return result;
}

}  // namespace

StatusOr<std::vector<SliceAxis>> ResolveStridedSlice(const Node& node, const std::vector<int64_t>& begin,
                                                     const std::vector<int64_t>& end,
                                                     const std::vector<int64_t>& strides, const Shape& shape) {
  const size_t count = begin.size();
  if (end.size() != count || strides.size() != count || count > 32) {
    return InvalidArgument("has ", count, " begins, ", end.size(), " ends and ", strides.size(),
                           " strides, expected the same number, at most 32");
  }
  const auto bit = [&](std::string_view mask, size_t i) { return ((node.attr_or<int64_t>(mask, 0) >> i) & 1) != 0; };
  size_t ellipses = 0, added = 0;
  for (size_t i = 0; i < count; ++i) {
    if (bit("ellipsis_mask", i)) {
      ++ellipses;
    } else if (bit("new_axis_mask", i)) {
      ++added;
    }
  }
  if (ellipses > 1) return InvalidArgument("has ", ellipses, " ellipses, expected at most one");
  const auto named = static_cast<int>(count - ellipses - added);
  if (named > shape.rank()) {
    return InvalidArgument("slices ", named, " axes of a value of shape ", shape.ToString());
  }
  std::vector<SliceAxis> axes;
  int axis = 0;
  const auto take_whole = [&](int until) {
    for (; axis < until; ++axis) axes.push_back({axis, 0, 1, shape.dim(axis), false});
  };
  for (size_t i = 0; i < count; ++i) {
    if (bit("ellipsis_mask", i)) {
      take_whole(axis + shape.rank() - named);
    } else if (bit("new_axis_mask", i)) {
      axes.push_back({});
    } else {
      const Bounds bounds{
          begin[i], end[i], strides[i], bit("begin_mask", i), bit("end_mask", i), bit("shrink_axis_mask", i)};
      ASSIGN_OR_RETURN(SliceAxis resolved, ResolveAxis(axis, shape.dim(axis), bounds));
      axes.push_back(resolved);
      ++axis;
    }
  }
  take_whole(shape.rank());
  return axes;
}

}  // namespace permafrost
