#include <cmath>
#include <functional>
#include <map>

#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

// One node at a time. A rule that rewrote leaves the old node without users.
class Legalizer {
 public:
  explicit Legalizer(GraphEditor& editor) : editor_(editor), graph_(editor.graph()) {}

  void Visit(NodeId id) {
    const std::string& op = graph_.node(id).op;
    using Rule = void (Legalizer::*)(NodeId);
    static const std::map<std::string_view, Rule> kRules = {
        {"AddV2", &Legalizer::Add},         {"Add", &Legalizer::Add},
        {"Mul", &Legalizer::Mul},           {"Sub", &Legalizer::Sub},
        {"RealDiv", &Legalizer::Divide},    {"Div", &Legalizer::Divide},
        {"Neg", &Legalizer::Neg},           {"Rsqrt", &Legalizer::Rsqrt},
        {"Inv", &Legalizer::Inv},           {"SquaredDifference", &Legalizer::SquaredDifference},
        {"Maximum", &Legalizer::Extremum},  {"Minimum", &Legalizer::Extremum},
        {"Pow", &Legalizer::Pow},           {"BiasAdd", &Legalizer::BiasAdd},
        {"BiasAddV1", &Legalizer::BiasAdd}, {"FusedBatchNormV2", &Legalizer::FusedBatchNorm}};
    if (const auto rule = kRules.find(op); rule != kRules.end()) (this->*rule->second)(id);
  }

 private:
  const Node& node(NodeId id) const { return graph_.node(id); }
  Value in(NodeId id, int i) const { return node(id).inputs[static_cast<size_t>(i)]; }
  const Tensor* constant(NodeId id, int i) const { return ConstValue(graph_, in(id, i)); }
  const ValueType& type(Value value) const { return graph_.type(value); }
  bool IsFloat(NodeId id) const { return IsFloating(type({id, 0}).dtype); }
  std::string NewName(NodeId id) const { return StrCat(node(id).name, "/opencv"); }
  void Replace(NodeId id, Value by) { editor_.ReplaceUses({id, 0}, by); }
  Value Scalar(NodeId id, double value) {
    const Tensor tensor = Tensor::Scalar<float>(static_cast<float>(value)).Cast(type({id, 0}).dtype).Dense();
    return EmitConst(editor_, StrCat(NewName(id), "/c"), tensor);
  }
  Value New(NodeId id, std::string_view op, std::vector<Value> inputs, AttrMap attrs = {}) {
    return Emit(editor_, op, NewName(id), std::move(inputs), std::move(attrs));
  }
  // An elementwise map of a constant, in its dtype.
  Value MapConstant(NodeId id, const Tensor& tensor, const std::function<double(double)>& f) {
    std::vector<double> values = tensor.Values<double>();
    for (double& value : values) value = f(value);
    return EmitConst(editor_, StrCat(NewName(id), "/c"),
                     Tensor::Of<double>(tensor.dims(), values).Cast(tensor.dtype()).Dense());
  }
  void SwapConstantBehind(NodeId id) {
    if (node(id).inputs.size() == 2 && constant(id, 0) != nullptr && constant(id, 1) == nullptr) {
      editor_.SetInputs(id, {in(id, 1), in(id, 0)});
    }
  }

  void Add(NodeId id) {
    editor_.SetOp(id, "Add");
    SwapConstantBehind(id);
    if (!IsFloat(id)) return;
    if (const Tensor* shift = constant(id, 1)) {
      AddConstant(id, *shift);
      return;
    }
    // After a MatMul or a product with a vector the importer expects a constant here.
    for (int i = 0; i < 2; ++i) {
      const Node& producer = node(in(id, i).node);
      const bool after_vector =
          producer.op == "Mul" && producer.inputs.size() == 2 && ConstValue(graph_, producer.inputs[1]) != nullptr;
      if ((after_vector || producer.op == "MatMul") && SameShape(type(in(id, 0)), type(in(id, 1)))) {
        editor_.SetOp(id, "AddN");
        return;
      }
    }
  }

  // x + c. Channel vectors become the producer's bias or a Scale layer; a scalar is taken as it is.
  void AddConstant(NodeId id, const Tensor& shift) {
    const Value x = in(id, 0);
    if (!IsChannelVector(shift) || IsScaled(x)) return;
    if (!(type({id, 0}).shape == type(x).shape)) return;
    if (TakesBias(graph_, x.node) && editor_.HasOneUse(x) && type(x).shape.dim(-1) == shift.elements() &&
        !IsNchw(node(x.node))) {
      const Value bias = EmitConst(editor_, StrCat(NewName(id), "/bias"), shift.Reshaped({shift.elements()}));
      Replace(id, New(id, "BiasAdd", {x, bias}));
      return;
    }
    if (!BatchIsOne(type(x)) || type(x).shape.rank() != 4) Replace(id, EmitShift(editor_, NewName(id), x, shift));
  }

  // A product with a vector that only this Add follows: the two are one Scale layer already.
  bool IsScaled(Value x) const {
    const Node& producer = node(x.node);
    const Tensor* scale = producer.op == "Mul" ? ConstValue(graph_, producer.inputs[1]) : nullptr;
    return scale != nullptr && scale->elements() > 1 && editor_.HasOneUse(x);
  }

  void BiasAdd(NodeId id) {
    editor_.SetOp(id, "BiasAdd");
    const Value x = in(id, 0);
    const Tensor* bias = constant(id, 1);
    if (bias == nullptr || (TakesBias(graph_, x.node) && editor_.HasOneUse(x))) return;
    if (IsNchw(node(id)) && type(x).shape.rank() != 2) return;  // a vector along axis 1 cannot be said with Mul and Add
    if (bias->elements() == 1) {
      Replace(id, New(id, "Add", {x, EmitConst(editor_, StrCat(NewName(id), "/c"), bias->Reshaped({}))}));
      return;
    }
    Replace(id, EmitShift(editor_, NewName(id), x, *bias));
  }

  void Mul(NodeId id) {
    SwapConstantBehind(id);
    SetScaleAxis(editor_, id);
    for (int i = 0; i < 2; ++i) {
      if (const auto threshold = ThresholdOf(in(id, 1 - i), in(id, i)); threshold && IsFloat(id)) {
        // x where x > t, else 0.
        const Value x = in(id, i);
        Value shifted = x;
        if (*threshold != 0) shifted = New(id, "Add", {x, Scalar(id, -*threshold)});
        const Value gate = New(id, "Relu", {New(id, "Sign", {shifted})});
        Replace(id, New(id, "Mul", {x, gate}));
        return;
      }
    }
  }

  // t when `mask` is Cast(Greater(x, t)) or Cast(Less(t, x)).
  std::optional<double> ThresholdOf(Value mask, Value x) const {
    const Node& cast = node(mask.node);
    if (cast.op != "Cast" || cast.inputs.empty()) return std::nullopt;
    const Node& compare = node(cast.inputs[0].node);
    if (compare.inputs.size() != 2) return std::nullopt;
    const int data = compare.op == "Greater" ? 0 : compare.op == "Less" ? 1 : -1;
    if (data < 0 || compare.inputs[static_cast<size_t>(data)] != x) return std::nullopt;
    return ScalarBehind(graph_, compare.inputs[static_cast<size_t>(1 - data)]);
  }

  void Sub(NodeId id) {
    if (!IsFloat(id)) return;
    if (const Tensor* c = constant(id, 1)) {
      editor_.SetInput(id, 1, MapConstant(id, *c, [](double value) { return -value; }));
      editor_.SetOp(id, "Add");
      Add(id);
    } else if (constant(id, 0) != nullptr) {
      const Value negative = New(id, "Mul", {in(id, 1), Scalar(id, -1)});
      const Value sum = New(id, "Add", {negative, in(id, 0)});
      Replace(id, sum);
      Add(sum.node);
    }
  }

  void Divide(NodeId id) {
    if (!IsFloat(id)) return;
    editor_.SetOp(id, "RealDiv");
    if (const Tensor* c = constant(id, 1)) {
      editor_.SetInput(id, 1, MapConstant(id, *c, [](double value) { return 1 / value; }));
      editor_.SetOp(id, "Mul");
      Mul(id);
    } else if (constant(id, 0) != nullptr) {
      const Value quotient = New(id, "Mul", {New(id, "Reciprocal", {in(id, 1)}), in(id, 0)});
      Replace(id, quotient);
      Mul(quotient.node);
    }
  }

  void Neg(NodeId id) {
    if (IsFloat(id)) Replace(id, New(id, "Mul", {in(id, 0), Scalar(id, -1)}));
  }
  void Inv(NodeId id) { editor_.SetOp(id, "Reciprocal"); }
  void Rsqrt(NodeId id) { Replace(id, New(id, "Reciprocal", {New(id, "Sqrt", {in(id, 0)})})); }

  void SquaredDifference(NodeId id) {
    if (!IsFloat(id)) return;
    const Value difference = New(id, "Sub", {in(id, 0), in(id, 1)});
    Replace(id, New(id, "Square", {difference}));
    Sub(difference.node);
  }

  // max(x, a x) is a leaky ReLU; with a constant it is a clip; of two live values it is a sum over a ReLU.
  void Extremum(NodeId id) {
    if (!IsFloat(id)) return;
    const bool is_max = node(id).op == "Maximum";
    SwapConstantBehind(id);
    constexpr float kHuge = 3e38F;
    if (const Tensor* c = constant(id, 1)) {
      const auto bound = c->SingleValue();
      if (!bound) return;
      const Value limit = Scalar(id, *bound), open = Scalar(id, is_max ? kHuge : -kHuge);
      Replace(id, New(id, "ClipByValue", {in(id, 0), is_max ? limit : open, is_max ? open : limit}));
      return;
    }
    for (int i = 0; is_max && i < 2; ++i) {
      const Node& scaled = node(in(id, i).node);
      if (scaled.op != "Mul" || scaled.inputs.size() != 2) continue;
      for (size_t k = 0; k < 2; ++k) {
        const auto alpha = ScalarBehind(graph_, scaled.inputs[k]);
        if (!alpha || *alpha < 0 || *alpha > 1 || scaled.inputs[1 - k] != in(id, 1 - i)) continue;
        Replace(id, New(id, "LeakyRelu", {in(id, 1 - i)}, {{"alpha", static_cast<float>(*alpha)}}));
        return;
      }
    }
    if (!SameShape(type(in(id, 0)), type(in(id, 1)))) return;
    const Value x = in(id, 0), y = in(id, 1);
    const Value rest = New(id, "Relu", {New(id, "Sub", {x, y})});
    Replace(id, is_max ? New(id, "Add", {rest, y}) : New(id, "Sub", {x, rest}));
  }

  void Pow(NodeId id) {
    const auto exponent = ScalarBehind(graph_, in(id, 1));
    if (!exponent || !IsFloat(id)) return;
    const Value x = in(id, 0);
    if (*exponent == 1) Replace(id, x);
    if (*exponent == 2) Replace(id, New(id, "Square", {x}));
    if (*exponent == 3) Replace(id, New(id, "Mul", {New(id, "Square", {x}), x}));
    if (*exponent == 0.5) Replace(id, New(id, "Sqrt", {x}));
    if (*exponent == -1) Replace(id, New(id, "Reciprocal", {x}));
    if (*exponent == -0.5) Replace(id, New(id, "Reciprocal", {New(id, "Sqrt", {x})}));
  }

  void FusedBatchNorm(NodeId id) { editor_.SetOp(id, "FusedBatchNormV3"); }

  GraphEditor& editor_;
  const Graph& graph_;
};

Status Run(GraphEditor& editor, PassContext&) {
  Legalizer legalizer(editor);
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, editor.graph().TopoOrder());
  for (NodeId id : order) {
    const bool used = !editor.Users(id).empty() || editor.IsOutput({id, 0});
    if (used) legalizer.Visit(id);
  }
  return OkStatus();
}

}  // namespace

const PassInfo kLegalizeElementwise{
    .name = "legalize-elementwise",
    .summary = "spell arithmetic as OpenCV takes it",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
