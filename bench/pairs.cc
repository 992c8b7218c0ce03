#include "bench/pairs.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace permafrost {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kLeastPairs = 6;  // fewer give no 95 % interval
constexpr size_t kMostPairs = 5000;
constexpr int kWarmUps = 3;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The largest k with P(X < k) <= 2.5 % for X ~ Binomial(n, 1/2): the k-th smallest and the k-th largest of n samples
// lie around the median at 95 %.
size_t OrderOfBound(size_t n) {
  double below = 0;
  for (size_t k = 0; k <= n / 2; ++k) {
    const double ways = std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
                        std::lgamma(static_cast<double>(n - k) + 1);
    below += std::exp(ways - static_cast<double>(n) * std::log(2.0));
    if (below > 0.025) return k;
  }
  return n / 2;
}

double CpuMilliseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

Status TakeTurns(double seconds, const std::array<std::function<Status()>, 2>& works, PairRatio& wall, PairRatio& cpu) {
  std::array<std::vector<double>, 2> samples, cpu_samples;
  const auto start = Clock::now();
  for (size_t pair = 0; pair < kMostPairs && (pair < kLeastPairs || MillisecondsSince(start) < seconds * 1e3); ++pair) {
    for (const size_t turn : {pair % 2, 1 - pair % 2}) {
      const double cpu_begin = CpuMilliseconds();
      const auto begin = Clock::now();
      RETURN_IF_ERROR(works[turn]());
      samples[turn].push_back(MillisecondsSince(begin));
      cpu_samples[turn].push_back(CpuMilliseconds() - cpu_begin);
    }
  }
  wall = RatioOfPairs(samples[0], samples[1]);
  cpu = RatioOfPairs(cpu_samples[0], cpu_samples[1]);
  return OkStatus();
}

}  // namespace

PairRatio RatioOfPairs(const std::vector<double>& first, const std::vector<double>& second) {
  PairRatio result;
  result.pairs = std::min(first.size(), second.size());
  if (result.pairs == 0) return result;
  std::vector<double> ratios;
  for (size_t i = 0; i < result.pairs; ++i) ratios.push_back(second[i] / first[i]);
  result.first_ms = StatisticsOf(first).median;
  result.second_ms = StatisticsOf(second).median;
  result.ratio = StatisticsOf(ratios).median;
  std::sort(ratios.begin(), ratios.end());
  const size_t bound = OrderOfBound(result.pairs);
  result.low = bound == 0 ? 0 : ratios[bound - 1];
  result.high = bound == 0 ? std::numeric_limits<double>::infinity() : ratios[result.pairs - bound];
  return result;
}

StatusOr<PairTiming> TimePair(const TimedFile& first, const TimedFile& second, double seconds) {
  std::array<TimedFile, 2> files = {first, second};
  for (TimedFile& file : files) {
    file.session.check_hash = false;  // hashing is no part of loading; the check has done it
    file.session.isolate = false;
  }
  const auto load = [&](size_t i) { return Session::Open(files[i].path, files[i].session).status(); };
  PairTiming timing;
  RETURN_IF_ERROR(TakeTurns(seconds, {[&] { return load(0); }, [&] { return load(1); }}, timing.load, timing.load_cpu));
  std::vector<Session> sessions;
  for (const TimedFile& file : files) {
    ASSIGN_OR_RETURN(Session session, Session::Open(file.path, file.session));
    for (int i = 0; i < kWarmUps; ++i) RETURN_IF_ERROR(session.Run(file.inputs).status());
    sessions.push_back(std::move(session));
  }
  const auto run = [&](size_t i) { return sessions[i].Run(files[i].inputs).status(); };
  RETURN_IF_ERROR(TakeTurns(seconds, {[&] { return run(0); }, [&] { return run(1); }}, timing.run, timing.run_cpu));
  return timing;
}

}  // namespace permafrost
