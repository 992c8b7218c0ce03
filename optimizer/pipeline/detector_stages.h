#pragma once

#include <string>
#include <vector>

#include "optimizer/passes/detection/find_stages.h"
#include "optimizer/pipeline/detector.h"

// Detectors of two stages on their way to a file, see pipeline/detector.h.
namespace permafrost {

// Where pictures keep their shape and are brought to sides within a range, an input of unknown size takes the least shorter
// by the most longer side. A note says so; types are then to be inferred again.
void FixSidesInRange(GraphEditor& editor, Value boxes, std::vector<std::string>& notes);

// Cuts an imported graph at its suppressions: what goes into them become its outputs, what they leave its inputs.
void CutAtStages(GraphEditor& editor, const DetectorStages& stages);

// What became of that graph once it is flat and its constants are folded: one with suppressions in place of the cuts, OpenCV's
// layers or TensorFlow's ops.
StatusOr<DetectorInfo> BuildStages(Graph& graph, const DetectorStages& stages, DetectorFormat format, bool for_opencv,
                                   std::vector<std::string>& notes);

}  // namespace permafrost
