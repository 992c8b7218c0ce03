#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "optimizer/backends/onnx/axis_order.h"
#include "optimizer/backends/onnx/old_forms.h"

namespace permafrost {
namespace {

// The operands in one order and one dtype. Integers that came from Shape are int64 where TensorFlow has int32.
struct Operands {
  std::vector<int> ids;
  AxisOrder order;
  bool whole = false;  // all live ones have the shape of the result, see FitOperands
};

Operands Gather(OnnxConversion& to, const OnnxStep& step, const std::vector<Value>& values) {
  Operands operands;
  operands.order = to.CommonOrder(values, to.rank(step.out()));
  bool wide = false;
  const Shape* against = nullptr;  // the one live operand's
  if (values.size() == 2 && (to.constant(values[0]) == nullptr) != (to.constant(values[1]) == nullptr)) {
    against = &to.shape(values[to.constant(values[0]) == nullptr ? 0 : 1]);
  }
  if (values.size() == 3 && NeedsOldForms(to)) against = &to.shape(step.out());
  const int rank = to.rank(step.out());
  const auto is_number = [&](Value value) { return to.constant(value) != nullptr && to.constant(value)->elements() == 1; };
  const bool has_axes = std::any_of(values.begin(), values.end(), [&](Value value) { return !is_number(value) && to.rank(value) == rank; });
  for (Value value : values) {
    const bool gives_axes = !has_axes && is_number(value) && to.rank(value) == rank;
    operands.ids.push_back(gives_axes ? to.Plain(value) : to.Operand(value, operands.order, against));
    wide |= to.dtype(operands.ids.back()) == DType::kInt64;
  }
  for (int& id : operands.ids) {
    if (wide && to.dtype(id) == DType::kInt32) id = to.AsInt64(id);
  }
  operands.whole = FitOperands(to, step, operands.order, operands.ids);
  return operands;
}

// Flattened planar data stay as they lie if the only other operands are constants that can follow.
std::optional<std::vector<int>> GatherFlattened(OnnxConversion& to, const OnnxStep& step, std::vector<int64_t>& dims) {
  std::vector<int> ids;
  for (Value value : step.node.inputs) {
    if (const auto* flat = to.FlattenedIn(value)) {
      if (!dims.empty() && dims != flat->dims) return std::nullopt;
      dims = flat->dims;
    } else if (to.constant(value) == nullptr) {
      return std::nullopt;
    }
  }
  if (dims.empty()) return std::nullopt;
  for (Value value : step.node.inputs) {
    const Tensor* constant = to.constant(value);
    if (constant == nullptr) {
      ids.push_back(to.FlattenedIn(value)->id);
    } else if (constant->elements() == 1 && constant->rank() <= 2) {
      ids.push_back(to.Constant(constant->Reshaped({})));
    } else if (constant->rank() <= 2 && constant->elements() == CheckedElements(dims) &&
               constant->dims().back() == constant->elements()) {
      ids.push_back(to.Constant(ChannelsInFront(constant->Reshaped(dims)).Reshaped({1, constant->elements()})));
    } else {
      return std::nullopt;
    }
  }
  return ids;
}

using Formula = int (*)(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x);

// OpenCV from 4.8 to 4.14 lays a value of one axis as a column, beside which a constant is a row: both become rows.
bool MakeRows(OnnxConversion& to, const OnnxStep& step, std::vector<int>& ids) {
  const bool takes_columns = NeedsOldForms(to) || to.runtime().Takes("Sub", "a number and a value of one axis");
  if (takes_columns || !to.shape(step.out()).IsRank(1)) return false;
  const auto live = std::find_if(ids.begin(), ids.end(), [&](int id) { return !to.IsConstant(id); });
  if (live == ids.end() || !IsFloating(to.dtype(*live))) return false;
  constexpr std::array<std::string_view, 3> kWithOne = {"Erfc", "Expm1", "Log1p"};
  const bool has_constant = std::any_of(ids.begin(), ids.end(), [&](int id) { return to.IsConstant(id); }) ||
                            std::find(kWithOne.begin(), kWithOne.end(), step.node.op) != kWithOne.end();
  if (!has_constant) return false;
  for (int& id : ids) {
    if (!to.IsConstant(id)) {
      id = to.Reshape(id, {1, -1});
    } else if (to.ConstantOf(id).elements() != 1) {
      id = to.Constant(to.ConstantOf(id).Reshaped({1, to.ConstantOf(id).elements()}));
    }
  }
  return true;
}

Status Build(OnnxConversion& to, const OnnxStep& step, Formula formula) {
  std::vector<int64_t> dims;
  if (auto flat = GatherFlattened(to, step, dims)) {
    to.SetFlattened(step.out(), {formula(to, step, *flat), dims, OnnxNode::kAbsent});
    return OkStatus();
  }
  Operands operands = Gather(to, step, step.node.inputs);
  constexpr int kMostAxes = 5;  // of old layers that take two operands
  const Shape& shape = to.shape(step.out());
  const bool numbers_only = std::all_of(operands.ids.begin(), operands.ids.end(), [&](int id) {
    return !to.IsConstant(id) || to.ConstantOf(id).elements() == 1;
  });
  if (operands.whole && numbers_only && shape.rank() > kMostAxes) {
    for (int& id : operands.ids) {
      if (!to.IsConstant(id)) id = to.Reshape(id, {shape.dim(operands.order[0]), -1});
    }
    const int flat = formula(to, step, operands.ids);
    to.Set(step.out(), to.Reshape(flat, InOrder(operands.order, shape.dims())), operands.order);
    return OkStatus();
  }
  const bool rows = MakeRows(to, step, operands.ids);
  const int result = formula(to, step, operands.ids);
  to.Set(step.out(), rows ? to.Reshape(result, {-1}) : result, operands.order);
  return OkStatus();
}

// `kFormula` as the builder of a row.
template <Formula kFormula>
Status Elementwise(OnnxConversion& to, const OnnxStep& step) {
  return Build(to, step, kFormula);
}

int Plainly(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  to.Need(step.row.since);
  return to.Emit(step.row.onnx, x);
}

int Compared(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  if (NeedsOldForms(to)) return CompareInSteps(to, step.row.onnx, x);
  to.Need(step.row.since);
  return to.Emit(step.row.onnx, x, {}, DType::kBool);
}

int Constant(OnnxConversion& to, int like, double value) { return to.Number(to.dtype(like), value); }

bool IsWhole(OnnxConversion& to, int id) { return IsInteger(to.dtype(id)); }

int Clip(OnnxConversion& to, int x, std::optional<double> low, std::optional<double> high) {
  if (IsWhole(to, x)) to.Need(12);
  if (to.opset() >= 11 && to.runtime().IsOldOpenCv()) return ClipInSteps(to, x, low, high);
  if (to.opset() >= 11) {
    std::vector<int> inputs = {x, low ? Constant(to, x, *low) : OnnxNode::kAbsent};
    if (high) inputs.push_back(Constant(to, x, *high));
    return to.Emit("Clip", inputs);
  }
  AttrMap attrs;
  attrs["min"] = static_cast<float>(low.value_or(std::numeric_limits<float>::lowest()));
  attrs["max"] = static_cast<float>(high.value_or(std::numeric_limits<float>::max()));
  return to.Emit("Clip", {x}, attrs);
}

int Relu6(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) { return Clip(to, x[0], 0.0, 6.0); }

int ClipByValue(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  const auto number = [&](int i) -> std::optional<double> {
    const Tensor* constant = to.constant(step.in(i));
    return constant == nullptr || constant->elements() != 1 ? std::nullopt : constant->SingleValue();
  };
  const auto one_low = number(1), one_high = number(2);
  if (one_low && one_high && *one_low <= *one_high) return Clip(to, x[0], one_low, one_high);
  return to.Emit("Min", {to.Emit("Max", {x[0], x[1]}), x[2]});
}

// Maximum and Minimum with one number are cuts.
int Extreme(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  if (IsWhole(to, x[0])) to.Need(12);
  const bool largest = step.row.onnx == "Max";
  for (int i = 0; i < 2; ++i) {
    const Tensor* constant = to.constant(step.in(i));
    if (constant == nullptr || constant->elements() != 1 || constant->rank() > to.rank(step.in(1 - i))) continue;
    const auto number = IsWhole(to, x[0]) ? std::nullopt : constant->SingleValue();
    if (!number) continue;
    const int other = x[static_cast<size_t>(1 - i)];
    if (largest && *number == 0) return to.Emit("Relu", {other});
    return largest ? Clip(to, other, number, std::nullopt) : Clip(to, other, std::nullopt, number);
  }
  if (NeedsOldForms(to)) {
    // Constants are no operands there: made of the live one.
    for (size_t i = 0; i < 2; ++i) {
      if (to.IsConstant(x[i])) x[i] = to.Emit("Add", {to.Emit("Mul", {x[1 - i], Constant(to, x[i], 0)}), x[i]});
    }
  }
  return to.Emit(step.row.onnx, x);
}

int Tanh(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Tanh", {to.runtime().MayBeOpenCv() ? Clip(to, x[0], -20.0, 20.0) : x[0]});
}

int LeakyRelu(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  return to.Emit("LeakyRelu", x, {{"alpha", step.node.attr_or<float>("alpha", 0.2F)}});
}
int Elu(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) { return to.Emit("Elu", x, {{"alpha", 1.0F}}); }
int Selu(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Selu", x, {{"alpha", 1.67326324235F}, {"gamma", 1.05070098735F}});
}
int Square(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) { return to.Emit("Mul", {x[0], x[0]}); }
// The angle of (x, y): atan(y / x), half a turn further where x is negative, towards y's side.
int Atan2(OnnxConversion& to, const OnnxStep&, std::vector<int>& in) {
  constexpr double kPi = 3.14159265358979323846;
  const int y = in[0], x = in[1];
  const auto number = [&](double value) { return Constant(to, x, value); };
  const auto where = [&](std::string_view comparison, int left, int yes, int no) {
    if (NeedsOldForms(to)) return ChooseInSteps(to, CompareInSteps(to, comparison, {left, number(0)}), yes, no);
    const int condition = to.Emit(comparison, {left, number(0)}, {}, DType::kBool);
    return to.Emit("Where", {condition, yes, no}, {}, to.dtype(x));
  };
  const int side = where("Less", y, number(-1), number(1));
  const int half_turn = to.Emit("Mul", {where("Less", x, number(kPi), number(0)), side});
  to.Need(11);  // Equal of floats
  const int upright = to.Emit("Mul", {to.Emit("Sign", {y}), number(kPi / 2)});
  const int safe = where("Equal", x, number(1), x);
  const int turned = to.Emit("Add", {to.Emit("Atan", {to.Emit("Div", {y, safe})}), half_turn});
  return where("Equal", x, upright, turned);
}
int Rsqrt(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Reciprocal", {to.Emit("Sqrt", x)});
}
int Log1p(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Log", {to.Emit("Add", {x[0], Constant(to, x[0], 1)})});
}
int Expm1(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Sub", {to.Emit("Exp", x), Constant(to, x[0], 1)});
}
int Erfc(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Sub", {Constant(to, x[0], 1), to.Emit("Erf", x)});
}
int SquaredDifference(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  const int difference = to.Emit("Sub", x);
  return to.Emit("Mul", {difference, difference});
}
// OpenCV takes exp(x) / sum(..) for a softmax over one axis, whatever the axes are.
int Divide(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  const auto op = [&](int i) -> std::string_view { return to.graph().node(step.in(i).node).op; };
  if (NeedsOldForms(to) && IsFloating(to.dtype(x[0]))) {
    // It takes the larger operand for the dividend, and a vector for the divisor.
    const bool is_number = to.IsConstant(x[0]) && to.ConstantOf(x[0]).elements() == 1;
    const bool smaller = !to.IsConstant(x[0]) && !to.IsConstant(x[1]) && to.shape(step.in(0)) != to.shape(step.out());
    if ((to.IsConstant(x[0]) && !is_number) || smaller) return to.Emit("Mul", {to.Emit("Reciprocal", {x[1]}), x[0]});
  }
  if (!to.runtime().MayBeOpenCv() || op(0) != "Exp" || op(1) != "Sum") return to.Emit("Div", x);
  return to.Emit("Mul", {x[0], to.Emit("Reciprocal", {x[1]})});
}

int DivNoNan(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  const int zero = Constant(to, x[1], 0);
  to.Need(11);
  if (NeedsOldForms(to)) {  // by 1 where it is 0, and then 0 times
    const int test = to.Cast(CompareInSteps(to, "Equal", {x[1], zero}), to.dtype(x[1]));
    const int quotient = to.Emit("Div", {x[0], to.Emit("Add", {x[1], test})});
    return to.Emit("Mul", {quotient, to.Emit("Sub", {Constant(to, x[1], 1), test})});
  }
  const int is_zero = to.Emit("Equal", {x[1], zero}, {}, DType::kBool);
  const int quotient = to.Emit("Div", x);
  return to.Emit("Where", {is_zero, zero, quotient}, {}, to.dtype(x[0]));
}
int Pow(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  const Tensor* exponent = to.constant(step.in(1));
  const bool single = exponent != nullptr && exponent->elements() == 1 && exponent->rank() <= to.rank(step.in(0));
  const auto number = single ? exponent->SingleValue() : std::nullopt;
  if (number == 2.0) return to.Emit("Mul", {x[0], x[0]});
  if (number == 0.5) return to.Emit("Sqrt", {x[0]});
  if (IsWhole(to, x[0])) to.Need(12);
  return to.Emit("Pow", x);
}
int FloorMod(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  if (IsWhole(to, x[0]) && !NeedsOldForms(to)) return to.Emit("Mod", x);
  const int whole = to.Emit("Floor", {to.Emit("Div", x)});
  return to.Emit("Sub", {x[0], to.Emit("Mul", {whole, x[1]})});
}
int TruncateMod(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return to.Emit("Mod", x, {{"fmod", int64_t{1}}});
}
int FloorDiv(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  if (!IsWhole(to, x[0]) || NeedsOldForms(to)) return to.Emit("Floor", {to.Emit("Div", x)});
  return to.Emit("Div", {to.Emit("Sub", {x[0], to.Emit("Mod", x)}), x[1]});
}
int Equal(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  if (NeedsOldForms(to)) return CompareInSteps(to, "Equal", x);
  if (IsFloating(to.dtype(x[0]))) to.Need(11);
  return to.Emit("Equal", x, {}, DType::kBool);
}
// OpenCV 4 has no layers for these; its truth values are 0 and 1.
int Both(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  if (to.runtime().Takes(step.row.onnx)) return to.Emit(step.row.onnx, x, {}, DType::kBool);
  const std::string_view op = step.row.onnx == "And" ? "Mul" : "Max";
  return to.Cast(to.Emit(op, {to.Cast(x[0], DType::kFloat32), to.Cast(x[1], DType::kFloat32)}), DType::kBool);
}
int Not(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  return NeedsOldForms(to) ? NotInSteps(to, x[0]) : to.Emit("Not", {x[0]}, {}, DType::kBool);
}
int NotEqual(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  std::vector<int> equal = {Equal(to, step, x)};
  return Not(to, step, equal);
}
// Infinity and no number, times 0, are no numbers. OpenCV 4 has no other test.
int TimesZero(OnnxConversion& to, int x) { return to.Emit("Mul", {x, Constant(to, x, 0)}); }
int IsNan(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  if (!NeedsOldForms(to)) return to.Emit("IsNaN", x, {}, DType::kBool);
  return NotInSteps(to, IsNumberInSteps(to, x[0]));
}
int IsInf(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  if (!NeedsOldForms(to)) return to.Emit("IsInf", {to.Cast(x[0], DType::kFloat32)}, {}, DType::kBool);
  const auto number = [&](int id) { return to.Cast(IsNumberInSteps(to, id), DType::kFloat32); };
  return to.Cast(to.Emit("Sub", {number(x[0]), number(TimesZero(to, x[0]))}), DType::kBool);
}
int IsFinite(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  if (NeedsOldForms(to)) return IsNumberInSteps(to, TimesZero(to, x[0]));
  x[0] = to.Cast(x[0], DType::kFloat32);
  const int infinite = to.Emit("IsInf", x, {}, DType::kBool), no_number = to.Emit("IsNaN", x, {}, DType::kBool);
  return to.Emit("Not", {to.Emit("Or", {infinite, no_number})});
}
int Sum(OnnxConversion& to, const OnnxStep&, std::vector<int>& x) {
  int sum = x[0];
  for (size_t i = 1; i < x.size(); ++i) sum = to.Emit("Add", {sum, x[i]});
  return sum;
}

int CastTo(OnnxConversion& to, const OnnxStep& step, std::vector<int>& x) {
  const DType wanted = step.node.attr_or<DType>("DstT", DType::kInvalid);
  // Sizes stay int64.
  if (wanted == DType::kInt32 && to.dtype(x[0]) == DType::kInt64) return x[0];
  // OpenCV 4 does not cut numbers, it rounds them when it takes them for indices.
  const std::vector<Use>& users = to.Users(step.id);
  const bool indices = std::all_of(users.begin(), users.end(), [&](const Use& use) {
    return use.index == 1 && to.graph().node(use.node).op.starts_with("Gather");
  });
  if (to.runtime().MayBeOpenCv() && indices && !users.empty() && IsFloating(to.dtype(x[0])) && IsInteger(wanted)) {
    return to.Cast(to.Emit("Floor", x), wanted);
  }
  return to.Cast(x[0], wanted);
}

Status Add(OnnxConversion& to, const OnnxStep& step) {
  for (int i = 0; i < 2; ++i) {
    const Tensor* constant = to.constant(step.in(i));
    const Value x = step.in(1 - i);
    if (constant == nullptr || constant->elements() < 2 || constant->dims().back() != constant->elements()) continue;
    if (constant->rank() > to.rank(x) || to.OrderOf(x) != PlanarOrder(to.rank(x))) continue;
    if (AddBias(to, step, x, *constant)) return OkStatus();
  }
  return Build(to, step, Plainly);
}

// Cut to a range that has 0 among its steps, then rounded to them.
Status FakeQuantize(OnnxConversion& to, const OnnxStep& step) {
  double low = step.node.attr_or<float>("min", -6.0F), high = step.node.attr_or<float>("max", 6.0F);
  if (step.inputs() == 3) {
    const Tensor *from = to.constant(step.in(1)), *upto = to.constant(step.in(2));
    if (from == nullptr || upto == nullptr || !from->SingleValue() || !upto->SingleValue()) {
      return Unsupported("a range that is not constant or differs from channel to channel");
    }
    low = *from->SingleValue();
    high = *upto->SingleValue();
  }
  const int64_t bits = step.node.attr_or<int64_t>("num_bits", 8);
  if (bits < 2 || bits > 16 || !(low < high)) return InvalidArgument("a range or a number of bits that makes no steps");
  const double first = step.node.attr_or<bool>("narrow_range", false) ? 1 : 0, last = std::exp2(bits) - 1;
  const double scale = (high - low) / (last - first);
  const double zero = std::clamp(std::round(first - low / scale), first, last);
  const double nudged_low = (first - zero) * scale, nudged_high = (last - zero) * scale;
  const AxisOrder order = to.OrderOf(step.in(0));
  const int x = to.In(step.in(0), order);
  const bool symmetric = zero == 128;
  const bool integers = to.runtime().kind == OnnxRuntime::Kind::kOnnxRuntime ||
                        (to.runtime().kind == OnnxRuntime::Kind::kTensorRt && symmetric);
  if (integers && bits == 8 && to.dtype(x) == DType::kFloat32) {
    const Tensor level = symmetric ? Tensor::Scalar<int8_t>(0) : Tensor::Scalar<uint8_t>(static_cast<uint8_t>(zero));
    const int by = to.Number(DType::kFloat32, scale), from = to.Constant(level);
    const int cut = first == 0 ? x : Clip(to, x, nudged_low, nudged_high);
    const int stored = to.Emit("QuantizeLinear", {cut, by, from}, {}, level.dtype());
    to.Set(step.out(), to.Emit("DequantizeLinear", {stored, by, from}, {}, DType::kFloat32), order);
    return OkStatus();
  }
  const auto with = [&](std::string_view op, int id, double number) {
    return to.Emit(op, {id, to.Number(to.dtype(x), number)});
  };
  const int steps = with("Mul", with("Sub", Clip(to, x, nudged_low, nudged_high), nudged_low), 1 / scale);
  const int rounded = to.Emit("Floor", {with("Add", steps, 0.5)});
  to.Set(step.out(), with("Add", with("Mul", rounded, scale), nudged_low), order);
  return OkStatus();
}

// A condition of one row per element of the first axis chooses whole rows.
Status Select(OnnxConversion& to, const OnnxStep& step) {
  const Value condition = step.in(0);
  const int rank = to.rank(step.out());
  if (step.node.op == "Select" && to.rank(condition) == 1 && rank > 1) {
    std::vector<int64_t> axes;
    for (int i = 1; i < rank; ++i) axes.push_back(i);
    const int mask = to.Unsqueeze(to.Plain(condition), axes);
    to.SetPlain(step.out(),
                to.Emit("Where", {mask, to.Plain(step.in(1)), to.Plain(step.in(2))}, {}, to.type(step.out()).dtype));
    return OkStatus();
  }
  Operands operands = Gather(to, step, step.node.inputs);
  if (NeedsOldForms(to) && IsFloating(to.dtype(operands.ids[1]))) {
    to.Set(step.out(), ChooseInSteps(to, operands.ids[0], operands.ids[1], operands.ids[2]), operands.order);
    return OkStatus();
  }
  const int chosen = to.Emit("Where", operands.ids, {}, to.dtype(operands.ids[1]));
  to.Set(step.out(), chosen, operands.order);
  return OkStatus();
}

// How many of the boundaries the value has reached.
Status Bucketize(OnnxConversion& to, const OnnxStep& step) {
  const auto* boundaries = step.node.attr<std::vector<float>>("boundaries");
  const int rank = to.rank(step.in(0));
  if (boundaries == nullptr || rank < 0) return Unsupported("its boundaries or rank are not known");
  const int limits = to.Constant(Tensor::Vector<float>(*boundaries));
  int reached = 0;
  if (NeedsOldForms(to)) {
    const int columns = InColumns(to, to.Plain(step.in(0)), rank, static_cast<int64_t>(boundaries->size()));
    reached = to.Cast(CompareInSteps(to, "GreaterOrEqual", {columns, limits}), DType::kFloat32);
  } else {
    const int x = to.Unsqueeze(to.Cast(to.Plain(step.in(0)), DType::kFloat32), {rank});
    const int below = to.Emit("Less", {x, limits}, {}, DType::kBool);
    reached = to.Cast(to.Emit("Not", {below}), DType::kFloat32);
  }
  const int64_t keep = 0;
  const int count = to.opset() >= 13
                        ? to.Emit("ReduceSum", {reached, to.Ints64({rank})}, {{"keepdims", keep}})
                        : to.Emit("ReduceSum", {reached}, {{"axes", std::vector<int64_t>{rank}}, {"keepdims", keep}});
  to.SetPlain(step.out(), to.Cast(count, DType::kInt32));
  return OkStatus();
}

Status PassOn(OnnxConversion& to, const OnnxStep& step) {
  for (int i = 0; i < step.inputs() && i < static_cast<int>(step.node.outputs.size()); ++i) {
    to.SetSame(step.out(i), step.in(i));
  }
  return OkStatus();
}

}  // namespace

std::vector<OnnxOp> OnnxElementwiseOps() {
  constexpr auto plain = Elementwise<Plainly>;
  constexpr auto compare = Elementwise<Compared>;
  constexpr auto extreme = Elementwise<Extreme>;
  return {
      {"Abs", plain, "Abs"},
      {"Acos", plain, "Acos"},
      {"Acosh", plain, "Acosh"},
      {"Add", Add, "Add"},
      {"AddN", Elementwise<Sum>},
      {"AddV2", Add, "Add"},
      {"Asin", plain, "Asin"},
      {"Asinh", plain, "Asinh"},
      {"Atan", plain, "Atan"},
      {"Atan2", Elementwise<Atan2>},
      {"Atanh", plain, "Atanh"},
      {"Bucketize", Bucketize},
      {"Cast", Elementwise<CastTo>},
      {"Ceil", plain, "Ceil"},
      {"CheckNumerics", PassOn},
      {"ClipByValue", Elementwise<ClipByValue>},
      {"Cos", plain, "Cos"},
      {"Cosh", plain, "Cosh"},
      {"Div", Elementwise<Divide>},
      {"DivNoNan", Elementwise<DivNoNan>},
      {"Elu", Elementwise<Elu>},
      {"EnsureShape", PassOn},
      {"Equal", Elementwise<Equal>},
      {"Erf", plain, "Erf"},
      {"Erfc", Elementwise<Erfc>},
      {"Exp", plain, "Exp"},
      {"Expm1", Elementwise<Expm1>},
      {"FakeQuantWithMinMaxArgs", FakeQuantize},
      {"FakeQuantWithMinMaxVars", FakeQuantize},
      {"FakeQuantWithMinMaxVarsPerChannel", FakeQuantize},
      {"Floor", plain, "Floor"},
      {"FloorDiv", Elementwise<FloorDiv>},
      {"FloorMod", Elementwise<FloorMod>},
      {"Greater", compare, "Greater"},
      {"GreaterEqual", compare, "GreaterOrEqual", 12},
      {"Identity", PassOn},
      {"IdentityN", PassOn},
      {"Inv", plain, "Reciprocal"},
      {"IsFinite", Elementwise<IsFinite>},
      {"IsInf", Elementwise<IsInf>},
      {"IsNan", Elementwise<IsNan>},
      {"LeakyRelu", Elementwise<LeakyRelu>},
      {"Less", compare, "Less"},
      {"LessEqual", compare, "LessOrEqual", 12},
      {"Log", plain, "Log"},
      {"Log1p", Elementwise<Log1p>},
      {"LogicalAnd", Elementwise<Both>, "And"},
      {"LogicalNot", Elementwise<Not>},
      {"LogicalOr", Elementwise<Both>, "Or"},
      {"Maximum", extreme, "Max"},
      {"Minimum", extreme, "Min"},
      {"Mod", Elementwise<TruncateMod>},
      {"Mul", plain, "Mul"},
      {"Neg", plain, "Neg"},
      {"NotEqual", Elementwise<NotEqual>},
      {"Pow", Elementwise<Pow>},
      {"PreventGradient", PassOn},
      {"RealDiv", Elementwise<Divide>},
      {"Reciprocal", plain, "Reciprocal"},
      {"Relu", plain, "Relu"},
      {"Relu6", Elementwise<Relu6>},
      {"Rint", plain, "Round", 11},
      {"Round", plain, "Round", 11},
      {"Rsqrt", Elementwise<Rsqrt>},
      {"Select", Select},
      {"SelectV2", Select},
      {"Selu", Elementwise<Selu>},
      {"Sigmoid", plain, "Sigmoid"},
      {"Sign", plain, "Sign"},
      {"Sin", plain, "Sin"},
      {"Sinh", plain, "Sinh"},
      {"Snapshot", PassOn},
      {"Softplus", plain, "Softplus"},
      {"Softsign", plain, "Softsign"},
      {"Sqrt", plain, "Sqrt"},
      {"Square", Elementwise<Square>},
      {"SquaredDifference", Elementwise<SquaredDifference>},
      {"StopGradient", PassOn},
      {"Sub", plain, "Sub"},
      {"Tan", plain, "Tan"},
      {"Tanh", Elementwise<Tanh>},
      {"TruncateDiv", plain, "Div"},
      {"TruncateMod", Elementwise<TruncateMod>},
  };
}

}  // namespace permafrost
