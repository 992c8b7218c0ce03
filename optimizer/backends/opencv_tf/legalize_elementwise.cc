#include <algorithm>
#include <cmath>

#include "optimizer/backends/opencv_tf/axes.h"
#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/kernel.h"

namespace permafrost {
namespace {

class Legalizer : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    const std::string& op = graph_.node(id).op;
    using Rule = void (Legalizer::*)(NodeId);
    static const std::map<std::string_view, Rule> kRules = {{"AddV2", &Legalizer::Add},
                                                            {"Add", &Legalizer::Add},
                                                            {"Mul", &Legalizer::Mul},
                                                            {"Sub", &Legalizer::Sub},
                                                            {"RealDiv", &Legalizer::Divide},
                                                            {"Div", &Legalizer::Divide},
                                                            {"Neg", &Legalizer::Neg},
                                                            {"Rsqrt", &Legalizer::Rsqrt},
                                                            {"Inv", &Legalizer::Inv},
                                                            {"Reciprocal", &Legalizer::Inv},
                                                            {"SquaredDifference", &Legalizer::SquaredDifference},
                                                            {"Maximum", &Legalizer::Extremum},
                                                            {"Minimum", &Legalizer::Extremum},
                                                            {"BiasAdd", &Legalizer::BiasAdd},
                                                            {"BiasAddV1", &Legalizer::BiasAdd},
                                                            {"FusedBatchNormV2", &Legalizer::FusedBatchNorm}};
    const auto rule = kRules.find(op);
    if (rule == kRules.end()) return;
    for (int i = 0; i < 2 && node(id).inputs.size() == 2; ++i) Shorten(id, i);
    (this->*rule->second)(id);
  }

 private:
  // A constant that repeats itself over the batch, or everywhere, said once.
  void Shorten(NodeId id, int i) {
    constexpr int64_t kMaxElements = int64_t{1} << 22;
    const Tensor* tensor = constant(id, i);
    if (tensor == nullptr || tensor->elements() < 2 || tensor->elements() > kMaxElements) return;
    if (!IsFloating(tensor->dtype()) || !(type(in(id, 1 - i)).shape == type({id, 0}).shape)) return;
    const Tensor dense = tensor->Dense();
    const auto repeats = [&](size_t size) {
      const std::string_view bytes = dense.DenseBytes();
      for (size_t at = size; at < bytes.size(); at += size) {
        if (bytes.substr(at, size) != bytes.substr(0, size)) return false;
      }
      return true;
    };
    const auto first = [&](std::vector<int64_t> dims, size_t size) {
      const Tensor part =
          Tensor::Buffer(dense.dtype(), std::move(dims), std::string(dense.DenseBytes().substr(0, size)));
      editor_.SetInput(id, i, EmitConst(editor_, StrCat(NewName(id), "/c"), part));
    };
    const auto size = static_cast<size_t>(SizeOf(dense.dtype()));
    const bool spans_batch = dense.rank() > 1 && dense.rank() == type({id, 0}).shape.rank() && dense.dims()[0] > 1;
    const size_t row = dense.DenseBytes().size() / static_cast<size_t>(std::max<int64_t>(dense.dims()[0], 1));
    // A vector of equal numbers is taken as it is, and so are the ones before a sum.
    if (!IsChannelVector(dense) && repeats(size) && dense.Values<double>()[0] != 1) {
      first({}, size);
    } else if (spans_batch && repeats(row)) {
      std::vector<int64_t> dims = dense.dims();
      dims[0] = 1;
      first(dims, row);
    }
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
    if (!IsFloat({id, 0})) return;
    if (const Tensor* shift = constant(id, 1)) {
      AddConstant(id, *shift);
      return;
    }
    // Twice the same: 4.6 takes it for the begin of an activation that it knows.
    if (in(id, 0) == in(id, 1)) return Replace(id, Times(id, in(id, 0), 2));
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
    if (!(type({id, 0}).shape == type(x).shape)) return;
    if (shift.elements() == 1) {
      AddScalar(id, x, shift);
      return;
    }
    if (BatchConstant(id) || SpatialConstant(id) || !IsChannelVector(shift) || IsScaled(x)) return;
    if (TakesBias(graph_, x.node) && editor_.HasOneUse(x) && type(x).shape.dim(-1) == shift.elements() &&
        !IsNchw(node(x.node))) {
      const Value bias = EmitConst(editor_, StrCat(NewName(id), "/bias"), shift.Reshaped({shift.elements()}));
      Replace(id, New(id, "BiasAdd", {x, bias}));
      return;
    }
    if (!BatchIsOne(type(x)) || type(x).shape.rank() != 4) Replace(id, EmitShift(editor_, NewName(id), x, shift));
  }

  // The importer takes a scalar behind a MatMul or a product with a vector for their bias, which is a vector.
  void AddScalar(NodeId id, Value x, const Tensor& shift) {
    const Node& producer = node(x.node);
    const Tensor* factors = producer.op == "Mul" ? ConstValue(graph_, producer.inputs[1]) : nullptr;
    const bool after_vector = factors != nullptr && factors->elements() > 1;
    if (!after_vector && !(producer.op == "MatMul" && TakesBias(graph_, x.node))) return;
    const int64_t channels = type(x).shape.dim(-1);
    if (after_vector || !editor_.HasOneUse(x) || channels < 1) {
      const Value same = Times(id, x, 1);
      editor_.SetInput(id, 0, same);
      return;
    }
    const std::string number(shift.Dense().DenseBytes());
    const Tensor bias = Tensor::Splat(shift.dtype(), {channels}, number);
    Replace(id, New(id, "BiasAdd", {x, EmitConst(editor_, StrCat(NewName(id), "/bias"), bias)}));
  }

  // A product with a vector that only this Add follows: the two are one Scale layer already.
  bool IsScaled(Value x) const {
    const Node& producer = node(x.node);
    const Tensor* scale = producer.op == "Mul" ? ConstValue(graph_, producer.inputs[1]) : nullptr;
    return scale != nullptr && scale->elements() > 1 && editor_.HasOneUse(x);
  }

  // A constant that differs from row to row of a batch of known size: all of it as one row.
  bool BatchConstant(NodeId id) {
    constexpr int64_t kMaxElements = int64_t{1} << 22;
    const Value x = in(id, 0);
    const Shape shape = type(x).shape;
    const Tensor* tensor = constant(id, 1);
    if (tensor == nullptr || !shape.FullyKnown() || !(type({id, 0}).shape == shape) || shape.rank() < 2) return false;
    if (tensor->rank() != shape.rank() || tensor->dims()[0] == 1 || shape.Elements() > kMaxElements) return false;
    const Shape row{1, shape.Elements()};
    const auto whole = BroadcastTensor(tensor->Dense(), shape.dims());
    if (!whole.ok() || !CanReshape(graph_, x, row) || !CanReshape(graph_, x, shape)) return false;
    const Value flat = EmitAnyReshape(editor_, NewName(id), x, row);
    const Value factors = EmitConst(editor_, StrCat(NewName(id), "/c"), whole->Reshaped({shape.Elements()}));
    const Value value = New(id, node(id).op, {flat, factors});
    Replace(id, EmitAnyReshape(editor_, NewName(id), value, shape));
    return true;
  }

  // A Mul or Add of a constant that differs from place to place: the importer applies it in the order in which its data
  // lie, to one picture or sequence after the other.
  bool SpatialConstant(NodeId id) {
    const Value x = in(id, 0);
    const Shape shape = type(x).shape;
    const Tensor* tensor = constant(id, 1);
    const auto laid_out = tensor == nullptr ? std::nullopt : ConstantAsItLies(graph_, x, *tensor);
    if (!laid_out || !(type({id, 0}).shape == shape)) return false;
    const bool is_sum = node(id).op == "Add", one = BatchIsOne(type(x));
    const bool turned = shape.rank() == 4 && !IsPlanar(graph_, x);
    const bool lies_right = !turned && shape.rank() < 5 && tensor->elements() == laid_out->elements();
    if (lies_right && (!is_sum || one || IsScaled(x))) return false;
    const auto transpose = [&](Value value, const std::vector<int32_t>& order) {
      const Value constant = EmitConst(editor_, StrCat(NewName(id), "/order"), Tensor::Vector<int32_t>(order));
      return turned ? New(id, "Transpose", {value, constant}) : value;
    };
    const DType dtype = tensor->dtype();
    Value value = x;
    // A convolution would take the constant for its own bias or scale; it takes this for its activation.
    constexpr double kHuge = 3e38;
    if (shape.rank() == 4) value = Clip(id, value, -kHuge, kHuge);
    value = transpose(value, {0, 3, 1, 2});
    Tensor factors = *laid_out;
    if (shape.rank() == 5) {
      // A constant of four or five dims would be turned as a picture.
      const int64_t columns = factors.dims().back(), rows = factors.elements() / columns;
      factors = factors.Reshaped({rows, columns});
      value = EmitAnyReshape(editor_, NewName(id), value, Shape{shape.dim(0), rows, columns});
    }
    if (is_sum && !one) {
      const std::string number(Tensor::Scalar<float>(1.0F).Cast(dtype).Dense().DenseBytes());
      const Tensor ones = Tensor::Splat(dtype, factors.dims(), number);
      value = New(id, "Mul", {value, EmitConst(editor_, StrCat(NewName(id), "/ones"), ones)});
    }
    value = New(id, node(id).op, {value, EmitConst(editor_, StrCat(NewName(id), "/c"), factors)});
    Replace(id, EmitAnyReshape(editor_, NewName(id), transpose(value, {0, 2, 3, 1}), shape));
    return true;
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
    if (type(x).shape.rank() == 5 && IsPlanar(graph_, x)) {
      editor_.RemoveAttr(id, "data_format");
      return Add(id);
    }
    Replace(id, EmitShift(editor_, NewName(id), x, *bias));
  }

  void Mul(NodeId id) {
    SwapConstantBehind(id);
    SetScaleAxis(editor_, id);
    if (constant(id, 1) != nullptr && IsFloat({id, 0}) && !BatchConstant(id)) SpatialConstant(id);
  }

  void Sub(NodeId id) {
    if (!IsFloat({id, 0})) return;
    if (const Tensor* c = constant(id, 1)) {
      editor_.SetInput(id, 1, MapConstant(id, *c, [](double value) { return -value; }));
      editor_.SetOp(id, "Add");
      Add(id);
    } else if (constant(id, 0) != nullptr) {
      const Value sum = New(id, "Add", {Times(id, in(id, 1), -1), in(id, 0)});
      Replace(id, sum);
      Add(sum.node);
    }
  }

  void Divide(NodeId id) {
    if (!IsFloat({id, 0})) return;
    editor_.SetOp(id, "RealDiv");
    if (const Tensor* c = constant(id, 1)) {
      editor_.SetInput(id, 1, MapConstant(id, *c, [](double value) { return 1 / value; }));
      editor_.SetOp(id, "Mul");
      Mul(id);
    } else if (constant(id, 0) != nullptr) {
      if (const auto c = ScalarBehind(graph_, in(id, 0)); c && type(in(id, 1)).shape == type({id, 0}).shape) {
        Replace(id, Over(id, *c, in(id, 1)));
        return;
      }
      const Value quotient = New(id, "Mul", {Over(id, 1, in(id, 1)), in(id, 0)});
      Replace(id, quotient);
      Mul(quotient.node);
    }
  }

  void Neg(NodeId id) {
    if (IsFloat({id, 0})) Replace(id, Times(id, in(id, 0), -1));
  }
  void Inv(NodeId id) { Replace(id, Over(id, 1, in(id, 0))); }
  void Rsqrt(NodeId id) { Replace(id, Over(id, 1, New(id, "Sqrt", {in(id, 0)}))); }

  void SquaredDifference(NodeId id) {
    if (!IsFloat({id, 0})) return;
    const Value difference = New(id, "Sub", {in(id, 0), in(id, 1)});
    Replace(id, New(id, "Square", {difference}));
    Sub(difference.node);
  }

  // max(x, a x) is a leaky ReLU; with a constant it is a clip; of two live values it is a sum over a ReLU.
  void Extremum(NodeId id) {
    if (!IsFloat({id, 0})) return;
    const bool is_max = node(id).op == "Maximum";
    SwapConstantBehind(id);
    constexpr float kHuge = 3e38F;
    if (const Tensor* c = constant(id, 1)) {
      if (const auto bound = c->SingleValue()) {
        Replace(id, is_max ? Clip(id, in(id, 0), *bound, kHuge) : Clip(id, in(id, 0), -kHuge, *bound));
        return;
      }
      // One bound a channel, or a place.
      const Value below = New(id, "Add", {in(id, 0), MapConstant(id, *c, [](double value) { return -value; })});
      const Value rest = New(id, "Relu", {is_max ? below : Times(id, below, -1)});
      const Value bounded = New(id, "Add", {is_max ? rest : Times(id, rest, -1), in(id, 1)});
      Replace(id, bounded);
      Add(below.node);
      Add(bounded.node);
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
    // The operand of the result's shape first: the other may be a picture of one pixel.
    const bool swapped = !SameShape(type(in(id, 0)), type({id, 0}));
    const Value x = in(id, swapped ? 1 : 0), y = in(id, swapped ? 0 : 1);
    if (!SameShape(type(x), type({id, 0}))) return;
    const Value rest = New(id, "Relu", {New(id, "Sub", {x, y})});
    const Value result = is_max ? New(id, "Add", {rest, y}) : New(id, "Sub", {x, rest});
    Replace(id, result);
    if (is_max) Add(result.node);
  }

  void FusedBatchNorm(NodeId id) { editor_.SetOp(id, "FusedBatchNormV3"); }
};

Status Run(GraphEditor& editor, PassContext& context) {
  Legalizer legalizer(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { legalizer.Visit(id); });
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
