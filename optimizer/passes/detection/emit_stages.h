#pragma once

#include "optimizer/passes/detection/find_stages.h"
#include "optimizer/passes/detection/read_stages.h"

namespace permafrost {

constexpr std::string_view kFinalDetections = "detection_out_final";
constexpr std::string_view kDetectionMasks = "detection_masks";

// Makes a detector of two stages, and of three with masks, of what was read of it, in TensorFlow's own ops:
//   proposals = CombinedNonMaxSuppression(first heads)  ->  CropAndResize  ->  second heads  ->  CombinedNonMaxSuppression
// Its outputs are then
//   detection_out_final [1,1,rows,7] = picture, class, score, x1, y1, x2, y2; best first, then rows of score 0
//   detection_masks     = the masks of all classes, a picture for each row
void EmitStageSuppressions(GraphEditor& editor, const DetectorStages& stages, const StageHeads& heads);

}  // namespace permafrost
