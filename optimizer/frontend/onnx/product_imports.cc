#include <algorithm>

#include "optimizer/frontend/onnx/import.h"

namespace permafrost::from_onnx {
namespace {

StatusOr<Value> Scaled(OpImport& op, Value x, double factor) {
  return factor == 1 ? StatusOr<Value>(x) : op.WithNumber("Mul", x, factor);
}

// alpha a b + beta c
Status Gemm(OpImport& op) {
  ASSIGN_OR_RETURN(const Value a, op.In(0));
  Value b;
  bool transpose_b = op.Int("transB", 0) != 0;
  if (!op.shape(0).IsRank(2) || !op.shape(1).IsRank(2)) {
    return InvalidArgument("multiplies ", op.shape(0).ToString(), " with ", op.shape(1).ToString(), ", expected matrices");
  }
  const Tensor* weights = op.Constant(1);
  if (weights != nullptr && transpose_b) {  // as TensorFlow's Dense has them
    b = op.Const("weights", weights->Transposed({1, 0}));
    transpose_b = false;
  } else {
    ASSIGN_OR_RETURN(b, op.In(1));
  }
  ASSIGN_OR_RETURN(Value y, op.Emit("MatMul", {a, b}, {{"transpose_a", op.Int("transA", 0) != 0},
                                                        {"transpose_b", transpose_b}}));
  ASSIGN_OR_RETURN(y, Scaled(op, y, op.Float("alpha", 1)));
  if (!op.Has(2) || op.Float("beta", 1) == 0) return op.Set(0, y);
  const Tensor* bias = op.Constant(2);
  const int64_t columns = op.type(y).shape.dim(1);
  if (bias != nullptr && columns > 0 && bias->elements() == columns && (bias->rank() == 0 || bias->dims().back() == columns)) {
    ASSIGN_OR_RETURN(const Value vector, Scaled(op, op.Const("bias", bias->Reshaped({columns})), op.Float("beta", 1)));
    ASSIGN_OR_RETURN(y, op.Emit("BiasAdd", {y, vector}));
    return op.Set(0, y);
  }
  ASSIGN_OR_RETURN(Value c, op.In(2));
  ASSIGN_OR_RETURN(c, Scaled(op, c, op.Float("beta", 1)));
  ASSIGN_OR_RETURN(y, op.Emit("AddV2", {y, c}));
  return op.Set(0, y);
}

// As numpy's: a vector is a row on the left and a column on the right.
Status MatMul(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank_a, op.Rank(0));
  ASSIGN_OR_RETURN(const int rank_b, op.Rank(1));
  if (rank_a < 1 || rank_b < 1) return InvalidArgument("multiplies a scalar");
  ASSIGN_OR_RETURN(Value a, op.In(0));
  ASSIGN_OR_RETURN(Value b, op.In(1));
  if (rank_a == 1) {
    ASSIGN_OR_RETURN(a, op.Emit("ExpandDims", {a, op.Index("row", 0)}));
  }
  if (rank_b == 1) {
    ASSIGN_OR_RETURN(b, op.Emit("ExpandDims", {b, op.Index("column", 1)}));
  }
  const bool matrices = rank_a <= 2 && rank_b <= 2;
  ASSIGN_OR_RETURN(Value y, op.Emit(matrices ? "MatMul" : "BatchMatMulV2", {a, b}));
  std::vector<int64_t> gone;
  if (rank_a == 1) gone.push_back(-2);
  if (rank_b == 1) gone.push_back(-1);
  if (!gone.empty()) {
    ASSIGN_OR_RETURN(y, op.Emit("Squeeze", {y}, {{"squeeze_dims", gone}}));
  }
  return op.Set(0, y);
}

// Spelled as TensorFlow does: no blanks, an arrow, letters for "...".
StatusOr<std::string> Spelled(OpImport& op, std::string_view given) {
  std::string equation;
  for (const char c : given) {
    if (c != ' ') equation += c;
  }
  const size_t arrow = equation.find("->");
  std::string left = equation.substr(0, arrow), right;
  if (arrow != std::string::npos) {
    right = equation.substr(arrow + 2);
  } else {  // letters that come once, in the order of the alphabet
    if (left.find("...") != std::string::npos) right = "...";
    for (char c = 'A'; c <= 'z'; ++c) {
      if (std::count(left.begin(), left.end(), c) == 1 && c != '.' && c != ',') right += c;
    }
  }
  std::string free;
  for (char c = 'A'; c <= 'Z'; ++c) {
    if (equation.find(c) == std::string::npos) free += c;
  }
  size_t widest = 0;
  std::string spelled;
  int term = 0;
  for (size_t begin = 0; begin <= left.size(); ++term) {
    const size_t end = std::min(left.find(',', begin), left.size());
    std::string part = left.substr(begin, end - begin);
    begin = end + 1;
    if (term >= op.inputs()) return InvalidArgument("its equation '", given, "' has more terms than inputs");
    ASSIGN_OR_RETURN(const int rank, op.Rank(term));
    if (const size_t dots = part.find("..."); dots != std::string::npos) {
      const int more = rank - static_cast<int>(part.size() - 3);
      if (more < 0 || static_cast<size_t>(more) > free.size()) {
        return InvalidArgument("its equation '", given, "' does not fit rank ", rank);
      }
      if (widest != 0 && widest != static_cast<size_t>(more)) return Unsupported("'...' of several ranks");
      widest = static_cast<size_t>(more);
      part.replace(dots, 3, free.substr(0, widest));
    } else if (static_cast<int>(part.size()) != rank) {
      return InvalidArgument("its equation '", given, "' does not fit rank ", rank);
    }
    spelled += (term > 0 ? "," : "") + part;
  }
  if (term != op.inputs()) return InvalidArgument("its equation '", given, "' has ", term, " terms");
  if (const size_t dots = right.find("..."); dots != std::string::npos) right.replace(dots, 3, free.substr(0, widest));
  return spelled + "->" + right;
}

Status Einsum(OpImport& op) {
  ASSIGN_OR_RETURN(const std::string equation, Spelled(op, op.String("equation", "")));
  std::vector<Value> values;
  for (int i = 0; i < op.inputs(); ++i) {
    ASSIGN_OR_RETURN(const Value value, op.In(i));
    values.push_back(value);
  }
  ASSIGN_OR_RETURN(const Value y, op.Emit("Einsum", values, {{"equation", equation}}));
  return op.Set(0, y);
}

}  // namespace

std::vector<ImportRow> ProductImports() {
  return {{"Einsum", Einsum, 1, -1}, {"Gemm", Gemm, 2, 3}, {"MatMul", MatMul, 2, 2}};
}

}  // namespace permafrost::from_onnx
