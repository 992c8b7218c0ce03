#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// What a file that finds things in pictures gives, as docs/detection.md says.
struct DetectorInfo {
  static constexpr int64_t kVersion = 1;
  static constexpr std::string_view kDetectionOutput = "detection_output";  // rows of cv::dnn's DetectionOutput
  static constexpr std::string_view kHeads = "heads";                       // box encodings and class scores
  static constexpr std::string_view kBoxes = "boxes";                       // boxes that the graph decodes itself, and scores
  static constexpr std::string_view kYolo = "yolo";                         // grids of cells
  static constexpr std::string_view kCenters = "centers";                   // a map of middles, with sizes beside it
  static constexpr std::string_view kCenterSize = "center_size";            // ty, tx, th, tw
  static constexpr std::string_view kCenterSizeXy = "center_size_xy";       // tx, ty, tw, th

  // An output [1, rows, columns, boxes * (5 + classes)]; kYolo only.
  struct YoloHead {
    std::string output;
    double xy_scale = 1;         // how far beyond its cell a middle may lie: 1 not at all
    std::vector<float> anchors;  // width, height of each box in pixels of the input
    bool operator==(const YoloHead&) const = default;
  };

  std::string family;  // "ssd", "faster_rcnn", "rfcn", "mask_rcnn"
  std::string kind;    // one of the above
  std::string detections;           // output of rows [picture, class, score, x1, y1, x2, y2]; kDetectionOutput only
  std::string masks = {};  // output [rows, height, width, classes]: how much of each box belongs to the thing; kDetectionOutput only
  // Outputs [1, anchors, 4] and [1, anchors, classes], or one that has both, each beginning at its column; [1, columns, anchors] as
  // well. kHeads and kBoxes.
  std::string boxes, scores;
  int64_t boxes_column = 0, scores_column = 0;
  std::string score_converter;      // what makes scores of the output `scores`: "sigmoid", "softmax" or "identity"
  int64_t classes = 0;              // columns of scores, background included
  int64_t background = -1;          // the column that means nothing; -1: none
  int64_t class_offset = 0;         // column (the class in a row) + this = the source's number of the class
  double score_threshold = 0, iou_threshold = 1;
  int64_t max_detections_per_class = 0, max_detections = 0;
  bool clip = false;                // boxes end at the edges of the picture
  bool clip_first = false;          // they are cut before they are compared, not afterwards
  // How boxes of different classes get on; kHeads and kBoxes.
  bool best_class_only = false;     // of a box's classes only that of the best score counts
  bool across_classes = false;      // a box goes for a better one of any class, not only of its own
  double soft_sigma = 0;            // above 0: boxes that overlap stay, with scores times exp(-iou^2 / (2 soft_sigma))
  std::string box_coder;            // "center_size"
  std::array<double, 4> box_scales = {1, 1, 1, 1};  // of ty, tx, th, tw
  std::vector<float> anchors;       // y1, x1, y2, x2 of each, 0..1 of the picture; kHeads only
  std::vector<YoloHead> heads = {};
  // kBoxes only.
  std::string box_order = {};       // "yxyx", "xyxy": corners; "cxcywh": middle and size; "xywh": the first corner and size
  std::string box_units = {};       // "relative": 0..1 of the picture, "pixels" of the input, "auto": pixels where a number is above 2
  int64_t objectness_column = -1;   // whether there is anything, which scores are multiplied by; -1: none
  // Outputs [1, rows, columns, classes or 2] of kCenters only; sizes and offsets in cells, y before x.
  std::string centers = {}, sizes = {}, offsets = {};
  int64_t peak_window = 1;          // a middle has the best score of its class among so many cells in both directions
  std::string input;                // the picture
  int64_t input_width = 0, input_height = 0;

  bool operator==(const DetectorInfo&) const = default;
};

}  // namespace permafrost
