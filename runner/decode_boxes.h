#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/preprocess.h"
#include "runner/session.h"

namespace permafrost {

// How a network says where things are. N boxes, C classes.
enum class BoxFormat {
  kAuto,    // by the shapes, see FindBoxes
  kSsd,     // [1,1,N,7] of cv::dnn's DetectionOutput: picture, class, score, x1, y1, x2, y2
  kRegion,  // [N,5+C] of cv::dnn's Region: cx, cy, w, h, objectness, score of each class, times objectness already
  kYolo,    // [1,N,5+C]: the same, but a score is objectness times the class's number
  kPlain,   // [1,N,4+C], or [1,4+C,N] as YOLOv8 has it: four numbers, score of each class
  kPair,    // boxes [1,N,4] and scores [1,N,C], or scores [1,N] and classes [1,N] of the Object Detection API
};
enum class BoxOrder { kAuto, kYxyx, kXyxy, kCxcywh, kXywh };
enum class BoxUnits { kAuto, kRelative, kPixels };  // of the network's input; kAuto: pixels when a number is above 2

struct BoxOptions {
  BoxFormat format = BoxFormat::kAuto;
  BoxOrder order = BoxOrder::kAuto;  // kAuto: the usual one of the format
  BoxUnits units = BoxUnits::kAuto;
  float min_score = 0.5F;
  std::optional<float> overlap = std::nullopt;  // of two boxes of a class, of which the better one stays; 1: all stay.
                                                // Unset: 0.45, but 1 where the network has done that (kSsd, classes)
  int64_t background = -1;                      // a class that is none
};

struct Box {
  int64_t index;  // of the class
  float score;
  double x1, y1, x2, y2;
  int64_t row = -1;  // of the output that it was read from, where that has rows
};

double OverlapOf(const Box& a, const Box& b);  // intersection over union
void CutAtEdges(Box& box);                     // of the picture, 0..1

struct Boxes {
  std::vector<Box> boxes;  // best first
  bool relative = true;    // 0..1 of the network's input, else its pixels
  std::vector<bool> used;  // for each output: whether it took part
};

// All boxes with a score of at least min_score, one for each class that reaches it; of those that overlap the best.
// kAuto takes [1,1,N,7] for kSsd; a pair of [1,N,4] and [1,N,C] or [1,N] for kPair; all [N,5+C] together for kRegion,
// all [1,N,5+C] for kYolo and [1,4+C,N] with 4+C < N for kPlain.
// Errors: none of them fits; a batch above 1.
StatusOr<Boxes> FindBoxes(const std::vector<NamedArray>& outputs, const BoxOptions& options);

void SortBest(std::vector<Box>& boxes);  // of more than 20000 the best stay

// The boxes with at least that score, best first; of those of a class that overlap by more the best. 1: all.
Status KeepBest(float min_score, float overlap, std::vector<Box>& boxes);

// Whether outputs are boxes without anyone saying so: [1,1,N,7], or named as the Object Detection API does.
bool LookLikeBoxes(const std::vector<NamedArray>& outputs);

// From the network's input to pixels of the picture, cut at its edges.
Box ToPicture(const Box& box, bool relative, const Picture& picture);

}  // namespace permafrost
