#include <algorithm>

#include "optimizer/backends/onnx/axis_order.h"
#include "optimizer/backends/onnx/old_forms.h"
#include "optimizer/backends/onnx/op_table.h"
#include "optimizer/ir/axes.h"

namespace permafrost {
namespace {

int64_t Unknowns(const std::vector<int64_t>& dims) { return std::count(dims.begin(), dims.end(), kUnknownDim); }

// Planar data that keep their batch and channels: [N,C,H,W] -> [N,C,H*W]. The dims to write, or nothing.
std::vector<int64_t> PlanarReshape(const Shape& in, const Shape& out) {
  const int64_t channels = in.dim(-1);
  if (out.rank() < 3 || channels <= 0 || out.dim(-1) != channels) return {};
  const int64_t space = ElementsAlong(in, 1, in.rank() - 1), new_space = ElementsAlong(out, 1, out.rank() - 1);
  const bool same_batch = in.dim(0) > 0 && in.dim(0) == out.dim(0);
  if (!same_batch && (space <= 0 || space != new_space)) return {};
  std::vector<int64_t> dims = {out.dim(0), channels};
  dims.insert(dims.end(), out.dims().begin() + 1, out.dims().end() - 1);
  if (Unknowns(dims) > 1 && dims[0] == kUnknownDim) dims[0] = 0;
  return Unknowns(dims) <= 1 ? dims : std::vector<int64_t>();
}

// What the node asks for as far as it is known; at most one -1. Nothing: it has to be worked out when the file runs.
std::optional<std::vector<int64_t>> ReshapeTarget(OnnxConversion& to, const OnnxStep& step) {
  if (const auto ints = to.Ints(step.in(1))) return ints;
  const Shape& out = to.shape(step.out());
  if (out.has_rank() && Unknowns(out.dims()) <= 1) return out.dims();
  return std::nullopt;
}

Status Reshape(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const Shape &in = to.shape(x), &out = to.shape(step.out());
  const auto target = ReshapeTarget(to, step);
  if (!target) {
    to.SetPlain(step.out(), to.Emit("Reshape", {to.Plain(x), to.AsInt64(to.Plain(step.in(1)))}));
    return OkStatus();
  }
  if (std::find(target->begin(), target->end(), 0) != target->end()) return Unsupported("a value without elements");
  const AxisOrder order = to.OrderOf(x);
  if (!IsPlainOrder(order) && order == PlanarOrder(in.rank()) && out.has_rank()) {
    if (const auto dims = PlanarReshape(in, out); !dims.empty()) {
      to.Set(step.out(), to.Reshape(to.In(x, order), dims), PlanarOrder(out.rank()));
      return OkStatus();
    }
    const int64_t elements = ElementsAlong(in, 1, in.rank());
    const bool moves = in.dim(-1) != 1 && ElementsAlong(in, 1, in.rank() - 1) != 1;
    if (moves && out.rank() == 2 && elements > 0 && out.dim(1) == elements) {
      const int planar = to.In(x, order);
      const std::vector<int64_t> dims(in.dims().begin() + 1, in.dims().end());
      to.SetFlattened(step.out(), {to.Reshape(planar, {out.dim(0), elements}), dims, planar});
      return OkStatus();
    }
  }
  to.SetPlain(step.out(), to.Reshape(to.Plain(x), *target));
  return OkStatus();
}

Status Squeeze(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const int rank = to.rank(x);
  if (rank < 0) return Unsupported("its input has an unknown rank");
  std::vector<int> axes;
  const auto* dims = step.node.attr<std::vector<int64_t>>("squeeze_dims");
  if (dims == nullptr) dims = step.node.attr<std::vector<int64_t>>("axis");
  if (dims != nullptr && !dims->empty()) {
    for (int64_t axis : *dims) axes.push_back(PositiveAxis(axis, rank));
  } else {
    if (Unknowns(to.shape(x).dims()) > 0) return Unsupported("which axes are 1 is not known");
    for (int i = 0; i < rank; ++i) {
      if (to.shape(x).dim(i) == 1) axes.push_back(i);
    }
  }
  std::sort(axes.begin(), axes.end());
  const AxisOrder order = to.OrderOf(x);
  std::vector<int64_t> positions = PositionsOf(order, axes);
  std::sort(positions.begin(), positions.end());
  to.Set(step.out(), to.Squeeze(to.In(x, order), positions), WithoutAxes(order, axes));
  return OkStatus();
}

Status ExpandDims(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto axis = to.Ints(step.in(1));
  const int rank = to.rank(x);
  if (rank < 0 || !axis || axis->size() != 1) return Unsupported("its axis or rank is not known");
  std::vector<int64_t> places;
  const AxisOrder order = to.OrderOf(x);
  const AxisOrder result = WithAxes(order, {PositiveAxis((*axis)[0], rank + 1)}, places);
  to.Set(step.out(), to.Unsqueeze(to.In(x, order), places), result);
  return OkStatus();
}

// Nothing is moved until somebody needs it: the data lie in another order of the result's axes.
Status Transpose(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto permutation = to.Ints(step.in(1));
  const int rank = to.rank(x);
  if (!permutation || rank < 0) return Unsupported("its permutation is not constant");
  std::vector<int64_t> sorted = *permutation;
  std::sort(sorted.begin(), sorted.end());
  const AxisOrder axes = PlainOrder(rank);
  if (!std::equal(sorted.begin(), sorted.end(), axes.begin(), axes.end())) {
    return InvalidArgument("its permutation names no axis or one twice");
  }
  if (to.constant(x) != nullptr) {
    to.SetPlain(step.out(), to.Transpose(to.Plain(x), {permutation->begin(), permutation->end()}));
    return OkStatus();
  }
  const AxisOrder order = to.OrderOf(x);
  AxisOrder result;
  for (int axis : order) {
    result.push_back(
        static_cast<int>(std::find(permutation->begin(), permutation->end(), axis) - permutation->begin()));
  }
  to.Set(step.out(), to.In(x, order), result);
  return OkStatus();
}

// The sizes in TensorFlow's order, int64.
int SizesOf(OnnxConversion& to, Value x) {
  const AxisOrder order = to.OrderOf(x);
  const int sizes = to.Emit("Shape", {to.In(x, order)}, {}, DType::kInt64);
  if (IsPlainOrder(order)) return sizes;
  std::vector<int64_t> positions;
  for (int axis = 0; axis < static_cast<int>(order.size()); ++axis) positions.push_back(PositionOf(order, axis));
  return to.Emit("Gather", {sizes, to.Ints64(positions)}, {{"axis", int64_t{0}}});
}

Status ShapeOf(OnnxConversion& to, const OnnxStep& step) {
  for (int i = 0; i < step.inputs(); ++i) to.SetPlain(step.out(i), SizesOf(to, step.in(i)));
  return OkStatus();
}

Status Size(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  to.SetPlain(step.out(), to.Emit("Size", {to.In(x, to.OrderOf(x))}, {}, DType::kInt64));
  return OkStatus();
}

int Filled(OnnxConversion& to, int sizes, DType dtype, double value) {
  const Tensor one = to.ConstantOf(to.Number(dtype, value)).Reshaped({1});
  return to.Emit("ConstantOfShape", {sizes}, {{"value", one}}, dtype);
}

Status Fill(OnnxConversion& to, const OnnxStep& step) {
  const int sizes = to.AsInt64(to.Plain(step.in(0)));
  const Tensor* value = to.constant(step.in(1));
  const auto number = value == nullptr ? std::nullopt : value->SingleValue();
  const int id = number ? Filled(to, sizes, value->dtype(), *number) : to.Emit("Expand", {to.Plain(step.in(1)), sizes});
  to.SetPlain(step.out(), id);
  return OkStatus();
}

bool IsOutput(const OnnxConversion& to, Value value) {
  const auto& outputs = to.graph().outputs();
  return std::any_of(outputs.begin(), outputs.end(), [&](const GraphOutput& output) { return output.value == value; });
}

Status FilledLike(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const AxisOrder order = to.OrderOf(x);
  // OpenCV 4 gives no constants as outputs, before 4.8 it has no layer of one.
  const bool must_live = NeedsOldForms(to) || (to.runtime().MayBeOpenCv4() && IsOutput(to, step.out()));
  if (must_live && IsFloating(to.type(x).dtype)) {
    const int none = to.Emit("Mul", {to.In(x, order), to.Number(to.type(x).dtype, 0)});
    const bool ones = step.node.op == "OnesLike";
    to.Set(step.out(), ones ? to.Emit("Add", {none, to.Number(to.dtype(none), 1)}) : none, order);
    return OkStatus();
  }
  const int sizes = to.Emit("Shape", {to.In(x, order)}, {}, DType::kInt64);
  to.Set(step.out(), Filled(to, sizes, to.type(x).dtype, step.node.op == "OnesLike" ? 1 : 0), order);
  return OkStatus();
}

Status BroadcastTo(OnnxConversion& to, const OnnxStep& step) {
  const Shape &from = to.shape(step.in(0)), &result = to.shape(step.out());
  // OpenCV 4 trips over a last axis of 1.
  const bool trips = to.runtime().kind == OnnxRuntime::Kind::kOpenCv && to.runtime().opencv_version < 50000 &&
                     result.rank() > 1 && result.dim(-1) == 1;
  if ((NeedsOldForms(to) || trips) && from.FullyKnown() && result.FullyKnown() && result.rank() >= from.rank()) {
    std::vector<int64_t> own(static_cast<size_t>(result.rank() - from.rank()), 1);
    own.insert(own.end(), from.dims().begin(), from.dims().end());
    const int x = to.Plain(step.in(0));
    const int framed = from.rank() == result.rank() ? x : to.Reshape(x, own);
    if (const auto id = Repeated(to, framed, own, result.dims())) {
      to.SetPlain(step.out(), *id);
      return OkStatus();
    }
  }
  to.SetPlain(step.out(), to.Emit("Expand", {to.Plain(step.in(0)), to.AsInt64(to.Plain(step.in(1)))}));
  return OkStatus();
}

Status Range(OnnxConversion& to, const OnnxStep& step) {
  to.Need(11);
  std::vector<int> bounds = {to.Plain(step.in(0)), to.Plain(step.in(1)), to.Plain(step.in(2))};
  const bool wide = std::any_of(bounds.begin(), bounds.end(), [&](int id) { return to.dtype(id) == DType::kInt64; });
  for (int& id : bounds) {
    if (wide) id = to.AsInt64(id);
  }
  to.SetPlain(step.out(), to.Emit("Range", bounds));
  return OkStatus();
}

}  // namespace

std::vector<OnnxOp> OnnxShapeOps() {
  return {
      {"BroadcastTo", BroadcastTo}, {"ExpandDims", ExpandDims}, {"Fill", Fill},
      {"OnesLike", FilledLike},     {"Range", Range},           {"Reshape", Reshape},
      {"Shape", ShapeOf},           {"ShapeN", ShapeOf},        {"Size", Size},
      {"Squeeze", Squeeze},         {"Transpose", Transpose},   {"ZerosLike", FilledLike},
  };
}

}  // namespace permafrost
