#include "optimizer/backends/onnx/old_forms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "optimizer/ops/kernel.h"

namespace permafrost {
namespace {

using Dims = std::vector<int64_t>;

constexpr int64_t kMostCopies = 256;

int Ones(OnnxConversion& to, int like, Dims dims) {
  const Tensor one = to.ConstantOf(to.Number(to.dtype(like), 1));
  return to.Constant(Tensor::Splat(to.dtype(like), std::move(dims), std::string(one.Dense().DenseBytes())));
}

int With(OnnxConversion& to, std::string_view op, int x, double number) {
  return to.Emit(op, {x, to.Number(to.dtype(x), number)});
}

// dims[axis] times along one axis, of which there is one element.
std::optional<int> RepeatedAlong(OnnxConversion& to, int id, size_t axis, const Dims& dims) {
  if (axis + 1 == dims.size() && dims.size() > 1 && IsFloating(to.dtype(id))) {
    return to.Emit("MatMul", {id, Ones(to, id, {1, dims[axis]})});
  }
  if (dims[axis] > kMostCopies) return std::nullopt;
  return to.Emit("Concat", std::vector<int>(static_cast<size_t>(dims[axis]), id), {{"axis", static_cast<int64_t>(axis)}});
}

// As the value's axes lie, with ones in front up to the rank of `order`. Nothing: not all known.
std::optional<Dims> DimsIn(const OnnxConversion& to, Value value, const AxisOrder& order) {
  const Shape& shape = to.shape(value);
  if (!shape.FullyKnown() || shape.rank() > static_cast<int>(order.size())) return std::nullopt;
  Dims plain(order.size() - static_cast<size_t>(shape.rank()), 1);
  plain.insert(plain.end(), shape.dims().begin(), shape.dims().end());
  Dims dims;
  for (const int axis : order) dims.push_back(plain[static_cast<size_t>(axis)]);
  return dims;
}

int ReshapedTo(OnnxConversion& to, int id, const Dims& dims, int own_rank) {
  return own_rank == static_cast<int>(dims.size()) ? id : to.Reshape(id, dims);
}

// Axes along which a product would have to repeat `own` between axes that it has.
std::vector<size_t> MiddleAxes(const Dims& own, const Dims& dims) {
  size_t first = 0, end = own.size();
  while (first < end && own[first] == 1) ++first;
  while (end > first && own[end - 1] == 1) --end;
  std::vector<size_t> axes;
  for (size_t i = first; i < end; ++i) {
    if (own[i] != dims[i]) axes.push_back(i);
  }
  return axes;
}

// A factor that a product repeats by itself.
int AsFactor(OnnxConversion& to, int id, Dims own, const Dims& dims) {
  const auto repeat = [&](size_t axis) {
    Dims next = own;
    next[axis] = dims[axis];
    const auto done = RepeatedAlong(to, id, axis, next);
    if (done) id = *done;
    own = std::move(next);
  };
  if (std::all_of(own.begin(), own.end(), [](int64_t dim) { return dim == 1; })) {
    size_t axis = dims.size();
    while (axis > 0 && dims[axis - 1] == 1) --axis;
    if (axis > 0) repeat(axis - 1);
  }
  for (auto middle = MiddleAxes(own, dims); middle.size() > 1; middle = MiddleAxes(own, dims)) {
    const auto less = [&](size_t a, size_t b) { return dims[a] < dims[b]; };
    repeat(*std::min_element(middle.begin(), middle.end(), less));
  }
  return id;
}

bool IsProduct(std::string_view op) { return op == "Mul" || op == "RealDiv" || op == "Div" || op == "DivNoNan"; }

// A constant that differs from sample to sample: sums take it in full, products as a live value.
void FitOverTheBatch(OnnxConversion& to, bool is_product, int whole, const Dims& dims, int& id) {
  constexpr int64_t kMost = int64_t{1} << 18;
  const Dims& own = to.ConstantOf(id).dims();
  const int64_t elements = CheckedElements(dims);
  if (own.size() != dims.size() || own.empty() || own[0] < 2 || elements < 0 || elements > kMost) return;
  const auto full = BroadcastTensor(to.ConstantOf(id).Dense(), dims);
  if (!full.ok()) return;
  id = to.Constant(*full);
  if (is_product) id = to.Emit("Add", {With(to, "Mul", whole, 0), id});
}

}  // namespace

bool NeedsOldForms(const OnnxConversion& to) {
  return to.runtime().kind == OnnxRuntime::Kind::kOpenCv && !to.runtime().Takes("Where");
}

std::optional<int> Repeated(OnnxConversion& to, int id, Dims own, const Dims& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (own[i] == dims[i]) continue;
    own[i] = dims[i];
    const auto next = RepeatedAlong(to, id, i, own);
    if (!next) return std::nullopt;
    id = *next;
  }
  return id;
}

bool FitOperands(OnnxConversion& to, const OnnxStep& step, const AxisOrder& order, std::vector<int>& ids) {
  const auto dims = DimsIn(to, step.out(), order);
  if (!NeedsOldForms(to) || !dims || ids.size() < 2) return false;
  std::vector<Dims> own;
  std::optional<size_t> whole;
  std::vector<bool> live;
  for (size_t i = 0; i < ids.size(); ++i) {
    const Value value = step.in(static_cast<int>(i));
    own.push_back(DimsIn(to, value, order).value_or(*dims));
    live.push_back(!to.IsConstant(ids[i]));
    if (live[i]) ids[i] = ReshapedTo(to, ids[i], own[i], to.rank(value));
    if (live[i] && !whole && own[i] == *dims) whole = i;
  }
  for (size_t i = 0; i < ids.size() && !whole; ++i) {
    const auto all = live[i] ? Repeated(to, ids[i], own[i], *dims) : std::nullopt;
    if (!all) continue;
    ids[i] = *all;
    own[i] = *dims;
    whole = i;
  }
  if (!whole) return false;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!live[i]) FitOverTheBatch(to, IsProduct(step.node.op), ids[*whole], *dims, ids[i]);
  }
  bool all_whole = true;
  const auto number = [&](int id) { return to.dtype(id) == DType::kBool ? to.Cast(id, DType::kFloat32) : id; };
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!live[i] || own[i] == *dims) continue;
    const int factor = AsFactor(to, number(ids[i]), own[i], *dims);
    const int all = number(ids[*whole]);
    all_whole &= !IsProduct(step.node.op);
    ids[i] = IsProduct(step.node.op) ? factor : to.SpreadOver(to.Cast(factor, to.dtype(all)), all);
  }
  return all_whole;
}

int ClipInSteps(OnnxConversion& to, int x, std::optional<double> low, std::optional<double> high) {
  constexpr double kFine = 64;  // what is subtracted from more loses its last digits
  const auto all = [&](double bound) { return With(to, "Add", With(to, "Mul", x, 0), bound); };
  int id = x;
  if (low == 0) {
    id = to.Emit("Relu", {x});
  } else if (low && std::abs(*low) <= kFine) {
    id = With(to, "Add", to.Emit("Relu", {With(to, "Sub", x, *low)}), *low);
  } else if (low) {
    id = to.Emit("Max", {x, all(*low)});
  }
  if (high && *high >= 0 && *high <= kFine) {
    const int bound = to.Number(to.dtype(x), *high);
    id = to.Emit("Sub", {bound, to.Emit("Relu", {to.Emit("Sub", {bound, id})})});
  } else if (high) {
    id = to.Emit("Min", {id, all(*high)});
  }
  return id;
}

int CompareInSteps(OnnxConversion& to, std::string_view op, const std::vector<int>& x) {
  if (op == "LessOrEqual") return NotInSteps(to, CompareInSteps(to, "Greater", x));
  if (op == "GreaterOrEqual") return NotInSteps(to, CompareInSteps(to, "Less", x));
  if (!to.IsConstant(x[0]) && !to.IsConstant(x[1])) return to.Emit(op, x, {}, DType::kBool);
  const int distance = to.Emit("Sub", x);
  return to.Emit(op, {distance, With(to, "Mul", distance, 0)}, {}, DType::kBool);
}

int NotInSteps(OnnxConversion& to, int x) {
  const int number = to.Cast(x, DType::kFloat32);
  return to.Cast(to.Emit("Sub", {to.Number(DType::kFloat32, 1), number}), DType::kBool);
}

int IsNumberInSteps(OnnxConversion& to, int x) { return to.Emit("Equal", {x, x}, {}, DType::kBool); }

int ChooseInSteps(OnnxConversion& to, int condition, int yes, int no) {
  const DType dtype = to.dtype(yes);
  const int taken = to.Cast(condition, dtype);
  const auto part = [&](int share, int value) {
    if (!to.IsConstant(value)) return to.Emit("Mul", {share, value});
    // A share of 0 of infinity would be no number.
    const Tensor& numbers = to.ConstantOf(value);
    std::vector<double> finite = numbers.Dense().Values<double>();
    constexpr double kMost = 3.0e38;
    for (double& number : finite) number = std::clamp(number, -kMost, kMost);
    return to.Emit("Mul", {share, to.Constant(Tensor::Of<double>(numbers.dims(), finite).Cast(dtype).Dense())});
  };
  const int left = to.Emit("Sub", {to.Number(dtype, 1), taken});
  return to.Emit("Add", {part(taken, yes), part(left, no)});
}

int InColumns(OnnxConversion& to, int x, int rank, int64_t count) {
  int column = to.Unsqueeze(to.Cast(x, DType::kFloat32), {rank});
  if (rank == 0) column = to.Reshape(column, {1, 1});
  const int columns = to.Emit("MatMul", {column, Ones(to, column, {1, count})});
  return rank == 0 ? to.Reshape(columns, {count}) : columns;
}

int HotRows(OnnxConversion& to, int x, int rank, int64_t count) {
  std::vector<float> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  const int distance = to.Emit("Abs", {to.Emit("Sub", {InColumns(to, x, rank, count), to.Constant(Tensor::Vector(numbers))})});
  return to.Emit("Relu", {to.Emit("Sub", {to.Number(DType::kFloat32, 1), distance})});
}

}  // namespace permafrost
