#include <algorithm>
#include <cmath>
#include <limits>

#include "optimizer/backends/opencv_tf/axes.h"
#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/passes/match_activation.h"

namespace permafrost {
namespace {

class FunctionRules : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    using Rule = void (FunctionRules::*)(NodeId);
    static const std::map<std::string_view, Rule> kRules = {
        {"Log1p", &FunctionRules::Log1p},
        {"Expm1", &FunctionRules::Expm1},
        {"Erfc", &FunctionRules::Erfc},
        {"LogSoftmax", &FunctionRules::LogSoftmax},
        {"Softmax", &FunctionRules::SoftmaxOfAnotherAxis},
        {"Sign", &FunctionRules::Sign},
        {"Tanh", &FunctionRules::Tanh},
        {"FloorDiv", &FunctionRules::FloorDiv},
        {"FloorMod", &FunctionRules::FloorMod},
        {"DivNoNan", &FunctionRules::DivideByNonZero},
        {"Xdivy", &FunctionRules::DivideByNonZero},
        {"Min", &FunctionRules::Min},
        {"Prod", &FunctionRules::Prod},
        {"Pow", &FunctionRules::Pow},
        {"RealDiv", &FunctionRules::SpelledOutSoftmax},
        {"AddN", &FunctionRules::AddN},
        {"FakeQuantWithMinMaxArgs", &FunctionRules::FakeQuant},
        {"FakeQuantWithMinMaxVars", &FunctionRules::FakeQuant},
        {"FakeQuantWithMinMaxVarsPerChannel", &FunctionRules::FakeQuant}};
    const auto rule = kRules.find(node(id).op);
    if (rule != kRules.end() && IsFloat({id, 0})) (this->*rule->second)(id);
  }

 private:
  void Log1p(NodeId id) { Replace(id, New(id, "Log", {Plus(id, in(id, 0), 1)})); }
  void Expm1(NodeId id) { Replace(id, Plus(id, New(id, "Exp", {in(id, 0)}), -1)); }
  void Erfc(NodeId id) { Replace(id, Plus(id, Times(id, New(id, "Erf", {in(id, 0)}), -1), 1)); }

  // OpenCV 5.0 gives NaN from 44 on. From 10 on tanh is 1 in float32.
  void Tanh(NodeId id) {
    const Value x = in(id, 0);
    if (node(x.node).op != "ClipByValue") editor_.SetInputs(id, {Clip(id, x, -10, 10)});
  }

  // OpenCV 4.5.5 has none.
  void Sign(NodeId id) { Replace(id, Clip(id, Times(id, in(id, 0), kSteep), -1, 1)); }

  // The value and axis of a softmax between two Transposes that swap the axis with the last one, and what comes out.
  struct Swapped {
    Value x;
    int axis;
    NodeId result;
  };
  std::optional<Swapped> BetweenSwaps(NodeId id) const {
    const auto swapped = [&](NodeId turn) -> int {
      const Tensor* order = node(turn).op == "Transpose" ? constant(turn, 1) : nullptr;
      if (order == nullptr) return -1;
      const std::vector<int64_t> axes = order->Values<int64_t>();
      const auto last = static_cast<int64_t>(axes.size()) - 1;
      int axis = -1;
      for (int64_t i = 0; i < last; ++i) {
        const int64_t at = axes[static_cast<size_t>(i)];
        if (at == i) continue;
        if (axis >= 0 || at != last) return -1;
        axis = static_cast<int>(i);
      }
      return axis;
    };
    const NodeId before = in(id, 0).node;
    if (editor_.IsOutput({id, 0}) || editor_.Users(id).size() != 1) return std::nullopt;
    const NodeId after = editor_.Users(id)[0].node;
    const int axis = swapped(before);
    if (axis < 1 || swapped(after) != axis) return std::nullopt;
    return Swapped{in(before, 0), axis, after};
  }

  Value Reduced(NodeId id, std::string_view op, Value x, int axis) {
    const Value axes = EmitConst(editor_, StrCat(NewName(id), "/axis"), Tensor::Vector<int32_t>({axis}));
    return New(id, std::string(op), {x, axes}, {{"keep_dims", true}});
  }

  void SoftmaxOfAnotherAxis(NodeId id) {
    const auto swapped = BetweenSwaps(id);
    if (!swapped || type(swapped->x).shape.rank() != 4) return;
    if (swapped->axis == 1 && SaidLayoutAbove(graph_, swapped->x) == "NCHW") {
      return Replace(swapped->result, ChannelsFirst(id, New(id, "Softmax", {ChannelsLast(id, swapped->x)})));
    }
    const Value max = Reduced(id, "Max", swapped->x, swapped->axis);
    const Value exp = New(id, "Exp", {New(id, "Sub", {swapped->x, max})});
    Replace(swapped->result, New(id, "RealDiv", {exp, Reduced(id, "Sum", exp, swapped->axis)}));
  }

  // x - max - log(sum(exp(x - max))).
  void LogSoftmax(NodeId id) {
    const int rank = type(in(id, 0)).shape.rank();
    if (rank < 1) return;
    const auto swapped = rank == 4 ? BetweenSwaps(id) : std::nullopt;
    if (swapped && swapped->axis == 1 && SaidLayoutAbove(graph_, swapped->x) == "NCHW") {
      const Value same = New(id, "LogSoftmax", {ChannelsLast(id, swapped->x)});
      Replace(swapped->result, ChannelsFirst(id, same));
      return LogSoftmax(same.node);
    }
    const Value x = swapped ? swapped->x : in(id, 0);
    const int axis = swapped ? swapped->axis : rank - 1;
    const Value centered = New(id, "Sub", {x, Reduced(id, "Max", x, axis)});
    const Value sum = Reduced(id, "Sum", New(id, "Exp", {centered}), axis);
    Replace(swapped ? swapped->result : id, New(id, "Sub", {centered, New(id, "Log", {sum})}));
  }

  // A quotient that is rounded down must not be off by one rounding: no product with an inverse.
  std::optional<Value> ExactQuotient(NodeId id) {
    const Value x = in(id, 0), y = in(id, 1);
    if (constant(id, 1) == nullptr) {
      if (const auto c = ScalarBehind(graph_, x)) return Over(id, *c, y);
      return constant(id, 0) == nullptr ? std::optional<Value>(New(id, "RealDiv", {x, y})) : std::nullopt;
    }
    const auto c = ScalarBehind(graph_, y);
    if (!c || *c == 0 || type(x).shape.rank() < type(y).shape.rank()) return std::nullopt;
    return New(id, "RealDiv", {x, Clip(id, x, *c, *c)});
  }
  void FloorDiv(NodeId id) {
    if (const auto quotient = ExactQuotient(id)) Replace(id, New(id, "Floor", {*quotient}));
  }
  void FloorMod(NodeId id) {
    if (constant(id, 0) != nullptr) return;
    const auto quotient = ExactQuotient(id);
    if (!quotient) return;
    const Value whole = New(id, "Mul", {New(id, "Floor", {*quotient}), in(id, 1)});
    Replace(id, New(id, "Sub", {in(id, 0), whole}));
  }
  void DivideByNonZero(NodeId id) {
    const Tensor* divisor = constant(id, 1);
    if (divisor == nullptr) return;
    const std::vector<double> values = divisor->Values<double>();
    if (std::find(values.begin(), values.end(), 0.0) == values.end()) editor_.SetOp(id, "RealDiv");
  }

  void Min(NodeId id) {
    const bool keeps = node(id).attr_or<bool>("keep_dims", false);
    const Value negative = Times(id, in(id, 0), -1);
    Replace(id, Times(id, New(id, "Max", {negative, in(id, 1)}, {{"keep_dims", keeps}}), -1));
  }

  // The first half times the second, until one is left.
  void Prod(NodeId id) {
    const Tensor* tensor = constant(id, 1);
    const Shape shape = type(in(id, 0)).shape, to = type({id, 0}).shape;
    if (tensor == nullptr || !shape.has_rank()) return;
    std::vector<int64_t> axes = tensor->Values<int64_t>();
    for (int64_t& axis : axes) axis = axis < 0 ? axis + shape.rank() : axis;
    std::sort(axes.begin(), axes.end());
    if (!CanReduce(graph_, in(id, 0), axes, to)) return;
    Value value = in(id, 0);
    Shape now = shape;
    for (const int64_t axis : axes) {
      const int a = static_cast<int>(axis);
      Shape one = now;
      one.set_dim(a, 1);
      int64_t outer = 1, inner = 1;
      for (int i = 0; i < a; ++i) outer = outer < 0 || now.dim(i) < 0 ? -1 : outer * now.dim(i);
      for (int i = a + 1; i < now.rank(); ++i) inner *= now.dim(i);
      value = EmitAnyReshape(editor_, NewName(id), value, Shape{outer, now.dim(a), inner});
      for (int64_t size = now.dim(a); size > 1; size -= size / 2) {
        const int64_t half = size / 2;
        const Value product = New(id, "Mul", {Rows(id, value, 0, half), Rows(id, value, half, half)});
        if (size % 2 == 0) {
          value = product;
        } else {
          const Value axis_1 = EmitConst(editor_, StrCat(NewName(id), "/axis"), Tensor::Scalar<int32_t>(1));
          value = New(id, "ConcatV2", {product, Rows(id, value, 2 * half, 1), axis_1});
        }
      }
      now = one;
      value = EmitAnyReshape(editor_, NewName(id), value, now);
    }
    Replace(id, EmitAnyReshape(editor_, NewName(id), value, to));
  }
  Value Rows(NodeId id, Value x, int64_t first, int64_t count) {
    const auto vector = [&](int64_t middle, int32_t others) {
      const Tensor tensor = Tensor::Vector<int32_t>({others, static_cast<int32_t>(middle), others});
      return EmitConst(editor_, StrCat(NewName(id), "/rows"), tensor);
    };
    return New(id, "Slice", {x, vector(first, 0), vector(count, -1)});
  }

  bool IsNonNegative(Value value) const {
    static const std::vector<std::string_view> kOps = {"Relu", "Relu6",   "Sigmoid", "Exp",     "Square",
                                                       "Abs",  "Softmax", "Sqrt",    "Softplus"};
    return std::find(kOps.begin(), kOps.end(), node(value.node).op) != kOps.end();
  }
  // Whole exponents are products; the others are defined for positive bases only, as exp(e log x) is.
  void Pow(NodeId id) {
    const Value x = in(id, 0);
    const Tensor* exponent = constant(id, 1);
    if (constant(id, 0) != nullptr) {
      const auto base = ScalarBehind(graph_, x);
      if (!base || *base <= 0 || constant(id, 1) != nullptr) return;
      Replace(id, New(id, "Exp", {Times(id, in(id, 1), std::log(*base))}));
      return;
    }
    if (exponent == nullptr) return;
    const auto e = ScalarBehind(graph_, in(id, 1));
    if (!e) {
      const std::vector<double> all = exponent->Values<double>();
      const auto whole = [](double value) { return value == std::floor(value); };
      if (std::any_of(all.begin(), all.end(), whole) && !IsNonNegative(x)) return;
      Replace(id, New(id, "Exp", {New(id, "Mul", {New(id, "Log", {x}), in(id, 1)})}));
    } else if (*e == std::floor(*e) && std::abs(*e) <= 64) {
      const Value power = WholePower(id, x, static_cast<int>(std::abs(*e)));
      Replace(id, *e < 0 ? Over(id, 1, power) : power);
    } else if (*e == 0.5) {
      Replace(id, New(id, "Sqrt", {x}));
    } else if (*e == -0.5) {
      Replace(id, Over(id, 1, New(id, "Sqrt", {x})));
    } else if (*e == 1.5) {
      Replace(id, New(id, "Mul", {New(id, "Sqrt", {x}), x}));
    } else if (*e != std::floor(*e)) {
      Replace(id, New(id, "Exp", {Times(id, New(id, "Log", {x}), *e)}));
    }
  }
  Value WholePower(NodeId id, Value x, int exponent) {
    if (exponent == 0) return Clip(id, x, 1, 1);
    if (exponent == 1) return x;
    const Value square = New(id, "Square", {WholePower(id, x, exponent / 2)});
    return exponent % 2 == 0 ? square : New(id, "Mul", {square, x});
  }

  void SpelledOutSoftmax(NodeId id) {
    const auto match = MatchSoftmax(graph_, node(id));
    if (match && match->over_last_axis) Replace(id, New(id, "Softmax", {match->x}));
  }

  // Constants are added one by one.
  void AddN(NodeId id) {
    std::vector<Value> live, constants;
    for (const Value input : node(id).inputs) (constant(input) != nullptr ? constants : live).push_back(input);
    if (live.empty() || constants.empty()) return;
    Value sum = live.size() == 1 ? live[0] : New(id, "AddN", live);
    for (const Value c : constants) sum = New(id, "Add", {sum, c});
    Replace(id, sum);
  }

  // Quantized and back, as it is in inference: cut at the ends of the range, rounded to one of its steps.
  void FakeQuant(NodeId id) {
    const Value x = in(id, 0);
    const auto bits = node(id).attr_or<int64_t>("num_bits", 8);
    const bool by_attribute = node(id).inputs.size() == 1;
    std::vector<double> low = {node(id).attr_or<float>("min", -6)}, high = {node(id).attr_or<float>("max", 6)};
    if (!by_attribute) {
      const Tensor *min = constant(id, 1), *max = constant(id, 2);
      if (min == nullptr || max == nullptr) return;
      low = min->Values<double>();
      high = max->Values<double>();
    }
    if (low.size() != high.size() || low.empty() || bits < 2 || bits > 16) return;
    const double first = node(id).attr_or<bool>("narrow_range", false) ? 1 : 0;
    const double last = static_cast<double>((int64_t{1} << bits) - 1);
    std::vector<double> step, inverse, bottom, shift;
    for (size_t i = 0; i < low.size(); ++i) {
      // In float32, as TensorFlow works it out.
      const auto min = static_cast<float>(low[i]), max = static_cast<float>(high[i]);
      const float scale = (max - min) / static_cast<float>(last - first);
      if (!(scale > 0)) return;
      const float zero_from_min = static_cast<float>(first) - min / scale;
      const float zero = std::clamp(std::round(zero_from_min), static_cast<float>(first), static_cast<float>(last));
      const float nudged_min = (static_cast<float>(first) - zero) * scale;
      const float nudged_max = (static_cast<float>(last) - zero) * scale;
      step.push_back(scale);
      inverse.push_back(1 / scale);
      bottom.push_back(nudged_min);
      shift.push_back(nudged_max);
    }
    const std::vector<int64_t> dims =
        low.size() == 1 ? std::vector<int64_t>{} : std::vector<int64_t>{static_cast<int64_t>(low.size())};
    const auto vector = [&](const std::vector<double>& values) { return Numbers(id, x, dims, values); };
    Value value = New(id, "Minimum", {New(id, "Maximum", {x, vector(bottom)}), vector(shift)});
    value = New(id, "Mul", {New(id, "Sub", {value, vector(bottom)}), vector(inverse)});
    value = New(id, "Floor", {Plus(id, value, 0.5)});
    Replace(id, New(id, "Add", {New(id, "Mul", {value, vector(step)}), vector(bottom)}));
  }
};

Status Run(GraphEditor& editor, PassContext& context) {
  FunctionRules rules(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { rules.Visit(id); });
}

}  // namespace

const PassInfo kLegalizeFunctions{
    .name = "legalize-functions",
    .summary = "say functions that OpenCV lacks with those it has",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
