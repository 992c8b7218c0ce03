#pragma once

#include <vector>

#include "optimizer/backends/onnx/convert_to_onnx.h"
#include "optimizer/pipeline/optimize.h"

namespace permafrost {

// model.json's content, hashes still empty. The source and the file are named without their folders.
ModelInfo DescribeModel(const Graph& graph, const OptimizeOptions& options, const std::vector<PassReport>& passes);

// How the inputs and outputs lie in an ONNX file.
void DescribeOnnx(const OnnxModel& model, ModelInfo& info);

}  // namespace permafrost
