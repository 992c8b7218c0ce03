#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare.h"
#include "runner/decode_boxes.h"
#include "runner/decode_masks.h"
#include "shared_io/detector_info.h"

namespace permafrost {

// When two networks find the same things.
struct DetectionLimits {
  double min_score = 0.3;   // what is found with less does not count
  double iou = 0.99;        // the least overlap of two boxes of one thing
  double score = 1e-3;      // the most that their scores may differ
  double mask_iou = 0.99;   // the least overlap of their masks, where both have such
  int64_t class_shift = 0;  // added to the file's classes gives the reference's
};

// Things above the least score, one to one: each reference box with the file's box of its class that covers it best.
struct DetectionComparison {
  Verdict verdict = Verdict::kSkipped;
  std::string reason;  // never empty unless kPassed
  int64_t matched = 0;
  int64_t missed = 0;      // in the reference only
  int64_t extra = 0;       // in the file only
  double worst_iou = 1;    // of those that match
  double worst_score = 0;  // the largest difference of these
  std::optional<double> worst_mask;  // the least overlap of masks of these: cells that are at least half the thing's

  double Needed() const;  // the worst of both as a tolerance; infinite where something is missed or extra
};

// Boxes in the same units. Mistrusted: nothing above the least score on either side.
DetectionComparison CompareDetections(const std::vector<Box>& actual, const std::vector<Box>& reference,
                                      const DetectionLimits& limits);

// The same from outputs, see FindBoxes, or as `detector`, the file's, says (null: it says nothing). No matter which of its forms either side has: rows of DetectionOutput, or the
// four tensors of the Object Detection API. Masks of both sides are compared, too. Boxes relative to the picture end at its edges.
DetectionComparison CompareDetections(const std::vector<NamedArray>& actual, const std::vector<NamedArray>& reference,
                                      const DetectorInfo* detector, const DetectionLimits& limits);

// Intersection over union of cells that are at least half the thing's.
double OverlapOfMasks(const BoxMask& a, const BoxMask& b);

}  // namespace permafrost
