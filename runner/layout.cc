#include "runner/layout.h"

#include <algorithm>
#include <utility>

namespace permafrost {

bool Matches(const std::vector<int64_t>& dims, const std::vector<int64_t>& shape) {
  return dims.size() == shape.size() &&
         std::equal(dims.begin(), dims.end(), shape.begin(),
                    [](int64_t dim, int64_t known) { return known < 0 || dim == known; });
}

bool SameUpToOnes(const std::vector<int64_t>& dims, const std::vector<int64_t>& shape) {
  if (Matches(dims, shape)) return true;
  size_t at = 0;
  for (const int64_t dim : dims) {
    while (at < shape.size() && shape[at] == 1 && dim != 1) ++at;
    const bool meets = at < shape.size() && (shape[at] < 0 || shape[at] == dim);
    if (meets) {
      ++at;
    } else if (dim != 1) {
      return false;
    }
  }
  return std::all_of(shape.begin() + static_cast<std::ptrdiff_t>(at), shape.end(),
                     [](int64_t dim) { return dim == 1 || dim < 0; });
}

StatusOr<Array> Relayout(const Array& array, std::string_view from, std::string_view to) {
  Array out;
  RETURN_IF_ERROR(RelayoutInto(array, from, to, out));
  return out;
}

Status RelayoutInto(const Array& array, std::string_view from, std::string_view to, Array& out) {
  if (from.empty() || to.empty() || from == to) {
    out = array;
    return OkStatus();
  }
  if (array.dims.size() != from.size()) {
    return InvalidArgument("has the shape ", DimsText(array.dims), ", expected the axes ", from);
  }
  std::vector<int64_t> dims;  // of the axes that stay
  std::string axes;
  for (size_t i = 0; i < from.size(); ++i) {
    if (to.find(from[i]) != std::string_view::npos) {
      axes += from[i];
      dims.push_back(array.dims[i]);
    } else if (array.dims[i] != 1) {
      return InvalidArgument("has the shape ", DimsText(array.dims), " (", from, "); its axis ", from[i],
                             " must be 1 to become ", to);
    }
  }
  std::vector<int> order;
  for (const char axis : to) {
    const size_t at = axes.find(axis);
    if (at != std::string::npos) order.push_back(static_cast<int>(at));
  }
  if (dims.size() == array.dims.size()) {
    RETURN_IF_ERROR(TransposeArrayInto(array, order, out));
  } else {
    const Array kept{array.type, dims, array.bytes};
    RETURN_IF_ERROR(TransposeArrayInto(kept, order, out));
  }
  for (size_t i = 0; i < to.size(); ++i) {
    if (axes.find(to[i]) == std::string::npos) out.dims.insert(out.dims.begin() + static_cast<std::ptrdiff_t>(i), 1);
  }
  return OkStatus();
}

Status Reshape(Array& array, const std::vector<int64_t>& shape) {
  if (Matches(array.dims, shape)) return OkStatus();
  ASSIGN_OR_RETURN(const int64_t count, ElementCount(array.dims));
  std::vector<int64_t> dims = shape;
  const auto unknown = std::find(dims.begin(), dims.end(), -1);
  if (unknown != dims.end()) {
    *unknown = 1;
    const auto rest = ElementCount(dims);
    if (!rest.ok() || *rest == 0 || count % *rest != 0) {
      return InvalidArgument("has the shape ", DimsText(array.dims), ", expected ", DimsText(shape));
    }
    *unknown = count / *rest;
  }
  const auto wanted = ElementCount(dims);
  if (!wanted.ok() || *wanted != count) {
    return InvalidArgument("has the shape ", DimsText(array.dims), ", expected ", DimsText(shape));
  }
  array.dims = std::move(dims);
  return OkStatus();
}

}  // namespace permafrost
