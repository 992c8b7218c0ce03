#pragma once

#include <vector>

#include "bench/timing.h"

namespace permafrost {

// Times of two things that took turns, second / first.
struct PairRatio {
  size_t pairs = 0;
  double first_ms = 0, second_ms = 0;  // medians
  double ratio = 0;                    // median over the pairs
  double low = 0, high = 0;            // 95 % interval of that median, by order statistics

  bool Distinguishable() const { return low > 1 || high < 1; }
};

// Of samples that belong together by position. None: all zero; the interval of fewer than six pairs is open (0,
// infinity).
PairRatio RatioOfPairs(const std::vector<double>& first, const std::vector<double>& second);

// By the clock, and in processor time of all threads, which other programs on the machine do not lengthen.
struct PairTiming {
  PairRatio load, run, load_cpu, run_cpu;
};

// Loads, then runs, both files in turns for about `seconds` each, at least six times; who is first changes from pair to
// pair. A machine whose speed drifts slows both. Errors: a file that fails.
StatusOr<PairTiming> TimePair(const TimedFile& first, const TimedFile& second, double seconds);

}  // namespace permafrost
