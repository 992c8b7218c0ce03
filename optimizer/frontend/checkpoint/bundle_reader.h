#pragma once

#include <memory>
#include <string>

#include "optimizer/ir/variable_source.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// A V2 checkpoint: <prefix>.index and its shards <prefix>.data-00000-of-00001 beside it, mapped when they are needed.
// Tensors of little-endian bundles are views into their shard. Each tensor's checksum is verified when it is read.
// Format: tensorflow/core/util/tensor_bundle/tensor_bundle.h.
// Errors: damage of the index.
StatusOr<std::unique_ptr<VariableSource>> OpenBundle(const std::string& prefix, const Limits& limits);

}  // namespace permafrost
