#include <cmath>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/functions/function.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Result = StatusOr<Values>;

const Parameter kX{0, {"x", "x1", "a", "input", "inputs", "tensor", "features", "logits", "value", "condition"}};
const Parameter kY{1, {"y", "x2", "b", "other"}};

// Both operands, numbers as Consts of the other's type.
struct Operands {
  Value x, y;
};
StatusOr<Operands> ReadOperands(FunctionCall& call) {
  const Argument* first = call.Find(kX);
  const Argument* second = call.Find(kY);
  const Parameter by_name{-1, {"x"}};  // tf.math.atan2(y, x)
  const bool swapped = second == nullptr && call.Find(by_name) != nullptr;
  if (swapped) second = call.Find(by_name);
  if (first == nullptr || second == nullptr) return InvalidArgument("has one operand, expected two");
  Operands operands{};
  const Parameter& other = swapped ? by_name : kY;
  if (first->tensor) {
    operands.x = *first->tensor;
    ASSIGN_OR_RETURN(operands.y, call.Tensor(other, operands.x));
  } else {
    if (!second->tensor) return InvalidArgument("has no operand that is a tensor");
    operands.y = *second->tensor;
    ASSIGN_OR_RETURN(operands.x, call.Tensor(kX, operands.y));
  }
  ASSIGN_OR_RETURN(operands.x, PromotedTo(call.layer(), operands.x, call.layer().dtype(operands.y)));
  ASSIGN_OR_RETURN(operands.y, PromotedTo(call.layer(), operands.y, call.layer().dtype(operands.x)));
  return operands;
}

Result Binary(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(const Operands operands, ReadOperands(call));
  return One(call.layer().Emit(op, {operands.x, operands.y}));
}

// True division: of integers too.
Result Divide(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(Operands operands, ReadOperands(call));
  if (!IsFloating(call.layer().dtype(operands.x))) {
    const DType to = call.keras3() ? DType::kFloat32 : DType::kFloat64;
    ASSIGN_OR_RETURN(operands.x, CastTo(call.layer(), operands.x, to));
    ASSIGN_OR_RETURN(operands.y, CastTo(call.layer(), operands.y, to));
  }
  return One(call.layer().Emit(op, {operands.x, operands.y}));
}

Result Logical(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(const Operands operands, ReadOperands(call));
  ASSIGN_OR_RETURN(const Value x, CastTo(call.layer(), operands.x, DType::kBool));
  ASSIGN_OR_RETURN(const Value y, CastTo(call.layer(), operands.y, DType::kBool));
  return One(call.layer().Emit(op, {x, y}));
}

Result LogicalXor(FunctionCall& call, std::string_view) { return Logical(call, "NotEqual"); }

Result LogicalNot(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const Value test, CastTo(call.layer(), x, DType::kBool));
  return One(call.layer().Emit("LogicalNot", {test}));
}

// log(e^x + e^y) = max + log1p(e^-|x - y|)
Result LogAddExp(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Operands operands, ReadOperands(call));
  ASSIGN_OR_RETURN(const Value top, layer.Emit("Maximum", {operands.x, operands.y}));
  ASSIGN_OR_RETURN(const Value difference, layer.Emit("Sub", {operands.x, operands.y}));
  ASSIGN_OR_RETURN(const Value distance, layer.Emit("Abs", {difference}));
  ASSIGN_OR_RETURN(const Value minus, layer.Emit("Neg", {distance}));
  ASSIGN_OR_RETURN(const Value exp, layer.Emit("Exp", {minus}));
  ASSIGN_OR_RETURN(const Value log, layer.Emit("Log1p", {exp}));
  return One(layer.Emit("AddV2", {top, log}));
}

// An op of one operand; Keras 3 turns whole numbers into float32 where the op needs fractions.
Result Unary(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  return One(call.layer().Emit(op, {x}));
}
Result FloatUnary(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(Value x, call.Tensor(kX));
  if (!IsFloating(call.layer().dtype(x))) {
    ASSIGN_OR_RETURN(x, CastTo(call.layer(), x, DType::kFloat32));
  }
  return One(call.layer().Emit(op, {x}));
}

Result Itself(FunctionCall& call, std::string_view) { return One(call.Tensor(kX)); }

Result LogTo(FunctionCall& call, std::string_view base) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const Value log, call.layer().Emit("Log", {x}));
  return One(WithNumber(call.layer(), "Mul", log, 1 / std::log(base == "2" ? 2.0 : 10.0)));
}

Result Round(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const int64_t decimals, call.Int({1, {"decimals"}}, 0));
  if (decimals != 0) return Unsupported("rounds to ", decimals, " decimals");
  return Unary(call, "Round");
}

Result Sum(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Values tensors, call.Tensors({0, {"inputs"}}));
  return One(call.layer().Emit("AddN", tensors));
}

Result Clip(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(Value x, call.Tensor({0, {"t", "x", "value"}}));
  const Parameter low{1, {"clip_value_min", "x_min", "min_value"}}, high{2, {"clip_value_max", "x_max", "max_value"}};
  if (call.Has(high)) {
    ASSIGN_OR_RETURN(const Value most, call.Tensor(high, x));
    ASSIGN_OR_RETURN(x, layer.Emit("Minimum", {x, most}));
  }
  if (call.Has(low)) {
    ASSIGN_OR_RETURN(const Value least, call.Tensor(low, x));
    ASSIGN_OR_RETURN(x, layer.Emit("Maximum", {x, least}));
  }
  return Values{x};
}

Result Cast(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const DType dtype, call.Type({1, {"dtype"}}, DType::kFloat32));
  return One(CastTo(call.layer(), x, dtype));
}

Result Where(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  const Parameter yes{1, {"x", "x1"}}, no{2, {"y", "x2"}};
  if (!call.Has(yes) || !call.Has(no))
    return Unsupported("where() without two alternatives gives indices, whose number depends on the data");
  ASSIGN_OR_RETURN(const Value condition, call.Tensor({0, {"condition"}}));
  ASSIGN_OR_RETURN(const Value test, CastTo(layer, condition, DType::kBool));
  const Argument* first = call.Find(yes);
  const Argument* second = call.Find(no);
  std::optional<Value> like;
  if (first != nullptr && first->tensor) like = first->tensor;
  if (second != nullptr && second->tensor && !like) like = second->tensor;
  ASSIGN_OR_RETURN(Value x, call.Tensor(yes, like));
  ASSIGN_OR_RETURN(Value y, call.Tensor(no, x));
  ASSIGN_OR_RETURN(x, PromotedTo(layer, x, layer.dtype(y)));
  return One(layer.Emit("SelectV2", {test, x, y}));
}

}  // namespace

std::vector<FunctionRow> ElementwiseFunctions() {
  return {
      {"add", "ops>Add", Binary, "AddV2"},
      {"subtract", "ops>Subtract", Binary, "Sub"},
      {"multiply", "ops>Multiply", Binary, "Mul"},
      {"scalar_mul", "", Binary, "Mul"},
      {"truediv", "ops>TrueDivide", Divide, "RealDiv"},
      {"divide", "ops>Divide", Divide, "RealDiv"},
      {"div", "", Divide, "RealDiv"},
      {"divide_no_nan", "ops>DivideNoNan", Divide, "DivNoNan"},
      {"multiply_no_nan", "", Binary, "MulNoNan"},
      {"floordiv", "ops>FloorDivide", Binary, "FloorDiv"},
      {"floor_div", "", Binary, "FloorDiv"},
      {"floormod", "ops>Mod", Binary, "FloorMod"},
      {"mod", "", Binary, "FloorMod"},
      {"pow", "ops>Power", Binary, "Pow"},
      {"maximum", "ops>Maximum", Binary, "Maximum"},
      {"minimum", "ops>Minimum", Binary, "Minimum"},
      {"squared_difference", "", Binary, "SquaredDifference"},
      {"atan2", "ops>Arctan2", Binary, "Atan2"},
      {"xlogy", "", Binary, "Xlogy"},
      {"xdivy", "", Binary, "Xdivy"},
      {"", "ops>Logaddexp", LogAddExp},
      {"equal", "ops>Equal", Binary, "Equal"},
      {"not_equal", "ops>NotEqual", Binary, "NotEqual"},
      {"__eq__", "", Binary, "Equal"},
      {"__ne__", "", Binary, "NotEqual"},
      {"eq", "", Binary, "Equal"},
      {"ne", "", Binary, "NotEqual"},
      {"greater", "ops>Greater", Binary, "Greater"},
      {"greater_equal", "ops>GreaterEqual", Binary, "GreaterEqual"},
      {"less", "ops>Less", Binary, "Less"},
      {"less_equal", "ops>LessEqual", Binary, "LessEqual"},
      {"logical_and", "ops>LogicalAnd", Logical, "LogicalAnd"},
      {"logical_or", "ops>LogicalOr", Logical, "LogicalOr"},
      {"logical_xor", "ops>LogicalXor", LogicalXor},
      {"logical_not", "ops>LogicalNot", LogicalNot},
      {"add_n", "", Sum},

      {"abs", "ops>Absolute", Unary, "Abs"},
      {"", "ops>Abs", Unary, "Abs"},
      {"negative", "ops>Negative", Unary, "Neg"},
      {"square", "ops>Square", Unary, "Square"},
      {"sign", "ops>Sign", Unary, "Sign"},
      {"round", "ops>Round", Round},
      {"rint", "", FloatUnary, "Rint"},
      {"exp", "ops>Exp", FloatUnary, "Exp"},
      {"expm1", "ops>Expm1", FloatUnary, "Expm1"},
      {"log", "ops>Log", FloatUnary, "Log"},
      {"log1p", "ops>Log1p", FloatUnary, "Log1p"},
      {"", "ops>Log2", LogTo, "2"},
      {"", "ops>Log10", LogTo, "10"},
      {"sqrt", "ops>Sqrt", FloatUnary, "Sqrt"},
      {"rsqrt", "ops>Rsqrt", FloatUnary, "Rsqrt"},
      {"reciprocal", "ops>Reciprocal", FloatUnary, "Reciprocal"},
      {"floor", "ops>Floor", FloatUnary, "Floor"},
      {"ceil", "ops>Ceil", FloatUnary, "Ceil"},
      {"sin", "ops>Sin", FloatUnary, "Sin"},
      {"cos", "ops>Cos", FloatUnary, "Cos"},
      {"tan", "ops>Tan", FloatUnary, "Tan"},
      {"asin", "ops>Arcsin", FloatUnary, "Asin"},
      {"acos", "ops>Arccos", FloatUnary, "Acos"},
      {"atan", "ops>Arctan", FloatUnary, "Atan"},
      {"sinh", "ops>Sinh", FloatUnary, "Sinh"},
      {"cosh", "ops>Cosh", FloatUnary, "Cosh"},
      {"asinh", "ops>Arcsinh", FloatUnary, "Asinh"},
      {"acosh", "ops>Arccosh", FloatUnary, "Acosh"},
      {"atanh", "ops>Arctanh", FloatUnary, "Atanh"},
      {"erf", "ops>Erf", FloatUnary, "Erf"},
      {"erfc", "", FloatUnary, "Erfc"},
      {"is_nan", "ops>Isnan", FloatUnary, "IsNan"},
      {"is_inf", "ops>Isinf", FloatUnary, "IsInf"},
      {"is_finite", "ops>Isfinite", FloatUnary, "IsFinite"},

      {"identity", "ops>Copy", Itself},
      {"stop_gradient", "ops>StopGradient", Itself},
      {"convert_to_tensor", "ops>ConvertToTensor", Itself},
      {"ensure_shape", "", Itself},
      {"check_numerics", "", Itself},
      {"positive", "ops>Positive", Itself},
      {"clip_by_value", "ops>Clip", Clip},
      {"clip", "", Clip},
      {"cast", "ops>Cast", Cast},
      {"where", "ops>Where", Where},
      {"where_v2", "", Where},
  };
}

}  // namespace permafrost::keras
