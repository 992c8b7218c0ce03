#pragma once

#include <vector>

#include "optimizer/pipeline/optimize.h"

namespace permafrost {

// model.json's content, hashes still empty. The source and the file are named without their folders.
ModelInfo DescribeModel(const Graph& graph, const OptimizeOptions& options, const std::vector<PassReport>& passes);

}  // namespace permafrost
