#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "optimizer/support/status.h"

// How kernels choose among boxes that overlap.
namespace permafrost {

constexpr int64_t kMostBoxPairs = int64_t{1} << 28;  // that one kernel compares

// The numbers of the scores above `least`, best first; of equal scores the first comes first. The i-th is scores[i * step].
std::vector<int32_t> BestFirst(const float* scores, int64_t count, int64_t step, double least);

// Those of `order` that `covers(candidate, chosen)` says of no one chosen before them; at most `most`. `pairs` counts what
// a kernel compares. Errors: it is too much.
template <class Covers>
StatusOr<std::vector<int32_t>> ChooseUncovered(const std::vector<int32_t>& order, double most, int64_t& pairs, Covers covers) {
  std::vector<int32_t> chosen;
  for (const int32_t candidate : order) {
    if (static_cast<double>(chosen.size()) >= most) break;
    pairs += static_cast<int64_t>(chosen.size());
    if (pairs > kMostBoxPairs) return ResourceExhausted("more than ", kMostBoxPairs, " pairs of boxes to compare");
    if (std::none_of(chosen.begin(), chosen.end(), [&](int32_t other) { return covers(candidate, other); })) chosen.push_back(candidate);
  }
  return chosen;
}

// The i-th box is two opposite corners, in any order, at boxes + i * box_step.
struct ScoredBoxes {
  const float* boxes;
  const float* scores;
  int64_t count;
  int64_t box_step = 4, score_step = 1;
};

// The suppression of one class as TensorFlow and ONNX have it: of boxes with scores above `least`, best first, each that
// overlaps a better one by more than `overlap` is left out. The numbers of at most `most`; `pairs` as above.
StatusOr<std::vector<int32_t>> SelectBoxes(const ScoredBoxes& from, double most, double overlap, double least, int64_t& pairs);

}  // namespace permafrost
