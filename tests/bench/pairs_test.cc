#include "bench/pairs.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

TEST(RatioOfPairs, IsTheMedianOverThePairsWhateverTheDrift) {
  std::vector<double> first, second;
  for (int i = 0; i < 40; ++i) {  // the machine slows down by a factor of forty
    first.push_back(1.0 + i);
    second.push_back((1.0 + i) * (i % 2 == 0 ? 1.10 : 1.12));
  }
  const PairRatio ratio = RatioOfPairs(first, second);
  EXPECT_EQ(ratio.pairs, 40u);
  EXPECT_NEAR(ratio.ratio, 1.11, 1e-9);
  EXPECT_NEAR(ratio.low, 1.10, 1e-9);
  EXPECT_NEAR(ratio.high, 1.12, 1e-9);
  EXPECT_TRUE(ratio.Distinguishable());
  EXPECT_NEAR(ratio.first_ms, 20.5, 1e-9);
}

// Of 100 pairs the bounds of a median's 95 % interval are the 40th and the 61st (tables of the sign test).
TEST(RatioOfPairs, TakesTheOrderStatisticsOfTheSignTest) {
  std::vector<double> first(100, 1.0), second;
  for (int i = 1; i <= 100; ++i) second.push_back(i);
  EXPECT_EQ(RatioOfPairs(first, second).low, 40);
  EXPECT_EQ(RatioOfPairs(first, second).high, 61);
}

TEST(RatioOfPairs, SaysNothingOfTooFewPairs) {
  const PairRatio five = RatioOfPairs({1, 1, 1, 1, 1}, {2, 2, 2, 2, 2});
  EXPECT_EQ(five.ratio, 2);
  EXPECT_EQ(five.low, 0);
  EXPECT_TRUE(std::isinf(five.high));
  EXPECT_FALSE(five.Distinguishable());
  EXPECT_TRUE(RatioOfPairs({1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2}).Distinguishable());
  EXPECT_EQ(RatioOfPairs({}, {}).ratio, 0);
}

using TimePairTest = CaseFolderTest;

TEST_F(TimePairTest, TimesLoadsAndRunsOfBothFilesAndNamesTheOneThatFails) {
  Write("m.pb", Network().Bytes());
  SessionOptions options;
  options.input_names = {"x"};
  options.output_names = {"y"};
  const TimedFile file{"m", root_ + "/m.pb", options, {{"x", FloatArray({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6})}}};
  const auto timing = TimePair(file, file, 0.01);
  ASSERT_TRUE(timing.ok()) << timing.status();
  EXPECT_GE(timing->load.pairs, 6u);
  EXPECT_GE(timing->run.pairs, 6u);
  EXPECT_GT(timing->run.first_ms, 0);
  TimedFile bad = file;
  bad.path = root_ + "/none.pb";
  EXPECT_FALSE(TimePair(file, bad, 0.01).ok());
}

}  // namespace
}  // namespace permafrost
