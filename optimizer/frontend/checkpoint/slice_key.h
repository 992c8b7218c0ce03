#pragma once

#include <string>
#include <string_view>

#include "optimizer/ir/tensor_slice.h"

namespace permafrost {

// The key under which a bundle keeps one slice of a tensor. Lengths that are TensorSlice::kWhole are part of the key.
// Source: tensorflow/core/util/saved_tensor_slice_util.cc and lib/strings/ordered_code.cc.
std::string SliceKey(std::string_view name, const TensorSlice& slice);

}  // namespace permafrost
