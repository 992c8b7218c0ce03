#pragma once

#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_boxes.h"
#include "runner/session.h"
#include "shared_io/detector_info.h"

namespace permafrost {

// Boxes of a network that ends in raw heads, as its description says (docs/detection.md): box codes and class scores with
// anchors, boxes that are decoded already, the grids of YOLO, or a map of middles. Relative to the picture; classes are those of the source. Of boxes of a class that overlap
// by more than options.overlap, else the description's threshold, the best stays; the least score is the higher one of
// both. Errors: an output that is missing or has another shape than described, a batch above 1.
StatusOr<Boxes> DecodeHeads(const std::vector<NamedArray>& outputs, const DetectorInfo& detector, const BoxOptions& options);

// Boxes of any file with a description: of heads as above, of rows of detections as they are. At most as many of a class
// and of all as the source keeps.
StatusOr<Boxes> DecodeDetector(const std::vector<NamedArray>& outputs, const DetectorInfo& detector, const BoxOptions& options);

}  // namespace permafrost
