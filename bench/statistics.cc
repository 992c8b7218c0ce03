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

// How many orders of n + m values have U = 0, 1, ... n * m / 2; the rest mirrors it. The coefficients of the Gaussian
// binomial, whose lower half takes no cancellation.
std::vector<double> OrdersByU(size_t n, size_t m) {
  std::vector<double> orders(n * m / 2 + 1, 0.0);
  orders[0] = 1;
  for (size_t i = 1; i <= n; ++i) {
    for (size_t u = orders.size(); u-- > m + i;) orders[u] -= orders[u - m - i];
    for (size_t u = i; u < orders.size(); ++u) orders[u] += orders[u - i];
  }
  return orders;
}

// P(U <= u) and the largest k with P(U < k) <= 0.025.
struct UTest {
  double p_one_sided;
  size_t k;
};

constexpr size_t kMostExact = 40;
constexpr double kTail = 0.025;
constexpr double kQuantile = 1.959963984540054;  // of the normal distribution, for that tail

UTest ExactU(double u, size_t n, size_t m) {
  const std::vector<double> orders = OrdersByU(n, m);
  double all = 1;  // n + m over n
  for (size_t i = 1; i <= n; ++i) all *= static_cast<double>(m + i) / static_cast<double>(i);
  UTest out{0, 0};
  double below = 0;
  for (size_t i = 0; i < orders.size(); ++i) {
    if (static_cast<double>(i) <= u) out.p_one_sided += orders[i] / all;
    below += orders[i] / all;
    if (below <= kTail) out.k = i + 1;
  }
  return out;
}

UTest NormalU(double u, double n, double m, double tied) {
  const double mean = n * m / 2, all = n + m;
  const double deviation = std::sqrt(n * m / 12 * (all + 1 - tied / (all * (all - 1))));
  if (!(deviation > 0)) return {1, 0};
  const double z = (u + 0.5 - mean) / deviation;
  const double k = std::floor(mean - kQuantile * std::sqrt(n * m * (all + 1) / 12));
  return {0.5 * std::erfc(-z / std::sqrt(2.0)), k > 0 ? static_cast<size_t>(k) : 0};
}

// The sum of t^3 - t over groups of t equal values.
double Ties(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (size_t i = 0; i < values.size();) {
    const size_t first = i;
    while (i < values.size() && values[i] == values[first]) ++i;
    const double t = static_cast<double>(i - first);
    sum += t * t * t - t;
  }
  return sum;
}

}  // namespace

Statistics StatisticsOf(std::vector<double> samples) {
  Statistics out;
  if (samples.empty()) return out;
  std::sort(samples.begin(), samples.end());
  const double count = static_cast<double>(samples.size());
  out.count = samples.size();
  out.min = samples.front();
  out.p25 = Percentile(samples, 0.25);
  out.median = Percentile(samples, 0.5);
  out.p75 = Percentile(samples, 0.75);
  out.p90 = Percentile(samples, 0.9);
  out.p95 = Percentile(samples, 0.95);
  out.p99 = Percentile(samples, 0.99);
  out.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / count;
  double squares = 0;
  for (const double sample : samples) squares += (sample - out.mean) * (sample - out.mean);
  if (samples.size() > 1 && out.mean != 0) out.variation = std::sqrt(squares / (count - 1)) / out.mean;
  return out;
}

Share WilsonShare(int64_t hits, int64_t total) {
  Share out{hits, total, 0, 0, 1};
  if (total <= 0) return out;
  const double n = static_cast<double>(total), p = static_cast<double>(hits) / n;
  const double z2 = kQuantile * kQuantile;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kQuantile * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  out.share = p;
  out.low = std::max(0.0, middle - half);
  out.high = std::min(1.0, middle + half);
  return out;
}

Speedup CompareTimes(const std::vector<double>& a, const std::vector<double>& b) {
  Speedup out;
  if (a.empty() || b.empty()) return out;
  std::vector<double> ratios;
  double u = 0;  // pairs in which a is larger; half of the equal ones
  for (const double x : a) {
    for (const double y : b) {
      ratios.push_back(x / y);
      u += x > y ? 1 : x == y ? 0.5 : 0;
    }
  }
  std::sort(ratios.begin(), ratios.end());
  out.ratio = Percentile(ratios, 0.5);
  std::vector<double> both = a;
  both.insert(both.end(), b.begin(), b.end());
  const double tied = Ties(both), pairs = static_cast<double>(ratios.size());
  const double smaller = std::min(u, pairs - u);
  const bool exact = tied == 0 && std::max(a.size(), b.size()) <= kMostExact;
  const UTest test = exact ? ExactU(smaller, a.size(), b.size())
                           : NormalU(smaller, static_cast<double>(a.size()), static_cast<double>(b.size()), tied);
  out.p = std::min(1.0, 2 * test.p_one_sided);
  out.distinguishable = out.p < 2 * kTail;
  // Without k pairs to cut off at each end there is no such interval; all that was seen is the best there is.
  const size_t cut = test.k > 0 ? test.k - 1 : 0;
  out.low = ratios[cut];
  out.high = ratios[ratios.size() - 1 - cut];
  return out;
}

}  // namespace permafrost
