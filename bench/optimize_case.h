#pragma once

#include <string>

#include "bench/model_case.h"
#include "optimizer/support/status.h"

namespace permafrost {

// Optimizes the case's model for the OpenCV at hand, with the inputs, outputs and flags of its meta.json.
Status OptimizeCase(const ModelCase& model, const std::string& output_path);

// A case without references: seeded inputs, and as outputs what the reference kernels make of `raw_path`. Inputs
// and outputs are those of the optimized file's model.json; without one, those that are found in the raw graph.
StatusOr<ModelCase> JudgedCase(const std::string& raw_path, const std::string& optimized_path, uint64_t seed);

}  // namespace permafrost
