#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace permafrost {
namespace {

TEST(Statistics, AreThoseOfTheSortedSamples) {
  const Statistics out = StatisticsOf({5, 1, 3, 2, 4});
  EXPECT_EQ(out.count, 5U);
  EXPECT_EQ(out.min, 1);
  EXPECT_EQ(out.p25, 2);
  EXPECT_EQ(out.median, 3);
  EXPECT_EQ(out.p75, 4);
  EXPECT_DOUBLE_EQ(out.p90, 4.6);
  EXPECT_DOUBLE_EQ(out.p95, 4.8);
  EXPECT_DOUBLE_EQ(out.p99, 4.96);
  EXPECT_EQ(out.mean, 3);
  EXPECT_DOUBLE_EQ(out.variation, std::sqrt(2.5) / 3);
  EXPECT_DOUBLE_EQ(StatisticsOf({4, 1}).median, 2.5);
}

TEST(Statistics, TakeOneSampleAndNone) {
  EXPECT_EQ(StatisticsOf({7}).p95, 7);
  EXPECT_EQ(StatisticsOf({7}).variation, 0);
  EXPECT_EQ(StatisticsOf({}).count, 0U);
  EXPECT_EQ(StatisticsOf({}).median, 0);
}

// The numbers are statsmodels.stats.proportion.proportion_confint's, method "wilson".
TEST(WilsonShare, AgreesWithStatsmodels) {
  const Share share = WilsonShare(8, 10);
  EXPECT_EQ(share.share, 0.8);
  EXPECT_NEAR(share.low, 0.4901624715, 1e-9);
  EXPECT_NEAR(share.high, 0.9433178485, 1e-9);
  EXPECT_NEAR(WilsonShare(10, 10).low, 0.7224672001, 1e-9);
  EXPECT_NEAR(WilsonShare(10, 10).high, 1, 1e-12);
  EXPECT_NEAR(WilsonShare(0, 10).low, 0, 1e-12);
  EXPECT_EQ(WilsonShare(0, 0).high, 1);
}

// The numbers of p are scipy.stats.mannwhitneyu's, method "exact" and "asymptotic".
TEST(CompareTimes, AgreesWithScipyOnSmallSamples) {
  const std::vector<double> a = {12.1, 13.4, 11.9, 12.8, 14.2}, b = {10.1, 9.7, 12.0, 10.9, 11.2};
  const Speedup out = CompareTimes(a, b);
  EXPECT_NEAR(out.p, 0.015873015873, 1e-9);
  EXPECT_TRUE(out.distinguishable);
  EXPECT_GT(out.low, 1);
  EXPECT_LT(out.low, out.ratio);
  EXPECT_LT(out.ratio, out.high);
  const Speedup back = CompareTimes(b, a);
  EXPECT_DOUBLE_EQ(back.p, out.p);
  EXPECT_NEAR(back.ratio, 1 / out.ratio, 0.02);
}

TEST(CompareTimes, CorrectsForTies) {
  const Speedup out = CompareTimes({1, 2, 2, 3, 4, 4, 5, 6}, {2, 3, 3, 4, 7, 7, 8, 9});
  EXPECT_NEAR(out.p, 0.152277403579, 1e-9);
  EXPECT_FALSE(out.distinguishable);
}

TEST(CompareTimes, SeesNoDifferenceInAlikeOrTooFewSamples) {
  EXPECT_FALSE(CompareTimes({3, 3, 3, 3}, {3, 3, 3, 3}).distinguishable);
  EXPECT_EQ(CompareTimes({3, 3, 3, 3}, {3, 3, 3, 3}).ratio, 1);
  EXPECT_FALSE(CompareTimes({10, 11, 12}, {1, 2, 3}).distinguishable);
  EXPECT_TRUE(CompareTimes({10, 11, 12, 13}, {1, 2, 3, 4}).distinguishable);
  EXPECT_FALSE(CompareTimes({}, {1}).distinguishable);
}

// 400 pairs of samples of one distribution: 95 % intervals hold 1 in about 380 of them.
TEST(CompareTimes, HasIntervalsThatHoldTheTruthNineteenTimesOfTwenty) {
  std::mt19937 random(7);
  std::lognormal_distribution<double> times(0.0, 0.2);
  int held = 0, told_apart = 0;
  for (int trial = 0; trial < 400; ++trial) {
    std::vector<double> a(10), b(10);
    for (double& x : a) x = times(random);
    for (double& x : b) x = times(random);
    const Speedup out = CompareTimes(a, b);
    held += out.low <= 1 && 1 <= out.high ? 1 : 0;
    told_apart += out.distinguishable ? 1 : 0;
  }
  EXPECT_GE(held, 365);
  EXPECT_LE(told_apart, 35);
}

}  // namespace
}  // namespace permafrost
