#pragma once

#include "optimizer/ir/tensor_slice.h"
#include "optimizer/support/limits.h"
#include "permafrost/checkpoint.pb.h"

// What both kinds of checkpoint say of a tensor.
namespace permafrost {

struct StoredType {
  DType dtype;
  std::vector<int64_t> dims;
};

// Errors: a dtype that cannot be stored, dims that are not known, a tensor beyond the limits.
StatusOr<StoredType> ReadStoredType(int dtype, const tf::TensorShapeProto& shape, const Limits& limits);

TensorSlice ReadSlice(const tf::TensorSliceProto& proto);

}  // namespace permafrost
