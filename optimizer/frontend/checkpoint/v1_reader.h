#pragma once

#include <memory>
#include <string>
#include <vector>

#include "optimizer/ir/variable_source.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// A V1 checkpoint: one table of SavedTensorSlices, or several when it was written in shards. Floats are views into it.
// Format: tensorflow/core/util/saved_tensor_slice.proto and tensor_slice_writer.cc.
// Errors: damage of the table.
StatusOr<std::unique_ptr<VariableSource>> OpenV1Checkpoint(const std::vector<std::string>& paths, const Limits& limits);

}  // namespace permafrost
