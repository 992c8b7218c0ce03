#pragma once

#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Nodes whose axes the importer would take for others. It guesses the layout of every value: what a node says of itself
// (data_format) goes up to all that feeds it, constants included, then comes down again through nodes whose inputs
// agree; a MatMul, a Squeeze and some Reshapes make it forget. By that guess it reorders the data under a Reshape or
// Squeeze and counts the axes of Transpose, ConcatV2, Split and Slice.
std::vector<NodeId> NodesThatImporterMisreads(const Graph& graph);

}  // namespace permafrost
