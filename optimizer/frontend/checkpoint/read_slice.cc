#include "optimizer/frontend/checkpoint/read_slice.h"

#include <algorithm>

namespace permafrost {

StatusOr<StoredType> ReadStoredType(int dtype_number, const tf::TensorShapeProto& shape, const Limits& limits) {
  const DType dtype = DTypeFromProto(dtype_number).value_or(DType::kInvalid);
  const int64_t size = SizeOf(dtype);
  if (size == 0 && dtype != DType::kString) return Unsupported("has dtype ", NameOf(dtype), " (", dtype_number, ")");
  StoredType type{dtype, {}};
  for (const auto& dim : shape.dim()) type.dims.push_back(dim.size());
  const int64_t elements = CheckedElements(type.dims);
  if (elements < 0 || shape.unknown_rank()) return DataLoss("has the invalid shape ", Shape(type.dims).ToString());
  if (elements > limits.max_tensor_bytes / std::max<int64_t>(1, size)) {
    return ResourceExhausted("a ", NameOf(dtype), Shape(type.dims).ToString(), " is above the limit of ",
                             limits.max_tensor_bytes, " bytes (--max-tensor-bytes)");
  }
  return type;
}

TensorSlice ReadSlice(const tf::TensorSliceProto& proto) {
  TensorSlice slice;
  for (const auto& extent : proto.extent()) {
    const bool has_length = extent.has_length_case() == tf::TensorSliceProto::Extent::kLength;
    slice.start.push_back(has_length ? extent.start() : 0);
    slice.length.push_back(has_length ? extent.length() : TensorSlice::kWhole);
  }
  return slice;
}

}  // namespace permafrost
