#include <algorithm>
#include <limits>

#include "optimizer/frontend/onnx/import.h"

// Quantised data are computed as the floats that they stand for.
namespace permafrost::from_onnx {
namespace {

// Input i, one number or one per element of `axis`, to be combined with data of `rank` that lie so.
StatusOr<Value> PerAxis(OpImport& op, int i, int axis, int rank, Lie lie) {
  ASSIGN_OR_RETURN(Value value, op.In(i));
  const Shape shape = op.shape(i);
  if (op.type(value).dtype != DType::kFloat32) {
    ASSIGN_OR_RETURN(value, op.Emit("Cast", {value}, {{"DstT", DType::kFloat32}}));
  }
  if (shape.IsRank(0) || shape.Elements() == 1) return op.Emit("Reshape", {value, op.Indices("scalar", {})});
  if (!shape.IsRank(1)) return Unsupported("scales by blocks");
  std::vector<int64_t> dims;
  const int at = AxisWhen(lie, axis, rank);
  dims.push_back(-1);
  for (int below = at + 1; below < rank; ++below) dims.push_back(1);
  return op.Emit("Reshape", {value, op.Indices("per_axis", dims)});
}

StatusOr<int> QuantizedAxis(OpImport& op, int rank) {
  if (op.shape(1).Elements() == 1) return 0;
  if (op.Int("block_size", 0) != 0) return Unsupported("scales by blocks");
  return AxisOf(op.Int("axis", 1), rank);
}

Status Quantize(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int axis, QuantizedAxis(op, rank));
  DType dtype = op.Has(2) ? op.dtype(2) : DTypeFromOnnx(op.Int("output_dtype", 2));
  double low = 0, high = 0;
  switch (dtype) {
    case DType::kUint8: high = 255; break;
    case DType::kInt8:
      low = -128;
      high = 127;
      break;
    case DType::kUint16: high = 65535; break;
    case DType::kInt16:
      low = -32768;
      high = 32767;
      break;
    default: return Unsupported("quantises to ", NameOf(dtype));
  }
  const Lie lie = op.LieOf(0);
  ASSIGN_OR_RETURN(Value x, op.In(0, lie));
  ASSIGN_OR_RETURN(const Value scale, PerAxis(op, 1, axis, rank, lie));
  ASSIGN_OR_RETURN(x, op.Emit("RealDiv", {x, scale}));
  ASSIGN_OR_RETURN(x, op.Emit("Round", {x}));
  if (op.Has(2)) {
    ASSIGN_OR_RETURN(const Value zero, PerAxis(op, 2, axis, rank, lie));
    ASSIGN_OR_RETURN(x, op.Emit("AddV2", {x, zero}));
  }
  ASSIGN_OR_RETURN(x, op.Emit("ClipByValue", {x, op.Number("low", low, DType::kFloat32), op.Number("high", high, DType::kFloat32)}));
  ASSIGN_OR_RETURN(x, op.Narrowed(x, dtype));
  return op.Set(0, x, lie);
}

Status Dequantize(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int axis, QuantizedAxis(op, rank));
  if (op.dtype(1) != DType::kFloat32) return Unsupported("its scale is ", NameOf(op.dtype(1)), ", expected float32");
  const Lie lie = op.LieOf(0);
  ASSIGN_OR_RETURN(Value x, op.In(0, lie));
  ASSIGN_OR_RETURN(x, op.Widened(x));
  if (op.Has(2)) {
    const Tensor* zeros = op.Constant(2);
    const bool none = zeros != nullptr && zeros->SingleValue() == 0.0;
    if (!none) {
      ASSIGN_OR_RETURN(const Value zero, PerAxis(op, 2, axis, rank, lie));
      ASSIGN_OR_RETURN(x, op.Emit("Sub", {x, zero}));
    }
  }
  ASSIGN_OR_RETURN(const Value scale, PerAxis(op, 1, axis, rank, lie));
  ASSIGN_OR_RETURN(x, op.Emit("Mul", {x, scale}));
  return op.Set(0, x, lie);
}

}  // namespace

std::vector<ImportRow> QuantizedImports() {
  return {{"DequantizeLinear", Dequantize, 2, 3}, {"QuantizeLinear", Quantize, 2, 3}};
}

}  // namespace permafrost::from_onnx
