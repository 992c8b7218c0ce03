#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/support/status.h"
#include "shared_io/array.h"
#include "shared_io/detector_info.h"

namespace permafrost {

// An output and its shape, in TensorFlow's order of axes; -1: unknown.
struct HeadShape {
  std::string name;
  std::vector<int64_t> dims;
};

// How people decode the heads of a network that ends in them: what the graph itself does not tell.
struct DecoderRecipe {
  std::string name;  // see DecoderNames()
  Array anchors = {};  // ssd only: [A,4]
  std::string anchor_order = "yxyx";  // "yxyx", "xyxy": corners; "cxcywh": middle and size. Codes: y first or x first as here
};

// "yolov2", "yolov3", "yolov3-tiny", "yolov4", "yolov4-tiny": the anchors of their authors' COCO networks, for heads
// [1,H,W,A*(5+C)] or [1,H,W,A,5+C]; "ssd", "ssd-sigmoid", "ssd-softmax": codes [1,A,4] and scores [1,A,C], which are
// probabilities already or become such.
std::vector<std::string_view> DecoderNames();

// The description of these heads. Errors: no such recipe, outputs that it does not fit, anchors that are missing or more
// or fewer than codes.
StatusOr<DetectorInfo> MakeDetector(const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs);

// A file that holds the object "detector" of a model.json, see docs/detection.md.
StatusOr<DetectorInfo> ReadDetectorFile(const std::string& path);

}  // namespace permafrost
