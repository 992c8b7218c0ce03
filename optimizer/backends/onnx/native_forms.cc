#include "optimizer/backends/onnx/native_forms.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "optimizer/backends/onnx/axis_order.h"
#include "optimizer/passes/formula_matcher.h"
#include "optimizer/passes/match_activation.h"

namespace permafrost {
namespace {

class Activations : public FormulaMatcher {
 public:
  using FormulaMatcher::FormulaMatcher;
  struct Found {
    std::string_view op;
    Value x;
    AttrMap attrs = {};
    std::string_view form = "";
  };

  std::optional<Found> Find(Value y) const {
    if (const auto gate = HardGate(y)) return gate;
    if (const auto match = MatchActivation(graph_, y)) return Named(*match);
    for (int i = 0; Is(y, "Mul") && i < 2; ++i) {
      const auto gate = HardGate(in(y, 1 - i));
      if (gate && gate->x == in(y, i) && IsSixth(*gate)) return Found{"HardSwish", in(y, i)};
    }
    return std::nullopt;
  }

 private:
  static std::optional<Found> Named(const ActivationMatch& match) {
    switch (match.activation) {
      case Activation::kMish:
        return Found{"Mish", match.x};
      case Activation::kHardSwish:
        return Found{"HardSwish", match.x};
      case Activation::kGelu:
        return Found{"Gelu", match.x};
      case Activation::kGeluByTanh:
        return Found{"Gelu", match.x, {{"approximate", std::string("tanh")}}, "tanh"};
      case Activation::kSwish:
        break;
    }
    return std::nullopt;
  }
  static bool IsSixth(const Found& gate) {
    const float alpha = AttrOr(gate.attrs, "alpha", 0.0F), beta = AttrOr(gate.attrs, "beta", 0.0F);
    return std::abs(alpha - 1.0F / 6) < 1e-6F && beta == 0.5F;
  }
  // relu6(x + 3) / 6, clip(alpha x + beta, 0, 1)
  std::optional<Found> HardGate(Value y) const {
    if (const auto cut = ScaledBy(y, 1.0 / 6)) {
      const auto x = Is(*cut, "Relu6") ? PlusNumber(in(*cut, 0), 3) : std::nullopt;
      return x ? std::optional(Found{"HardSigmoid", *x, {{"alpha", 1.0F / 6}, {"beta", 0.5F}}}) : std::nullopt;
    }
    const auto cut = CutAtOne(y);
    if (!cut || !IsSum(*cut)) return std::nullopt;
    const auto sum = WithNumber(*cut);
    const auto scaled = sum ? Scaled(sum->x) : std::nullopt;
    if (!scaled || scaled->number <= 0) return std::nullopt;
    return Found{"HardSigmoid",
                 scaled->x,
                 {{"alpha", static_cast<float>(scaled->number)}, {"beta", static_cast<float>(sum->number)}}};
  }

 public:
  // x, where y = min(max(x, 0), 1) or max(min(x, 1), 0)
  std::optional<Value> CutAtOne(Value y) const {
    if (Is(y, "ClipByValue")) return IsZero(in(y, 1)) && IsNumber(in(y, 2), 1) ? std::optional(in(y, 0)) : std::nullopt;
    if (const auto low = Cut(y, "Minimum", 1)) {
      return Is(*low, "Relu") ? std::optional(in(*low, 0)) : Cut(*low, "Maximum", 0);
    }
    const auto high = Is(y, "Relu") ? std::optional(in(y, 0)) : Cut(y, "Maximum", 0);
    return high ? Cut(*high, "Minimum", 1) : std::nullopt;
  }

 private:
  // x, where y = op(x, bound)
  std::optional<Value> Cut(Value y, std::string_view op, double bound) const {
    const auto cut = Is(y, op) ? WithNumber(y) : std::nullopt;
    return cut && cut->number == bound ? std::optional(cut->x) : std::nullopt;
  }
  bool IsZero(Value value) const { return ScalarBehind(graph_, value) == 0.0; }
};

// x inv + (beta - mean inv), where inv = gamma / sqrt(variance + epsilon) and both are of x itself.
struct Norm {
  Value x;
  std::vector<int> axes;
  double epsilon = 0;
  std::optional<Value> gamma, beta;  // constants; none: 1 and 0
};

class Norms : public FormulaMatcher {
 public:
  using FormulaMatcher::FormulaMatcher;

  std::optional<Norm> Find(Value y) const {
    if (IsSum(y)) {
      for (int i = 0; i < 2; ++i) {
        const Value scaled = in(y, i), shift = in(y, 1 - i);
        const bool has_beta = Is(shift, "Sub") && constant(in(shift, 0)) != nullptr;
        if (!has_beta && !Is(shift, "Neg")) continue;
        if (auto norm = FindScaled(scaled, in(shift, has_beta ? 1 : 0))) {
          if (has_beta) norm->beta = in(shift, 0);
          return norm;
        }
      }
    }
    return Is(y, "Sub") ? FindScaled(in(y, 0), in(y, 1)) : std::nullopt;
  }

 private:
  // x inv and mean inv
  std::optional<Norm> FindScaled(Value scaled, Value moved) const {
    if (!Is(scaled, "Mul") || !Is(moved, "Mul")) return std::nullopt;
    for (int i = 0; i < 4; ++i) {
      const Value x = in(scaled, i / 2), inv = in(scaled, 1 - i / 2), mean = in(moved, i % 2);
      if (in(moved, 1 - i % 2) != inv || !Is(mean, "Mean") || in(mean, 0) != x) continue;
      if (auto norm = FindInverse(x, mean, inv)) return norm;
    }
    return std::nullopt;
  }
  std::optional<Norm> FindInverse(Value x, Value mean, Value inv) const {
    Norm norm;
    norm.x = x;
    if (Is(inv, "Mul")) {
      const int at = constant(in(inv, 0)) != nullptr ? 0 : 1;
      if (constant(in(inv, at)) == nullptr) return std::nullopt;
      norm.gamma = in(inv, at);
      inv = in(inv, 1 - at);
    }
    if (!Is(inv, "Rsqrt") || !IsSum(in(inv, 0))) return std::nullopt;
    const auto sum = WithNumber(in(inv, 0));
    if (!sum || !(sum->number > 0) || !Is(sum->x, "Mean") || !Is(in(sum->x, 0), "SquaredDifference"))
      return std::nullopt;
    norm.epsilon = sum->number;
    const Value square = in(sum->x, 0);
    const bool of_both = (in(square, 0) == x && in(square, 1) == mean) || (in(square, 1) == x && in(square, 0) == mean);
    const auto axes = AxesOf(mean), again = AxesOf(sum->x);
    if (!of_both || !axes || axes != again) return std::nullopt;
    norm.axes = *axes;
    return norm;
  }
  std::optional<std::vector<int>> AxesOf(Value mean) const {
    const Tensor* axes = constant(in(mean, 1));
    const int rank = graph_.type(in(mean, 0)).shape.rank();
    if (axes == nullptr || rank < 2 || axes->elements() > rank || !node(mean).attr_or<bool>("keep_dims", false)) {
      return std::nullopt;
    }
    std::vector<int> positive;
    for (int64_t axis : axes->Values<int64_t>()) {
      if (axis < -rank || axis >= rank) return std::nullopt;
      positive.push_back(PositiveAxis(axis, rank));
    }
    std::sort(positive.begin(), positive.end());
    return positive;
  }
};

// As many elements as the axes from `first` to the last have, whatever ones stand around them; null: 1 or 0 each.
std::optional<Tensor> PerElement(const OnnxConversion& to, std::optional<Value> value, double otherwise, const Shape& x,
                                 int first, DType dtype) {
  const Tensor* tensor = value ? to.constant(*value) : nullptr;
  const std::vector<int64_t> dims(x.dims().begin() + first, x.dims().end());
  if (std::any_of(dims.begin(), dims.end(), [](int64_t dim) { return dim <= 0; })) return std::nullopt;
  if (tensor == nullptr) {
    const Tensor one = Tensor::Scalar<double>(otherwise).Cast(dtype).Dense();
    return Tensor::Splat(dtype, dims, std::string(one.DenseBytes()));
  }
  std::vector<int64_t> own = tensor->dims();
  while (own.size() > dims.size() && own.front() == 1) own.erase(own.begin());
  return own == dims ? std::optional(tensor->Reshaped(dims)) : std::nullopt;
}

bool Raise(OnnxConversion& to, std::string_view op, std::string_view form = "") {
  if (!to.runtime().Takes(op, form)) return false;
  const int since = FindAcceptedOnnxOp(op, form)->opset;
  // From 13 on axes are inputs, which old releases do not read.
  constexpr int kLastWithAxesAsAttributes = 12;
  if (to.runtime().kind == OnnxRuntime::Kind::kOpenCv && !to.runtime().Takes("ReduceSum", "axes as input") &&
      since > kLastWithAxesAsAttributes) {
    return false;
  }
  // A later opset changes the forms of other ops, which the oldest runtimes then do not take.
  const bool may_raise = to.options().may_raise && to.runtime().kind != OnnxRuntime::Kind::kAny;
  if (since > to.opset() && !may_raise) return false;
  to.Need(since);
  return true;
}

bool SayLayerNorm(OnnxConversion& to, const OnnxStep& step, const Norm& norm) {
  const Shape& x = to.shape(norm.x);
  const int first = norm.axes.front(), rank = x.rank();
  if (norm.axes.back() != rank - 1 || static_cast<int>(norm.axes.size()) != rank - first || first == 0) return false;
  const DType dtype = to.type(norm.x).dtype;
  const auto gamma = PerElement(to, norm.gamma, 1, x, first, dtype),
             beta = PerElement(to, norm.beta, 0, x, first, dtype);
  if (!gamma || !beta || !Raise(to, "LayerNormalization", rank == 3 ? "of three axes" : "")) return false;
  std::vector<int> inputs = {to.Plain(norm.x), to.Constant(*gamma)};
  if (norm.beta) inputs.push_back(to.Constant(*beta));
  to.SetPlain(step.out(), to.Emit("LayerNormalization", inputs,
                                  {{"axis", int64_t{first - rank}}, {"epsilon", static_cast<float>(norm.epsilon)}}));
  return true;
}

// In steps that OpenCV before 4.8 takes: it adds values of one shape only, but multiplies rows and channels.
bool SayNormInSteps(OnnxConversion& to, const OnnxStep& step, const Norm& norm) {
  if (!to.runtime().IsOldOpenCv() || to.runtime().Takes("LayerNormalization") || to.opset() >= 18) return false;
  const Shape& shape = to.shape(norm.x);
  const AxisOrder order = to.OrderOf(norm.x);
  const int x = to.In(norm.x, order);
  std::vector<int64_t> positions = PositionsOf(order, norm.axes);
  std::sort(positions.begin(), positions.end());
  if (positions.back() - positions.front() + 1 != static_cast<int64_t>(positions.size())) return false;
  int distance = 0, variance = 0;
  if (shape.rank() == 2) {  // no row there: products with matrices give each element the mean
    constexpr int64_t kMost = 2048;
    const int64_t size = shape.dim(1);
    if (norm.axes != std::vector<int>{1} || size <= 0 || size > kMost) return false;
    const auto matrix = [&](double diagonal, double elsewhere) {
      std::vector<double> values(static_cast<size_t>(size * size), elsewhere);
      for (int64_t k = 0; k < size; ++k) values[static_cast<size_t>(k * size + k)] += diagonal;
      return to.Constant(Tensor::Of<double>({size, size}, values).Cast(to.dtype(x)).Dense());
    };
    const double part = 1.0 / static_cast<double>(size);
    distance = to.Emit("MatMul", {x, matrix(1, -part)});
    variance = to.Emit("MatMul", {to.Emit("Mul", {distance, distance}), matrix(0, part)});
  } else {
    const auto mean = [&](int id) {
      return to.Emit("ReduceMean", {id}, {{"axes", positions}, {"keepdims", int64_t{1}}});
    };
    distance = to.Emit("Sub", {x, to.SpreadOver(mean(x), x)});
    variance = mean(to.Emit("Mul", {distance, distance}));
  }
  const int raised = to.Emit("Add", {variance, to.Number(to.dtype(x), norm.epsilon)});
  int id = to.Emit("Div", {distance, to.Emit("Sqrt", {raised})});
  if (norm.gamma) id = to.Emit("Mul", {id, to.Operand(*norm.gamma, order, &shape)});
  if (norm.beta) id = to.Emit("Add", {id, to.Operand(*norm.beta, order, &shape)});
  to.Set(step.out(), id, order);
  return true;
}

bool IsSpace(const Norm& norm, int rank) {
  if (rank < 3 || static_cast<int>(norm.axes.size()) != rank - 2) return false;
  return norm.axes.front() == 1 && norm.axes.back() == rank - 2;
}

bool SayInstanceNorm(OnnxConversion& to, const OnnxStep& step, const Norm& norm) {
  const Shape& x = to.shape(norm.x);
  if (!IsSpace(norm, x.rank())) return false;
  const DType dtype = to.type(norm.x).dtype;
  const auto gamma = PerElement(to, norm.gamma, 1, x, x.rank() - 1, dtype);
  const auto beta = PerElement(to, norm.beta, 0, x, x.rank() - 1, dtype);
  if (!gamma || !beta || !Raise(to, "InstanceNormalization")) return false;
  const AxisOrder order = PlanarOrder(x.rank());
  to.Set(step.out(),
         to.Emit("InstanceNormalization", {to.In(norm.x, order), to.Constant(*gamma), to.Constant(*beta)},
                 {{"epsilon", static_cast<float>(norm.epsilon)}}),
         order);
  return true;
}

// Channels split into groups, [N, space.., groups, C / groups], and joined again.
bool SayGroupNorm(OnnxConversion& to, const OnnxStep& step, const FormulaMatcher& match, const Norm& norm) {
  if (!match.Is(norm.x, "Reshape")) return false;
  const Value x = match.in(norm.x, 0);
  const Shape &whole = to.shape(x), &split = to.shape(norm.x), &out = to.shape(step.out());
  const int rank = whole.rank();
  if (rank < 3 || split.rank() != rank + 1 || out.rank() != rank || whole.dim(-1) <= 0 ||
      whole.dim(-1) != out.dim(-1)) {
    return false;
  }
  const int64_t groups = split.dim(-2), channels = whole.dim(-1);
  if (groups <= 0 || split.dim(-1) <= 0 || groups * split.dim(-1) != channels) return false;
  for (int i = 0; i < rank - 1; ++i) {
    if (whole.dim(i) != split.dim(i) || whole.dim(i) != out.dim(i)) return false;
    if (whole.dim(i) == kUnknownDim && i > 0) return false;
  }
  std::vector<int> wanted;
  for (int i = 1; i <= rank; ++i) {
    if (i != rank - 1) wanted.push_back(i);
  }
  if (norm.axes != wanted) return false;
  const DType dtype = to.type(x).dtype;
  const auto gamma = PerElement(to, norm.gamma, 1, split, rank - 1, dtype),
             beta = PerElement(to, norm.beta, 0, split, rank - 1, dtype);
  if (!gamma || !beta || !Raise(to, "GroupNormalization")) return false;
  const AxisOrder order = PlanarOrder(rank);
  to.Set(step.out(),
         to.Emit("GroupNormalization",
                 {to.In(x, order), to.Constant(gamma->Reshaped({channels})), to.Constant(beta->Reshaped({channels}))},
                 {{"num_groups", groups}, {"epsilon", static_cast<float>(norm.epsilon)}}),
         order);
  return true;
}

// OpenCV takes a HardSigmoid of a slope of exactly 1 / 6 that is multiplied for a HardSwish, whatever the other factor is.
void KeepApartFromHardSwish(const OnnxConversion& to, const OnnxStep& step, Activations::Found& found) {
  constexpr float kSixth = 1.0F / 6;
  if (found.op != "HardSigmoid" || AttrOr(found.attrs, "alpha", 0.0F) != kSixth) return;
  if (to.runtime().Takes("HardSigmoid", "with a slope of 1 / 6, times another value")) return;
  const Graph& graph = to.graph();
  const bool gates = std::any_of(to.Users(step.id).begin(), to.Users(step.id).end(), [&](const Use& use) {
    const std::vector<Value>& factors = graph.node(use.node).inputs;
    return graph.node(use.node).op == "Mul" && std::find(factors.begin(), factors.end(), found.x) == factors.end();
  });
  if (gates) found.attrs["alpha"] = std::nextafter(kSixth, 0.0F);
}

bool SayActivation(OnnxConversion& to, const OnnxStep& step) {
  auto found = Activations(to.graph()).Find(step.out());
  if (!found || to.FlattenedIn(found->x) != nullptr || to.shape(found->x) != to.shape(step.out())) return false;
  KeepApartFromHardSwish(to, step, *found);
  const AxisOrder order = to.OrderOf(found->x);
  if (Raise(to, found->op, found->form)) {
    to.Set(step.out(), to.Emit(found->op, {to.In(found->x, order)}, found->attrs), order);
    return true;
  }
  return false;
}

bool EndsActivation(std::string_view op) {
  static constexpr std::array<std::string_view, 6> kLast = {"Mul", "RealDiv", "Div", "ClipByValue", "Minimum", "Maximum"};
  return std::find(kLast.begin(), kLast.end(), op) != kLast.end();
}

}  // namespace

bool SayNatively(OnnxConversion& to, const OnnxStep& step) {
  const std::string_view op = step.node.op;
  if (step.node.outputs.size() != 1 || !IsFloating(to.type(step.out()).dtype)) return false;
  if (EndsActivation(op)) return SayActivation(to, step);
  const Norms norms(to.graph());
  if (op == "Reshape") {
    const auto norm = norms.Find(step.in(0));
    return norm && SayGroupNorm(to, step, norms, *norm);
  }
  if (op != "Add" && op != "AddV2" && op != "Sub") return false;
  const auto norm = norms.Find(step.out());
  if (!norm || to.FlattenedIn(norm->x) != nullptr || to.constant(norm->x) != nullptr) return false;
  return SayLayerNorm(to, step, *norm) || SayInstanceNorm(to, step, *norm) || SayNormInSteps(to, step, *norm);
}

std::optional<HardSigmoidForm> FindHardSigmoid(const Graph& graph, Value y) {
  const std::string_view op = graph.node(y.node).op;
  if (!EndsActivation(op) && op != "Relu") return std::nullopt;
  const Activations activations(graph);
  const auto found = activations.Find(y);
  if (!found) {
    const auto cut = activations.CutAtOne(y);
    return cut ? std::optional(HardSigmoidForm{*cut, 1, 0}) : std::nullopt;
  }
  if (found->op != "HardSigmoid") return std::nullopt;
  return HardSigmoidForm{found->x, AttrOr(found->attrs, "alpha", 0.0F), AttrOr(found->attrs, "beta", 0.0F)};
}

}  // namespace permafrost
