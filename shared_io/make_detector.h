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
  bool converted = false;  // known to be what a Softmax or a Sigmoid gives
};

// How people decode the heads of a network that ends in them: what the graph itself does not tell.
struct DecoderRecipe {
  std::string name;  // see DecoderNames()
  Array anchors = {};  // ssd only: [A,4]
  std::string anchor_order = "yxyx";  // "yxyx", "xyxy": corners; "cxcywh": middle and size. Codes: y first or x first as here
  int64_t input_width = 0, input_height = 0;  // of the picture that the network takes; 0: not known
};

// "yolov2", "yolov3", "yolov3-tiny", "yolov4", "yolov4-tiny": the anchors of their authors' COCO networks, for heads
// [1,H,W,A*(5+C)] or [1,H,W,A,5+C]; "yolov5", "yolov8": boxes that the graph decodes, [1,A,5+C] and [1,4+C,A]; "ssd", "ssd-sigmoid",
// "ssd-softmax": codes [1,A,4] and scores [1,A,C], or both as [1,A,4+C] or [1,4+C,A], with scores that are probabilities already or
// become such; "ultra-light-face", "face-mask": the same with the anchors that follow from the size of the picture.
std::vector<std::string_view> DecoderNames();
std::string DecoderNamesText();

// The description of these heads. Errors: no such recipe, outputs that it does not fit, anchors that are missing or more
// or fewer than codes.
StatusOr<DetectorInfo> MakeDetector(const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs);

// A file that holds the object "detector" of a model.json, see docs/detection.md.
StatusOr<DetectorInfo> ReadDetectorFile(const std::string& path);

}  // namespace permafrost
