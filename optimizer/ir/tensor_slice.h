#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/tensor.h"
#include "optimizer/support/status.h"

namespace permafrost {

// A box of a tensor: where it begins and how long it is, per axis.
struct TensorSlice {
  static constexpr int64_t kWhole = -1;  // as a length: the axis to its end, from 0
  std::vector<int64_t> start, length;
};

// The same with every length a number. Errors: another rank, a box that is not inside `dims`.
StatusOr<TensorSlice> ResolveSlice(const TensorSlice& slice, const std::vector<int64_t>& dims);

// What restore ops write: the whole tensor's dims, then begin,length per axis or - for all of it: "10 4 0,5:-".
struct SliceSpec {
  std::vector<int64_t> dims;
  TensorSlice slice;
};
StatusOr<SliceSpec> ParseSliceSpec(std::string_view text);

// A copy of the box, which must be resolved.
Tensor CutSlice(const Tensor& whole, const TensorSlice& slice);

struct TensorPiece {
  TensorSlice slice;  // resolved
  Tensor tensor;
};
// Puts pieces that tile a tensor together. Errors: pieces that overlap or leave gaps, or have another dtype or shape.
StatusOr<Tensor> JoinSlices(DType dtype, const std::vector<int64_t>& dims, const std::vector<TensorPiece>& pieces);

}  // namespace permafrost
