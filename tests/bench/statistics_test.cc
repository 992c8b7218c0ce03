#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace {

TEST(Statistics, AreThoseOfTheSortedSamples) {
  const Statistics out = StatisticsOf({5, 1, 3, 2, 4});
  EXPECT_EQ(out.count, 5U);
  EXPECT_EQ(out.min, 1);
  EXPECT_EQ(out.median, 3);
  EXPECT_DOUBLE_EQ(out.p95, 4.8);
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

}  // namespace
}  // namespace permafrost
