#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/ir/graph_editor.h"

namespace permafrost {

// Height and width that a graph brings pictures to before its network sees them: what it resizes them to, or pads them to
// afterwards. `wanted`: what the network gives.
std::optional<std::vector<int64_t>> SizeOfPictures(const Graph& graph, const std::vector<Value>& wanted);

// Gives inputs of unknown size one picture, of that size where it is known; notes say so. Types are then to be inferred again.
void FixPictures(GraphEditor& editor, const std::optional<std::vector<int64_t>>& size, std::vector<std::string>& notes);

}  // namespace permafrost
