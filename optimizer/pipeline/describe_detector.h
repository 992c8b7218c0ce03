#pragma once

#include "optimizer/passes/detection/find_suppression.h"
#include "shared_io/detector_info.h"

// What the description of any detector says.
namespace permafrost {

// The picture that the graph takes.
void DescribePicture(const Graph& graph, DetectorInfo& info);

// How the last suppression chooses, of classes that are counted from 0. `clip`: boxes end at the picture's edges.
void DescribeSuppression(const Suppression& suppression, bool clip, DetectorInfo& info);

}  // namespace permafrost
