#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared_io/array.h"

namespace permafrost {

enum class Verdict { kPassed, kFailed, kMistrusted, kSkipped };
std::string_view VerdictName(Verdict verdict);  // "PASSED", ...

struct Comparison {
  Verdict verdict = Verdict::kSkipped;
  std::string reason;     // never empty unless kPassed
  double needed_rel = 0;  // max|a-b| / max|b|: the tolerance that would have passed; infinite where none would
  double max_abs = 0;     // max|a-b|
  double cosine = 1;
  double zero_fraction = 0;    // of the reference
  std::optional<double> top1;  // share of rows whose highest value is in the same place; vectors only
  std::optional<double> top5;  // mean share of the five highest values that are among the five highest; vectors above 5
  // Mean overlap (intersection over union) of the classes that the reference has; maps of classes only: whole numbers,
  // or probabilities that add up to 1 in each cell, or one channel of them.
  std::optional<double> class_iou;
};

// How far `actual` is from `reference`. Passes when needed_rel <= tolerance, unless the reference can show no bug:
// more than nine tenths zeros, all values alike, all within 1e-4 of 0 or 1 (a saturated softmax), not finite.
Comparison Compare(const Array& actual, const Array& reference, double tolerance);

}  // namespace permafrost
