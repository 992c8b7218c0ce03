#pragma once

#include "optimizer/ir/graph.h"

namespace permafrost {

// Whether the DetectionOutput layers of OpenCV's text graph, with its weights filled in, say as many classes as the weights of their
// heads have: cv::dnn finds that out when it runs. Heads that cannot be followed up to convolutions or products are not judged.
// Errors: node, classes found and expected.
Status CheckDetectionLayers(const Graph& graph);

}  // namespace permafrost
