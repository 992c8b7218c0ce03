#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace permafrost {

struct Statistics {
  size_t count = 0;
  double min = 0, p25 = 0, median = 0, p75 = 0, p90 = 0, p95 = 0, p99 = 0, mean = 0;
  double variation = 0;  // standard deviation / mean
};

// Of any numbers; all zero of none. Percentiles are interpolated between neighbours.
Statistics StatisticsOf(std::vector<double> samples);

// A share of things that are right, with its 95 % interval (E. B. Wilson 1927).
struct Share {
  int64_t hits = 0, total = 0;
  double share = 0, low = 0, high = 1;
};
Share WilsonShare(int64_t hits, int64_t total);  // of none: anything between 0 and 1

// How many times smaller one set of times is than another.
struct Speedup {
  double ratio = 1;          // Hodges-Lehmann: the median of all a / b
  double low = 0, high = 0;  // its 95 % interval
  double p = 1;              // of the Mann-Whitney U test, two-sided: the chance to see this if there is no difference
  bool distinguishable = false;  // p < 0.05
};

// `a` and `b` are positive and independent of each other: medians of repetitions, not neighbouring samples. The test is
// exact below 40 of each without ties, else by the normal approximation with its correction for ties (H. B. Mann and
// D. R. Whitney 1947; the interval inverts the test, as in M. Hollander and D. Wolfe, Nonparametric Statistical
// Methods, 4.3). Fewer than four of each can never be told apart at 95 %.
Speedup CompareTimes(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace permafrost
