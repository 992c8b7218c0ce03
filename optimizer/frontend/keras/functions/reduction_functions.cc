#include <numeric>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/functions/function.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Result = StatusOr<Values>;

const Parameter kX{0, {"input_tensor", "x", "input", "inputs", "tensor", "a"}};
const Parameter kAxis{1, {"axis", "axes", "reduction_indices", "dim"}};
const Parameter kKeep{2, {"keepdims", "keep_dims"}};

struct Reduced {
  Value x{};
  std::vector<int64_t> axes;
  bool keep = false;
};
StatusOr<Reduced> Read(FunctionCall& call) {
  Reduced reduced;
  ASSIGN_OR_RETURN(reduced.x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const int rank, call.layer().Rank(reduced.x));
  std::vector<int64_t> all(static_cast<size_t>(rank));
  std::iota(all.begin(), all.end(), 0);
  ASSIGN_OR_RETURN(const std::vector<int64_t> axes, call.Ints(kAxis, all));
  ASSIGN_OR_RETURN(reduced.axes, AxesOf(axes, rank));
  ASSIGN_OR_RETURN(reduced.keep, call.Bool(kKeep, false));
  return reduced;
}

Result Reduction(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(Reduced reduced, Read(call));
  if (call.Has({-1, {"initial"}})) return Unsupported("starts from an initial value");
  ASSIGN_OR_RETURN(const DType dtype, call.Type({-1, {"dtype"}}, call.layer().dtype(reduced.x)));
  if (op == "Mean" && call.keras3() && !IsFloating(dtype)) {
    ASSIGN_OR_RETURN(reduced.x, CastTo(call.layer(), reduced.x, DType::kFloat32));
  } else {
    ASSIGN_OR_RETURN(reduced.x, CastTo(call.layer(), reduced.x, dtype));
  }
  return One(Reduce(call.layer(), op, reduced.x, reduced.axes, reduced.keep));
}

Result AnyOrAll(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(const Reduced reduced, Read(call));
  ASSIGN_OR_RETURN(const Value test, CastTo(call.layer(), reduced.x, DType::kBool));
  return One(Reduce(call.layer(), op, test, reduced.axes, reduced.keep));
}

Result Variance(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Reduced reduced, Read(call));
  ASSIGN_OR_RETURN(const Moments moments, MomentsOver(call.layer(), reduced.x, reduced.axes, reduced.keep));
  return Values{moments.variance};
}

Result Deviation(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Values variance, Variance(call, ""));
  return One(call.layer().Emit("Sqrt", {variance[0]}));
}

Result BothMoments(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Reduced reduced, Read(call));
  ASSIGN_OR_RETURN(const Moments moments, MomentsOver(call.layer(), reduced.x, reduced.axes, reduced.keep));
  return Values{moments.mean, moments.variance};
}

// max + log(sum(e^(x - max)))
Result LogSumExp(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Reduced reduced, Read(call));
  ASSIGN_OR_RETURN(Value top, Reduce(layer, "Max", reduced.x, reduced.axes, true));
  ASSIGN_OR_RETURN(const Value shifted, layer.Emit("Sub", {reduced.x, top}));
  ASSIGN_OR_RETURN(const Value exp, layer.Emit("Exp", {shifted}));
  ASSIGN_OR_RETURN(const Value sum, Reduce(layer, "Sum", exp, reduced.axes, reduced.keep));
  ASSIGN_OR_RETURN(const Value log, layer.Emit("Log", {sum}));
  if (!reduced.keep) {
    ASSIGN_OR_RETURN(top, SqueezedAt(layer, top, reduced.axes));
  }
  return One(layer.Emit("AddV2", {log, top}));
}

// The Euclidean norm; the sum of sizes with ord=1.
Result Norm(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Reduced reduced, Read(call));
  const Json& order = call.FindJson({-1, {"ord"}});
  const bool euclidean = order.is_null() || order == "euclidean" || order == "fro" || order == 2;
  if (order == 1 && reduced.axes.size() == 1) {
    ASSIGN_OR_RETURN(const Value size, layer.Emit("Abs", {reduced.x}));
    return One(Reduce(layer, "Sum", size, reduced.axes, reduced.keep));
  }
  if (!euclidean || (order == 2 && reduced.axes.size() != 1)) {
    return Unsupported("takes the norm of order ", order.dump(-1, ' ', true, Json::error_handler_t::replace));
  }
  ASSIGN_OR_RETURN(const Value square, layer.Emit("Square", {reduced.x}));
  ASSIGN_OR_RETURN(const Value sum, Reduce(layer, "Sum", square, reduced.axes, reduced.keep));
  return One(layer.Emit("Sqrt", {sum}));
}

Result L2Normalize(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Reduced reduced, Read(call));
  ASSIGN_OR_RETURN(const double order, call.Number({-1, {"order"}}, 2.0));
  if (order != 2) return Unsupported("normalizes to order ", order);
  // Keras 3 bounds the length, TensorFlow its square.
  ASSIGN_OR_RETURN(const double epsilon, call.Number({-1, {"epsilon"}}, call.keras3() ? 1e-7 : 1e-12));
  return One(UnitLength(call.layer(), reduced.x, reduced.axes, call.keras3() ? epsilon * epsilon : epsilon));
}

Result ArgExtreme(FunctionCall& call, std::string_view op) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(Value x, call.Tensor(kX));
  int64_t axis = 0;
  const bool flattens = call.keras3() && !call.Has(kAxis);
  if (flattens) {
    ASSIGN_OR_RETURN(x, ReshapedTo(layer, x, {-1}));
  } else {
    ASSIGN_OR_RETURN(axis, call.Int({1, {"axis", "dimension"}}, 0));
  }
  ASSIGN_OR_RETURN(const int rank, layer.Rank(x));
  ASSIGN_OR_RETURN(const int at, AxisOf(axis, rank));
  ASSIGN_OR_RETURN(const DType dtype, call.Type({-1, {"output_type"}}, call.keras3() ? DType::kInt32 : DType::kInt64));
  const Value dimension = layer.Const(StrCat(op, "/dimension"), Tensor::Scalar<int32_t>(at));
  ASSIGN_OR_RETURN(const Value index, layer.Emit(op, {x, dimension}, {{"output_type", dtype}}));
  ASSIGN_OR_RETURN(const bool keep, call.Bool({-1, {"keepdims"}}, false));
  if (!keep) return Values{index};
  if (flattens) return Unsupported("keeps the dims of a flattened tensor");
  return One(ExpandedAt(layer, index, at));
}

Result Cumulative(FunctionCall& call, std::string_view op) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(Value x, call.Tensor(kX));
  if (call.keras3() && !call.Has(kAxis)) {
    ASSIGN_OR_RETURN(x, ReshapedTo(layer, x, {-1}));
  }
  ASSIGN_OR_RETURN(const int64_t axis, call.Int(kAxis, 0));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(x));
  ASSIGN_OR_RETURN(const int at, AxisOf(axis, rank));
  ASSIGN_OR_RETURN(const bool exclusive, call.Bool({-1, {"exclusive"}}, false));
  ASSIGN_OR_RETURN(const bool reverse, call.Bool({-1, {"reverse"}}, false));
  const Value along = layer.Const(StrCat(op, "/axis"), Tensor::Scalar<int32_t>(at));
  return One(layer.Emit(op, {x, along}, {{"exclusive", exclusive}, {"reverse", reverse}}));
}

Result TopK(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const int64_t k, call.Int({1, {"k"}}, 1));
  ASSIGN_OR_RETURN(const bool sorted, call.Bool({2, {"sorted"}}, true));
  if (k < 0 || k > INT32_MAX) return InvalidArgument("asks for the top ", k);
  const Value count = layer.Const("TopKV2/k", Tensor::Scalar<int32_t>(static_cast<int32_t>(k)));
  ASSIGN_OR_RETURN(const Value values, layer.Emit("TopKV2", {x, count}, {{"sorted", sorted}}));
  return Values{values, {values.node, 1}};
}

// ---- Products ----

Result MatMul(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  const Argument* first = call.Find({0, {"a", "x1", "x"}});
  const Argument* second = call.Find({1, {"b", "x2", "y"}});
  std::optional<Value> like;
  if (first != nullptr && first->tensor) like = first->tensor;
  if (second != nullptr && second->tensor && !like) like = second->tensor;
  ASSIGN_OR_RETURN(const Value a, call.Tensor({0, {"a", "x1", "x"}}, like));
  ASSIGN_OR_RETURN(const Value b, call.Tensor({1, {"b", "x2", "y"}}, like));
  ASSIGN_OR_RETURN(const bool transpose_a, call.Bool({-1, {"transpose_a", "adjoint_a"}}, false));
  ASSIGN_OR_RETURN(const bool transpose_b, call.Bool({-1, {"transpose_b", "adjoint_b"}}, false));
  return One(Multiplied(layer, a, b, transpose_a, transpose_b));
}

Result Einsum(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  Values operands;
  std::string equation;
  for (const Argument& argument : layer.call().args) {
    if (argument.json.is_string()) equation = argument.json.get<std::string>();
    for (const Value tensor : TensorsOf(argument)) operands.push_back(tensor);
  }
  if (equation.empty()) {
    ASSIGN_OR_RETURN(equation, call.String({-1, {"subscripts", "equation"}}));
  }
  if (operands.empty()) {
    return InvalidArgument(
        "the file does not say what tensors it is called on; Keras 2 loses them, and cannot load this "
        "model either");
  }
  return One(EinsumOf(layer, equation, operands));
}

}  // namespace

std::vector<FunctionRow> ReductionFunctions() {
  return {
      {"reduce_mean", "ops>Mean", Reduction, "Mean"},
      {"reduce_sum", "ops>Sum", Reduction, "Sum"},
      {"reduce_max", "ops>Max", Reduction, "Max"},
      {"reduce_min", "ops>Min", Reduction, "Min"},
      {"reduce_prod", "ops>Prod", Reduction, "Prod"},
      {"", "ops>Amax", Reduction, "Max"},
      {"", "ops>Amin", Reduction, "Min"},
      {"reduce_any", "ops>Any", AnyOrAll, "Any"},
      {"reduce_all", "ops>All", AnyOrAll, "All"},
      {"reduce_variance", "ops>Var", Variance},
      {"reduce_std", "ops>Std", Deviation},
      {"reduce_logsumexp", "ops>Logsumexp", LogSumExp},
      {"moments", "ops>Moments", BothMoments},
      {"norm", "ops>Norm", Norm},
      {"l2_normalize", "ops>Normalize", L2Normalize},
      {"argmax", "ops>Argmax", ArgExtreme, "ArgMax"},
      {"argmin", "ops>Argmin", ArgExtreme, "ArgMin"},
      {"cumsum", "ops>Cumsum", Cumulative, "Cumsum"},
      {"cumprod", "ops>Cumprod", Cumulative, "Cumprod"},
      {"top_k", "ops>TopK", TopK},
      {"matmul", "ops>Matmul", MatMul},
      {"einsum", "ops>Einsum", Einsum},
  };
}

}  // namespace permafrost::keras
