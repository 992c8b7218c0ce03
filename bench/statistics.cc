#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace permafrost {
namespace {

double Percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Statistics StatisticsOf(std::vector<double> samples) {
  Statistics out;
  if (samples.empty()) return out;
  std::sort(samples.begin(), samples.end());
  const double count = static_cast<double>(samples.size());
  out.count = samples.size();
  out.min = samples.front();
  out.median = Percentile(samples, 0.5);
  out.p95 = Percentile(samples, 0.95);
  out.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / count;
  double squares = 0;
  for (const double sample : samples) squares += (sample - out.mean) * (sample - out.mean);
  if (samples.size() > 1 && out.mean != 0) out.variation = std::sqrt(squares / (count - 1)) / out.mean;
  return out;
}

}  // namespace permafrost
