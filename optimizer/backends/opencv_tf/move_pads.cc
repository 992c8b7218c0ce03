#include "optimizer/backends/opencv_tf/mover.h"

#include <cmath>

namespace permafrost {

void Mover::PadV2() {
  const auto c = node().inputs.size() == 3 ? ScalarBehind(graph_, in(2)) : std::nullopt;
  const Tensor* paddings = constant(1);
  if (!c || paddings == nullptr || !IsFloating(graph_.type({id_, 0}).dtype)) return;
  if (*c == 0) {
    editor_.SetInputs(id_, {in(0), in(1)});
    editor_.SetOp(id_, "Pad");
    return;
  }
  constexpr double kFarBelow = -1e6, kLargestShift = 1e3;
  if (*c < kFarBelow) return PadPools(*paddings);
  if (std::abs(*c) > kLargestShift) return Decline("it pads with a number that floats cannot be shifted by");
  const auto scalar = [&](double value) {
    return Const(Tensor::Scalar<double>(value).Cast(graph_.type({id_, 0}).dtype).Dense());
  };
  const Value shifted = New("Add", {in(0), scalar(-*c)});
  Replace(New("Add", {New("Pad", {shifted, in(1)}), scalar(*c)}));
}

void Mover::PadPools(const Tensor& paddings) {
  const std::vector<int64_t> sides = paddings.Values<int64_t>();
  for (const Use& use : editor_.Users(id_)) {
    const Node& user = graph_.node(use.node);
    const auto window = user.attr_or<std::vector<int64_t>>("ksize", {});
    bool fits = user.op == "MaxPool" && user.attr_or<std::string>("padding", "") == "VALID" && sides.size() == 8 &&
                window.size() == 4;
    for (size_t i = 0; i < 8 && fits; ++i) fits = sides[i] >= 0 && (sides[i] == 0 || sides[i] < window[i / 2]);
    if (!fits) return Decline("it pads with a number far below 0 for other than poolings");
  }
  if (editor_.IsOutput({id_, 0})) return;
  for (const Use& use : std::vector<Use>(editor_.Users(id_))) {
    editor_.SetAttr(use.node, "padding", std::string("EXPLICIT"));
    editor_.SetAttr(use.node, "explicit_paddings", sides);
    editor_.SetInput(use.node, 0, in(0));
  }
}

void Mover::MirrorPad() {
  const Shape shape = ShapeOf(in(0));
  const Tensor* paddings = constant(1);
  if (paddings == nullptr || !shape.has_rank() || paddings->elements() != 2 * shape.rank()) return;
  const int64_t edge = node().attr_or<std::string>("mode", "REFLECT") == "SYMMETRIC" ? 0 : 1;
  const std::vector<int64_t> sides = paddings->Values<int64_t>();
  const bool pictures =
      shape.rank() == 4 && ChannelAxisOf(in(0)) == 3 && sides[0] + sides[1] + sides[6] + sides[7] == 0;
  if (edge == 1 && pictures) return;
  Value value = in(0);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t before = sides[static_cast<size_t>(2 * axis)], after = sides[static_cast<size_t>(2 * axis + 1)];
    const int64_t size = shape.dim(axis);
    if (before == 0 && after == 0) continue;
    if (size < 1 || size > kLargestMatrix || before < 0 || after < 0 || before > size - edge || after > size - edge) {
      return Decline("it mirrors along an unknown dim");
    }
    Indices indices;
    for (int64_t i = before; i > 0; --i) indices.push_back(i - 1 + edge);
    for (int64_t i = 0; i < size; ++i) indices.push_back(i);
    for (int64_t i = 0; i < after; ++i) indices.push_back(size - 1 - edge - i);
    const auto mirrored = Selected(value, axis, indices);
    if (!mirrored) return Decline("it mirrors too many elements");
    value = *mirrored;
  }
  Replace(value);
}

}  // namespace permafrost
