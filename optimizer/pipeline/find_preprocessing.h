#pragma once

#include <string>
#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Names of the graph inputs that take pixels as they are, 0 to 255: a dtype of uint8, or a scale or shift by constants
// right behind the input, before any other arithmetic. Looked up before optimizing: folds swallow it.
std::vector<std::string> InputsThatTakePixels(const Graph& graph);

}  // namespace permafrost
