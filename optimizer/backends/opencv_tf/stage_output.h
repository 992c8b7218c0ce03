#pragma once

#include "optimizer/passes/detection/emit_stages.h"

namespace permafrost {

// Makes a detector of two stages, and of three with masks, of what was read of it. Its outputs are then
//   detection_out_final = DetectionOutput(flat boxes, flat scores, proposals)  with  proposals = DetectionOutput(...)
//   detection_masks     = the masks of all classes, a picture for each row
// and each CropAndResize cuts out the rows of a DetectionOutput.
void EmitStages(GraphEditor& editor, const DetectorStages& stages, const StageHeads& heads);

}  // namespace permafrost
