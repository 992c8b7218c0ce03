#pragma once

#include <cstddef>
#include <vector>

namespace permafrost {

struct Statistics {
  size_t count = 0;
  double min = 0, median = 0, p95 = 0, mean = 0;
  double variation = 0;  // standard deviation / mean
};

// Of any numbers; all zero of none. Percentiles are interpolated between neighbours.
Statistics StatisticsOf(std::vector<double> samples);

}  // namespace permafrost
