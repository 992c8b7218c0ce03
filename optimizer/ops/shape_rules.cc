#include "optimizer/ops/shape_rules.h"

#include <limits>

#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

// `value` if the dtype can hold it.
int64_t Within(DType dtype, bool overflow, int64_t value) {
  if (overflow || value == kUnknownInt) return kUnknownInt;
  if (dtype == DType::kInt32 &&
      (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())) {
    return kUnknownInt;
  }
  return value;
}

Status BroadcastTo(DType dtype, const InferContext& context, Types& outputs) {
  Shape shape = context.shape(0);
  for (int i = 1; i < context.inputs(); ++i) {
    ASSIGN_OR_RETURN(shape, BroadcastShapes(shape, context.shape(i)));
  }
  outputs = {{dtype, std::move(shape), std::nullopt}};
  return OkStatus();
}

Status CheckSameDTypes(const InferContext& context) {
  for (int i = 1; i < context.inputs(); ++i) {
    const DType first = context.dtype(0), other = context.dtype(i);
    if (first != other && first != DType::kInvalid && other != DType::kInvalid) {
      return InvalidArgument("input ", i, " is ", NameOf(other), ", expected ", NameOf(first), " like input 0");
    }
  }
  return OkStatus();
}

}  // namespace

Status LikeFirstInput(const InferContext& context, Types& outputs) {
  outputs = {context.input(0)};
  outputs[0].ints.reset();
  return OkStatus();
}

Status LikeFirstDType(const InferContext& context, Types& outputs) {
  outputs = {{context.dtype(0), Shape(), std::nullopt}};
  return OkStatus();
}

Status ScalarLikeFirst(const InferContext& context, Types& outputs) {
  outputs = {{context.dtype(0), Shape({}), std::nullopt}};
  return OkStatus();
}

Status NoOutputs(const InferContext&, Types& outputs) {
  outputs.clear();
  return OkStatus();
}

Status Broadcasting(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckSameDTypes(context));
  DType dtype = context.dtype(0);
  for (int i = 1; i < context.inputs() && dtype == DType::kInvalid; ++i) dtype = context.dtype(i);
  return BroadcastTo(dtype, context, outputs);
}

Status Comparing(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckSameDTypes(context));
  return BroadcastTo(DType::kBool, context, outputs);
}

DType DTypeAttr(const Node& node, std::string_view name, DType fallback) { return node.attr_or<DType>(name, fallback); }

StatusOr<std::optional<int64_t>> KnownInt(const InferContext& context, int i) {
  if (context.shape(i).has_rank() && context.shape(i).FullyKnown() && context.shape(i).Elements() != 1) {
    return InvalidArgument("input ", i, " has shape ", context.shape(i).ToString(), ", expected one integer");
  }
  const auto& ints = context.ints(i);
  if (!ints.has_value() || ints->size() != 1 || (*ints)[0] == kUnknownInt) return std::optional<int64_t>();
  return std::optional<int64_t>((*ints)[0]);
}

StatusOr<Shape> ShapeFromInput(const InferContext& context, int i, bool allow_unknown) {
  const Shape& spelled = context.shape(i);
  if (spelled.has_rank() && spelled.rank() > 1) {
    return InvalidArgument("input ", i, " has shape ", spelled.ToString(), ", expected a vector of dims");
  }
  const auto& ints = context.ints(i);
  if (!ints.has_value()) {
    if (spelled.IsRank(1) && spelled.dim(0) >= 0 && spelled.dim(0) <= kMaxKnownInts) {
      return Shape::OfRank(static_cast<int>(spelled.dim(0)));
    }
    return Shape();
  }
  std::vector<int64_t> dims = *ints;
  for (int64_t& dim : dims) {
    if (dim == kUnknownInt || (allow_unknown && dim == -1)) {
      dim = kUnknownDim;
    } else if (dim < 0) {
      return InvalidArgument("input ", i, " asks for a dim of ", dim);
    }
  }
  return Shape(std::move(dims));
}

std::vector<int64_t> IntsFromShape(const Shape& shape) {
  std::vector<int64_t> ints = shape.dims();
  for (int64_t& dim : ints) {
    if (dim < 0) dim = kUnknownInt;
  }
  return ints;
}

void SetInts(ValueType& type, std::optional<std::vector<int64_t>> ints) {
  type.ints.reset();
  if (type.dtype != DType::kInt32 && type.dtype != DType::kInt64) return;
  if (!ints.has_value() || static_cast<int64_t>(ints->size()) > kMaxKnownInts) return;
  if (type.shape.has_rank() && type.shape.rank() <= 1 && type.shape.Elements() == static_cast<int64_t>(ints->size())) {
    type.ints = std::move(ints);
  }
}

std::optional<std::vector<int64_t>> IntsOrUnknown(const InferContext& context, int i) {
  if (context.ints(i).has_value()) return context.ints(i);
  const Shape& shape = context.shape(i);
  const int64_t elements = shape.Elements();
  if (shape.rank() > 1 || elements < 0 || elements > kMaxKnownInts) return std::nullopt;
  return std::vector<int64_t>(static_cast<size_t>(elements), kUnknownInt);
}

int64_t AddInts(DType dtype, int64_t a, int64_t b) {
  int64_t sum = 0;
  if (a == kUnknownInt || b == kUnknownInt) return kUnknownInt;
  const bool overflow = __builtin_add_overflow(a, b, &sum);
  return Within(dtype, overflow, sum);
}

int64_t SubInts(DType dtype, int64_t a, int64_t b) {
  int64_t difference = 0;
  if (a == kUnknownInt || b == kUnknownInt) return kUnknownInt;
  const bool overflow = __builtin_sub_overflow(a, b, &difference);
  return Within(dtype, overflow, difference);
}

int64_t MulInts(DType dtype, int64_t a, int64_t b) {
  int64_t product = 0;
  if (a == 0 || b == 0) return 0;
  if (a == kUnknownInt || b == kUnknownInt) return kUnknownInt;
  const bool overflow = __builtin_mul_overflow(a, b, &product);
  return Within(dtype, overflow, product);
}

int64_t AddDims(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum)) return kUnknownDim;
  return sum;
}

Status CheckRank(const InferContext& context, int i, int rank) {
  if (context.shape(i).has_rank() && context.shape(i).rank() != rank) {
    return InvalidArgument("input ", i, " has shape ", context.shape(i).ToString(), ", expected rank ", rank);
  }
  return OkStatus();
}

}  // namespace permafrost
