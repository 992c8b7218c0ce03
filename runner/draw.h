#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_boxes.h"
#include "runner/decode_masks.h"
#include "runner/decode_segments.h"

namespace permafrost {

struct Mark {
  double x, y;  // pixels of the picture
  std::string text;
};

struct Drawing {
  std::vector<Mark> marks = {};         // a dot and a text at each
  std::vector<std::string> lines = {};  // in the upper left corner
  std::vector<std::pair<Box, std::string>> boxes = {};
  std::vector<BoxMask> masks = {};  // of the boxes, in their order, or none
  cv::Mat heat = {};                // float, 0..1, as large as the picture or laid over it: cold is blue, hot is red
  SegmentMap segments = {};  // laid over the picture; class 0 is not painted when it is the largest
  std::vector<std::pair<int64_t, std::string>> legend = {};  // of segments: a colour and a text each
  cv::Mat image = {};                                        // a picture of its own, in place of the given one
};

// A copy of the picture with that on it. Without a picture: the drawing's own, or its segments on black.
// Errors: there is neither.
StatusOr<cv::Mat> Draw(const cv::Mat& picture, const Drawing& drawing);

StatusOr<std::string> EncodePicture(const cv::Mat& picture, const std::string& suffix);  // ".png", ".jpg", ...

// The suffix of `out_path` says the format (.png, .jpg, ...). Never half a file.
Status WritePicture(const std::string& out_path, const cv::Mat& picture);

}  // namespace permafrost
