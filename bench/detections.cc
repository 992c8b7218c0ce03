#include "bench/detections.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <tuple>

#include "runner/decode_heads.h"

namespace permafrost {
namespace {

constexpr double kSameThing = 0.5;  // boxes that overlap less are of two things
constexpr size_t kMostBoxes = 2000;
constexpr double kNoSide = 1e-5;  // a shorter side is none, as where a box was cut at the picture's edge

struct Pair {
  size_t actual, reference;
  double iou, score;  // its difference
};

// Pairs of one class by how well they cover each other; each box is in at most one pair of the result.
std::vector<Pair> MatchOneToOne(const std::vector<Box>& actual, const std::vector<Box>& reference, int64_t class_shift) {
  std::vector<Pair> pairs;
  for (size_t r = 0; r < reference.size(); ++r) {
    for (size_t a = 0; a < actual.size(); ++a) {
      if (actual[a].index + class_shift != reference[r].index) continue;
      const double iou = OverlapOf(actual[a], reference[r]);
      const double score = std::abs(static_cast<double>(actual[a].score) - static_cast<double>(reference[r].score));
      if (iou >= kSameThing) pairs.push_back({a, r, iou, score});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& x, const Pair& y) { return std::tuple(-x.iou, x.score) < std::tuple(-y.iou, y.score); });
  std::vector<bool> actual_taken(actual.size()), reference_taken(reference.size());
  std::vector<Pair> matched;
  for (const Pair& pair : pairs) {
    if (actual_taken[pair.actual] || reference_taken[pair.reference]) continue;
    actual_taken[pair.actual] = reference_taken[pair.reference] = true;
    matched.push_back(pair);
  }
  return matched;
}

bool HasArea(const Box& box) {
  return box.x2 - box.x1 > kNoSide * std::max(1.0, std::abs(box.x2)) && box.y2 - box.y1 > kNoSide * std::max(1.0, std::abs(box.y2));
}

// Boxes without an area are no things: some graphs leave them where they cut at the picture's edge, others do not.
std::vector<Box> Above(const std::vector<Box>& boxes, double score) {
  std::vector<Box> kept;
  for (const Box& box : boxes) {
    if (static_cast<double>(box.score) > score && HasArea(box)) kept.push_back(box);
  }
  return kept;
}

int64_t CountAlone(const std::vector<Box>& boxes, const std::vector<Pair>& pairs, size_t Pair::*side, double min_score) {
  std::vector<bool> matched(boxes.size());
  for (const Pair& pair : pairs) matched[pair.*side] = true;
  int64_t alone = 0;
  for (size_t i = 0; i < boxes.size(); ++i) alone += !matched[i] && static_cast<double>(boxes[i].score) > min_score ? 1 : 0;
  return alone;
}

// The masks of boxes, or none.
using MasksOf = std::function<std::vector<BoxMask>(const std::vector<Box>&)>;

DetectionComparison CompareFound(const std::vector<Box>& all_actual, const std::vector<Box>& all_reference, const MasksOf& actual_masks,
                                 const MasksOf& reference_masks, const DetectionLimits& limits) {
  DetectionComparison out;
  // What one side has just below the least score may be just above it on the other side.
  const double slack = limits.min_score - limits.score;
  const std::vector<Box> actual = Above(all_actual, slack), reference = Above(all_reference, slack);
  if (actual.size() > kMostBoxes || reference.size() > kMostBoxes) {
    out.verdict = Verdict::kFailed;
    out.reason = StrCat(std::max(actual.size(), reference.size()), " boxes above ", limits.min_score, ", at most ",
                        kMostBoxes, " are compared; raise \"min_score\" of meta.json's \"detections\"");
    return out;
  }
  const std::vector<BoxMask> masks = actual_masks(actual), expected_masks = reference_masks(reference);
  const bool have_masks = masks.size() == actual.size() && expected_masks.size() == reference.size();
  const std::vector<Pair> pairs = MatchOneToOne(actual, reference, limits.class_shift);
  bool near = true;
  for (const Pair& pair : pairs) {
    const double score = std::max(actual[pair.actual].score, reference[pair.reference].score);
    if (score <= limits.min_score) continue;
    ++out.matched;
    out.worst_iou = std::min(out.worst_iou, pair.iou);
    out.worst_score = std::max(out.worst_score, pair.score);
    near = near && pair.iou >= limits.iou && pair.score <= limits.score;
    if (!have_masks) continue;
    const double overlap = OverlapOfMasks(masks[pair.actual], expected_masks[pair.reference]);
    out.worst_mask = std::min(out.worst_mask.value_or(1), overlap);
    near = near && overlap >= limits.mask_iou;
  }
  out.missed = CountAlone(reference, pairs, &Pair::reference, limits.min_score);
  out.extra = CountAlone(actual, pairs, &Pair::actual, limits.min_score);
  if (out.missed + out.extra > 0 || !near) {
    out.verdict = Verdict::kFailed;
    out.reason = StrCat(out.matched, " of ", out.matched + out.missed, " found, ", out.extra, " extra, worst overlap ",
                        out.worst_iou, " (expected ", limits.iou, "), scores off by ", out.worst_score, " (allowed ",
                        limits.score, ")");
    if (out.worst_mask) out.reason += StrCat(", worst overlap of masks ", *out.worst_mask, " (expected ", limits.mask_iou, ")");
  } else if (out.matched == 0) {
    out.verdict = Verdict::kMistrusted;
    out.reason = StrCat("the reference has nothing above a score of ", limits.min_score);
  } else {
    out.verdict = Verdict::kPassed;
  }
  return out;
}

}  // namespace

double OverlapOfMasks(const BoxMask& a, const BoxMask& b) {
  if (a.rows != b.rows || a.columns != b.columns || a.values.size() != b.values.size()) return 0;
  constexpr float kHalf = 0.5F;
  double both = 0, either = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const bool in_a = a.values[i] >= kHalf, in_b = b.values[i] >= kHalf;
    both += in_a && in_b ? 1 : 0;
    either += in_a || in_b ? 1 : 0;
  }
  return either > 0 ? both / either : 1;
}

double DetectionComparison::Needed() const {
  if (missed + extra > 0) return std::numeric_limits<double>::infinity();
  return std::max(1 - worst_iou, worst_score);
}

DetectionComparison CompareDetections(const std::vector<Box>& actual, const std::vector<Box>& reference,
                                      const DetectionLimits& limits) {
  const auto none = [](const std::vector<Box>&) { return std::vector<BoxMask>(); };
  return CompareFound(actual, reference, none, none, limits);
}

DetectionComparison CompareDetections(const std::vector<NamedArray>& actual, const std::vector<NamedArray>& reference,
                                      const DetectorInfo* detector, const DetectionLimits& limits) {
  BoxOptions options;
  options.min_score = static_cast<float>(limits.min_score - limits.score);
  auto found = detector != nullptr ? DecodeDetector(actual, *detector, options) : StatusOr<Boxes>(Boxes());
  options.overlap = 1.0F;  // what the networks leave is compared
  if (detector == nullptr) found = FindBoxes(actual, options);
  auto expected = FindBoxes(reference, options);
  if (!found.ok() || !expected.ok()) {
    DetectionComparison out;
    out.verdict = Verdict::kFailed;
    out.reason = Message(found.ok() ? expected.status() : found.status());
    return out;
  }
  // OpenCV's recipe lets boxes end beyond the picture, the Object Detection API does not.
  if (found->relative && expected->relative) {
    for (Boxes* side : {&*found, &*expected}) {
      std::for_each(side->boxes.begin(), side->boxes.end(), CutAtEdges);
    }
  }
  const auto masks_in = [](const std::vector<NamedArray>& outputs, int64_t class_offset) {
    return [&outputs, class_offset](const std::vector<Box>& boxes) {
      std::vector<bool> used(outputs.size());
      auto masks = FindMasks(outputs, boxes, class_offset, used);
      return masks.ok() ? *std::move(masks) : std::vector<BoxMask>();
    };
  };
  const int64_t class_offset = detector != nullptr ? detector->class_offset : 0;
  return CompareFound(found->boxes, expected->boxes, masks_in(actual, class_offset), masks_in(reference, 0), limits);
}

}  // namespace permafrost
