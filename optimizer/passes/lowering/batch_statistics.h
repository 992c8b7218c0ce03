#pragma once

#include "optimizer/ir/graph.h"

// How batch norms look before they are folded.
namespace permafrost {

bool IsFusedNorm(const Node& node);     // FusedBatchNorm, V2, V3
bool IsTrainingNorm(const Node& node);  // and takes the statistics of its batch

// Does the value come, over cheap steps, from a mean or sum along the batch (axis 0)? Axes that are not constant count
// as `unknown_axes`.
bool IsBatchStatistic(const Graph& graph, Value value, bool unknown_axes);

// The variance behind a reciprocal root that is one of a batch of unknown or several elements: what is left of a norm
// made of plain ops that has only its batch's statistics. kNoNode in `node` if this is none.
Value BatchVarianceBehind(const Graph& graph, const Node& root);

}  // namespace permafrost
