#include "optimizer/backends/opencv_tf/mover.h"

#include <algorithm>

#include "optimizer/backends/opencv_tf/symbolic_sizes.h"

namespace permafrost {

void Mover::Tile() {
  const Shape shape = ShapeOf(in(0));
  const auto sizes = SymbolicSizes(graph_, in(1));
  if (!shape.has_rank() || static_cast<int>(sizes.size()) != shape.rank() || sizes.empty()) {
    return Decline("its rank or its multiples are unknown");
  }
  std::vector<int64_t> times;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool number = sizes[i].known && sizes[i].scale == 0;
    const bool batch = i == 0 && sizes[i].known && sizes[i].scale == 1 && sizes[i].offset == 0 && sizes[i].axis == 0;
    if (!number && !batch) return Decline("its multiples are not constants");
    times.push_back(number ? sizes[i].offset : 1);
  }
  std::optional<Value> value = in(0);
  if (sizes[0].scale != 0) {
    const Tensor* tensor = constant(0);
    value = tensor == nullptr ? std::nullopt : OverBatch(*tensor, sizes[0].source);
    if (!value) return Decline("only a constant can be repeated for every row of a batch of unknown size");
  } else if (!IsFloating(graph_.type(in(0)).dtype)) {
    return;
  }
  if (*value == in(0) && constant(0) != nullptr) return;
  const auto tiled = Tiled(*value, times);
  if (!tiled) return Decline("too many copies, or copies along an unknown dim");
  Replace(*tiled);
}

void Mover::BroadcastTo() {
  const Shape from = ShapeOf(in(0)), to = ShapeOf({id_, 0});
  if (!from.has_rank() || !to.has_rank() || to.rank() < from.rank()) return Decline("its shape is unknown");
  if (!IsFloating(graph_.type(in(0)).dtype)) return;
  std::vector<int64_t> dims(static_cast<size_t>(to.rank() - from.rank()), 1), times;
  dims.insert(dims.end(), from.dims().begin(), from.dims().end());
  const Tensor* tensor = constant(0);
  const auto sizes = SymbolicSizes(graph_, in(1));
  const bool over_batch = tensor != nullptr && dims[0] == 1 && to.dim(0) < 0 && !sizes.empty() && sizes[0].known &&
                          sizes[0].scale == 1 && sizes[0].offset == 0 && sizes[0].axis == 0;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t want = to.dim(static_cast<int>(i));
    const bool spread = dims[i] == 1 && want != 1 && !(i == 0 && over_batch);
    if (dims[i] < 0 && want >= 0) return Decline("it may or may not spread along an unknown dim");
    if (spread && want < 0) return Decline(StrCat("it spreads to a shape that is not known: ", to.ToString()));
    times.push_back(spread ? want : 1);
  }
  if (tensor != nullptr && !over_batch) return;
  std::optional<Value> value = in(0);
  if (over_batch) {
    value = OverBatch(tensor->Reshaped(dims), sizes[0].source);
  } else if (to.rank() != from.rank()) {
    if (std::count(dims.begin(), dims.end(), kUnknownDim) > 1) return Decline("more than one dim is unknown");
    value = Reshaped(in(0), dims);
  }
  if (value) value = Tiled(*value, times);
  if (!value) return Decline("too many copies, or copies along an unknown dim");
  Replace(*value);
}

void Mover::Cumsum() {
  const Shape shape = ShapeOf(in(0));
  const auto axis = shape.has_rank() ? Axis(constant(1), shape.rank()) : std::nullopt;
  const int64_t size = axis ? shape.dim(*axis) : kUnknownDim;
  if (size < 1 || size > 2048 || !IsFloating(graph_.type(in(0)).dtype)) {
    return Decline("sums along an axis of unknown or large size");
  }
  const bool exclusive = node().attr_or<bool>("exclusive", false), reverse = node().attr_or<bool>("reverse", false);
  std::vector<float> matrix(static_cast<size_t>(size * size), 0.0F);
  for (int64_t k = 0; k < size; ++k) {
    for (int64_t m = 0; m < size; ++m) {
      const bool counts = k == m ? !exclusive : (k < m) != reverse;
      matrix[static_cast<size_t>(k * size + m)] = counts ? 1.0F : 0.0F;
    }
  }
  const auto value = Multiplied(in(0), *axis, size, matrix);
  if (!value) return Decline("more than one dim is unknown");
  Replace(*value);
}

void Mover::Cumprod() {
  constexpr int64_t kMostFactors = 64;
  const Shape shape = ShapeOf(in(0));
  const auto axis = shape.has_rank() ? Axis(constant(1), shape.rank()) : std::nullopt;
  const int64_t size = axis ? shape.dim(*axis) : kUnknownDim;
  if (size < 1 || size > kMostFactors || !IsFloating(graph_.type(in(0)).dtype)) {
    return Decline("multiplies along an axis of unknown or large size");
  }
  const bool exclusive = node().attr_or<bool>("exclusive", false), reverse = node().attr_or<bool>("reverse", false);
  const Value x = in(0);
  const auto part = [&](int64_t i) { return Sliced(x, *axis, reverse ? size - 1 - i : i, 1); };
  std::vector<Value> parts;
  if (exclusive) {
    const Value one = Const(Tensor::Scalar<float>(1.0F).Cast(graph_.type(x).dtype).Dense());
    parts.push_back(New("ClipByValue", {part(0), one, one}));
  }
  const int64_t count = exclusive ? size - 1 : size;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(i == 0 ? part(0) : New("Mul", {parts.back(), part(i)}));
  }
  if (reverse) std::reverse(parts.begin(), parts.end());
  Replace(Joined(std::move(parts), *axis));
}

}  // namespace permafrost
