#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_classes.h"
#include "runner/decode_keypoints.h"
#include "runner/draw.h"
#include "runner/session.h"

namespace permafrost {

enum class Decoder { kAuto, kClasses, kKeypoints, kRaw };

struct DecodeOptions {
  Decoder decoder = Decoder::kAuto;  // kAuto: classes for a vector of at least two numbers, else raw
  int64_t top_k = 5;
  bool softmax = false;
  std::vector<std::string> labels = {};  // of classes
  KeypointOptions keypoints = {};
  std::vector<std::string> parts = {};  // names of key points, as many as keypoints.parts; "Background" is none
};

// One output of one run, decoded.
struct OutputResult {
  std::string name;
  Array array;
  Decoder decoder = Decoder::kRaw;  // never kAuto
  std::vector<std::vector<ClassScore>> classes;
  std::vector<Keypoint> keypoints;  // in pixels of the picture when there is one, else in cells of the heat map
};

// `picture` is the one the network saw, if it was one.
StatusOr<std::vector<OutputResult>> Decode(std::vector<NamedArray> outputs, const std::optional<Picture>& picture,
                                           const DecodeOptions& options);

// What was found, for people.
std::string ResultsText(std::string_view input, const std::vector<OutputResult>& results, const DecodeOptions& options);
// One JSON object on one line; raw outputs with all their values.
std::string ResultsJson(std::string_view input, const std::vector<OutputResult>& results, const DecodeOptions& options);
// What to draw.
void ResultMarks(const std::vector<OutputResult>& results, const DecodeOptions& options, std::vector<Mark>& marks,
                 std::vector<std::string>& lines);

}  // namespace permafrost
