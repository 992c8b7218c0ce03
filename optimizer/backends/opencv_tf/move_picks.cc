#include "optimizer/backends/opencv_tf/mover.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "optimizer/ops/strided_slice.h"

namespace permafrost {
namespace {

// An unknown dim counts as the largest there is: what runs up to it runs to the end.
constexpr int64_t kOpen = std::numeric_limits<int32_t>::max();

// The axes that go away, when none comes.
std::optional<std::vector<int64_t>> SqueezedAxes(const std::vector<SliceAxis>& axes) {
  std::vector<int64_t> gone;
  for (const SliceAxis& axis : axes) {
    if (axis.input_axis < 0) return std::nullopt;
    if (axis.shrink) gone.push_back(axis.input_axis);
  }
  return gone;
}

}  // namespace

void Mover::Gather() {
  const Shape shape = ShapeOf(in(0));
  const Tensor* found = constant(1);
  const auto axis = node().op == "Gather" ? std::optional<int>(0) : Axis(constant(2), shape.rank());
  if (found == nullptr || !axis || !shape.has_rank() || constant(0) != nullptr || !IsInteger(found->dtype()) ||
      found->elements() < 1 || found->elements() > kLargestMatrix || node().attr_or<int64_t>("batch_dims", 0) != 0) {
    return Decline("only constant indices into data of known rank can be taken apart");
  }
  const Tensor indices = *found;
  std::vector<int64_t> out = shape.dims();
  out.erase(out.begin() + *axis);
  out.insert(out.begin() + *axis, indices.dims().begin(), indices.dims().end());
  if (indices.rank() != 1 && std::count(out.begin(), out.end(), kUnknownDim) > 1) {
    return Decline("more than one dim of its result is unknown");
  }
  const auto value = Selected(in(0), *axis, indices.Values<int64_t>());
  if (!value) return Decline("indices out of range, or too many to be taken one by one");
  Replace(indices.rank() == 1 ? *value : Reshaped(*value, out));
}

void Mover::Reverse() {
  const Shape shape = ShapeOf(in(0));
  const Tensor* axes = constant(1);
  if (axes == nullptr || !shape.has_rank() || !IsInteger(axes->dtype())) return;
  Value value = in(0);
  for (int64_t number : axes->Values<int64_t>()) {
    const auto axis = Axis(number, shape.rank());
    const int64_t size = axis ? shape.dim(*axis) : kUnknownDim;
    if (size < 1 || size > kLargestMatrix) return Decline("it reverses along an unknown dim");
    Indices indices(static_cast<size_t>(size));
    std::iota(indices.rbegin(), indices.rend(), 0);
    const auto reversed = Selected(value, *axis, indices);
    if (!reversed) return Decline("too many elements to be reversed, or more than one unknown dim");
    value = *reversed;
  }
  Replace(value);
}

void Mover::ReverseSequence() {
  const Shape shape = ShapeOf(in(0));
  const Tensor* lengths = constant(1);
  const auto along = Axis(node().attr_or<int64_t>("seq_dim", 0), shape.rank());
  const auto batch = Axis(node().attr_or<int64_t>("batch_dim", 0), shape.rank());
  if (lengths == nullptr || !shape.has_rank() || !along || !batch || *along == *batch) return;
  const std::vector<int64_t> all = lengths->Values<int64_t>();
  const int64_t size = shape.dim(*along);
  if (size < 1 || size > kLargestMatrix || shape.dim(*batch) != static_cast<int64_t>(all.size()) ||
      static_cast<int64_t>(all.size()) > kMostParts) {
    return Decline("it reverses rows of unknown or large number or size");
  }
  std::vector<Value> rows;
  for (size_t row = 0; row < all.size(); ++row) {
    if (all[row] < 0 || all[row] > size) return Decline("a length is larger than the axis");
    Indices indices(static_cast<size_t>(size));
    std::iota(indices.begin(), indices.end(), 0);
    std::reverse(indices.begin(), indices.begin() + all[row]);
    const auto turned = Selected(Sliced(in(0), *batch, static_cast<int64_t>(row), 1), *along, indices);
    if (!turned) return Decline("too many elements to be reversed, or more than one unknown dim");
    rows.push_back(*turned);
  }
  Replace(Joined(std::move(rows), *batch));
}

void Mover::StridedSlice() {
  if (node().inputs.size() != 4 || constant(0) != nullptr) return;
  const Shape in_shape = ShapeOf(in(0));
  const Tensor *begin = constant(1), *end = constant(2), *strides = constant(3);
  if (begin == nullptr || end == nullptr || strides == nullptr || !in_shape.has_rank()) {
    return Decline("its bounds are not constants or its rank is unknown");
  }
  Shape shape = in_shape;
  for (int i = 0; i < shape.rank(); ++i) shape.set_dim(i, in_shape.dim(i) < 0 ? kOpen : in_shape.dim(i));
  const auto axes = ResolveStridedSlice(node(), begin->Values<int64_t>(), end->Values<int64_t>(),
                                        strides->Values<int64_t>(), shape);
  if (!axes.ok()) return Decline(Message(axes.status()));

  std::vector<int64_t> starts, sizes, ends, kept;
  std::vector<std::pair<int, int64_t>> thin;             // axis, step
  std::vector<std::pair<int, const SliceAxis*>> picked;  // axis, what to pick
  bool whole = true, same_rank = true, from_the_end = false;
  for (const SliceAxis& axis : *axes) {
    same_rank = same_rank && axis.input_axis >= 0 && !axis.shrink;
    if (axis.input_axis < 0) {
      kept.push_back(1);
      continue;
    }
    const bool open = in_shape.dim(axis.input_axis) < 0;
    const int64_t dim = shape.dim(axis.input_axis);
    if (axis.count < 1) return Decline("nothing is left");
    const bool steps = axis.stride != 1 && axis.count > 1;
    int64_t first = axis.begin, stop = axis.begin + axis.count;
    if (steps && axis.stride > 1 && IsSpatial(in(0), axis.input_axis)) {
      stop = std::min(dim, axis.begin + (axis.count - 1) * axis.stride + 1);
      if (open && axis.begin + axis.count * axis.stride >= dim) stop = dim;
      if (!open && (dim - first + axis.stride - 1) / axis.stride == axis.count) stop = dim;
      thin.push_back({axis.input_axis, axis.stride});
    } else if (steps) {
      if (open) return Decline("steps along an unknown dim");
      first = 0;
      stop = dim;
      picked.push_back({axis.input_axis, &axis});
    }
    if (open && first > kOpen / 2) return Decline("counts its begin from the end of an unknown dim");
    const bool backwards = open && stop > kOpen / 2 && stop != dim;
    if (backwards && axis.stride > 1 && steps) return Decline("counts from the end of an unknown dim in steps");
    from_the_end = from_the_end || backwards;
    starts.push_back(first);
    ends.push_back(backwards ? stop - dim : stop == dim ? 0 : stop);
    sizes.push_back(stop == dim ? -1 : stop - first);
    whole = whole && first == 0 && stop == dim;
    if (!axis.shrink) kept.push_back(graph_.type({id_, 0}).shape.dim(static_cast<int>(kept.size())));
  }
  const bool reshapes = !same_rank;
  std::vector<int64_t> dims = ShapeOf({id_, 0}).dims();
  const auto squeezed = SqueezedAxes(*axes);
  const bool too_open = std::count(dims.begin(), dims.end(), kUnknownDim) > 1;
  if (reshapes && too_open && !squeezed) return Decline("its result has more than one unknown dim");
  Value value = in(0);
  if (!whole && from_the_end) {
    int64_t open_ends = 0;
    for (size_t i = 0; i < ends.size(); ++i) open_ends |= ends[i] == 0 ? int64_t{1} << i : 0;
    const std::vector<int64_t> ones(ends.size(), 1);
    value = New("StridedSlice", {value, Ints(starts), Ints(ends), Ints(ones)}, {{"end_mask", open_ends}});
  } else if (!whole) {
    value = New("Slice", {value, Ints(starts), Ints(sizes)});
  }
  for (const auto& [axis, step] : thin) value = Thinned(value, axis, step);
  for (const auto& [axis, what] : picked) {
    Indices indices;
    for (int64_t i = 0; i < what->count; ++i) indices.push_back(what->begin + i * what->stride);
    const auto selected = Selected(value, axis, indices);
    if (!selected) return Decline("steps over too many elements, or more than one unknown dim");
    value = *selected;
  }
  if (reshapes && too_open) {
    value = New("Squeeze", {value}, {{"squeeze_dims", *squeezed}});
  } else if (reshapes) {
    value = Reshaped(value, dims);
  }
  if (value == Value{id_, 0}) return;
  Replace(value);
}

}  // namespace permafrost
