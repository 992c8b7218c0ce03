#pragma once

#include <string>
#include <vector>

#include "optimizer/ir/graph_editor.h"
#include "shared_io/detector_info.h"

// Detectors of middles (CenterNet): OpenCV has no layer for what follows their heads.
namespace permafrost {

// Gives inputs the size that the graph resizes to. False: it is no such detector.
bool PrepareCenters(GraphEditor& editor, std::vector<std::string>& notes);

// What became of that graph once it is flat and its constants are folded: its outputs are its heads, which the runner decodes.
StatusOr<DetectorInfo> BuildCenters(Graph& graph, std::vector<std::string>& notes);

}  // namespace permafrost
