#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_boxes.h"
#include "runner/decode_classes.h"
#include "runner/decode_heat.h"
#include "runner/decode_image.h"
#include "runner/decode_keypoints.h"
#include "runner/decode_masks.h"
#include "runner/decode_segments.h"
#include "runner/draw.h"
#include "runner/session.h"
#include "shared_io/make_detector.h"

namespace permafrost {

enum class Decoder { kAuto, kClasses, kBoxes, kSegments, kKeypoints, kImage, kHeat, kRaw };

struct DecodeOptions {
  // kAuto: boxes where nothing else has these shapes or names (see LookLikeBoxes), classes for a vector of at least two
  // numbers, else raw.
  Decoder decoder = Decoder::kAuto;
  int64_t top_k = 5;
  bool softmax = false;
  std::vector<std::string> labels = {};  // of classes
  int64_t first_label = 0;               // the class that the first label names
  BoxOptions boxes = {};
  std::optional<DetectorInfo> detector = std::nullopt;  // how its boxes are read; else as they look
  DecoderRecipe recipe = {};                            // makes the above of the outputs, unless its name is empty
  SegmentOptions segments = {};
  bool map_to_picture = false;  // also make maps of segments pixel by pixel, to draw them
  ImageOptions image = {};
  KeypointOptions keypoints = {};
  std::vector<std::string> parts = {};  // names of key points, as many as keypoints.parts; "Background" is none
};

// One output of one run, decoded.
struct OutputResult {
  std::string name;
  Array array;
  Decoder decoder = Decoder::kRaw;  // never kAuto
  std::vector<std::vector<ClassScore>> classes;
  // In pixels of the picture when there is one, else in cells of the heat map.
  std::vector<Keypoint> keypoints;
  // In pixels of the picture when there is one, else as the network gives them. Of several outputs that make boxes
  // together the first one holds them.
  std::vector<Box> boxes;
  bool has_boxes = false;
  std::vector<BoxMask> masks;  // of the boxes, in their order, or none
  HeatMap heat;
  SegmentMap map;                 // cells outside the picture are -1
  std::vector<Segment> segments;  // of the map
  SegmentMap on_picture;          // the map pixel by pixel, when options.map_to_picture and there is a picture
  cv::Mat image;                  // 8-bit BGR
};

// `infos` are the session's outputs; `picture` is the one the network saw, if it was one.
StatusOr<std::vector<OutputResult>> Decode(std::vector<NamedArray> outputs, const std::vector<TensorInfo>& infos,
                                           const std::optional<Picture>& picture, const DecodeOptions& options);

std::string LabelOf(const DecodeOptions& options, int64_t index);  // "" when there is none

// What was found, for people.
std::string ResultsText(std::string_view input, const std::vector<OutputResult>& results, const DecodeOptions& options);
// One JSON object on one line; raw outputs with all their values.
std::string ResultsJson(std::string_view input, const std::vector<OutputResult>& results, const DecodeOptions& options);
std::string ErrorJson(std::string_view input, std::string_view error);
// Lines below CsvHeader(), see writers/writer.h.
std::string CsvHeader();
std::string ResultsCsv(std::string_view input, const std::vector<OutputResult>& results, const DecodeOptions& options);
std::string ErrorCsv(std::string_view input, std::string_view error);
// What to draw on a picture, or what the network made of it.
Drawing ResultsDrawing(const std::vector<OutputResult>& results, const DecodeOptions& options);

}  // namespace permafrost
