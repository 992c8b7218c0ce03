#include "bench/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Comparison CompareValues(const std::vector<float>& actual, const std::vector<float>& reference,
                         double tolerance = 1e-4) {
  return Compare(FloatArray({1, static_cast<int64_t>(actual.size())}, actual),
                 FloatArray({1, static_cast<int64_t>(reference.size())}, reference), tolerance);
}

TEST(Compare, SaysHowFarOffEvenWhenItPasses) {
  const Comparison same = CompareValues({0.5F, -4, 2}, {0.5F, -4, 2});
  EXPECT_EQ(same.verdict, Verdict::kPassed);
  EXPECT_EQ(same.reason, "");
  EXPECT_EQ(same.needed_rel, 0);
  EXPECT_NEAR(same.cosine, 1, 1e-12);

  const Comparison off = CompareValues({0.5F, -4, 2.25F}, {0.5F, -4, 2}, 0.1);
  EXPECT_EQ(off.verdict, Verdict::kPassed);
  EXPECT_DOUBLE_EQ(off.max_abs, 0.25);
  EXPECT_DOUBLE_EQ(off.needed_rel, 0.0625);
  EXPECT_NEAR(off.cosine, (0.25 + 16 + 4.5) / std::sqrt((0.25 + 16 + 5.0625) * 20.25), 1e-9);
  EXPECT_EQ(CompareValues({0.5F, -4, 2.25F}, {0.5F, -4, 2}, 0.0625).verdict, Verdict::kPassed);
  const Comparison failed = CompareValues({0.5F, -4, 2.25F}, {0.5F, -4, 2}, 0.06);
  EXPECT_EQ(failed.verdict, Verdict::kFailed);
  EXPECT_THAT(failed.reason, HasSubstr("off by 0.0625"));
}

TEST(Compare, FailsOtherShapesWhateverTheNumbers) {
  const Array flat = FloatArray({1, 2}, {1, 2}), tall = FloatArray({2, 1}, {1, 2});
  EXPECT_EQ(Compare(flat, tall, 1).verdict, Verdict::kFailed);
  EXPECT_THAT(Compare(flat, tall, 1).reason, HasSubstr("shape [1,2], expected [2,1]"));
}

TEST(Compare, FailsNewNansAndInfinitiesAtAnyTolerance) {
  EXPECT_EQ(CompareValues({0.5F, kNan}, {0.5F, 2}, 1e9).verdict, Verdict::kFailed);
  EXPECT_EQ(CompareValues({0.5F, kInf}, {0.5F, 2}, 1e9).verdict, Verdict::kFailed);
  EXPECT_EQ(CompareValues({0.5F, 2}, {0.5F, kNan}, 1e9).verdict, Verdict::kFailed);
}

TEST(Compare, MistrustsAReferenceThatIsNotFinite) {
  const Comparison infinite = CompareValues({0.5F, kInf, 2}, {0.5F, kInf, 2});
  EXPECT_EQ(infinite.verdict, Verdict::kMistrusted);
  EXPECT_THAT(infinite.reason, HasSubstr("1 values that are not finite"));
}

TEST(Compare, MistrustsReferencesThatCanShowNoBug) {
  std::vector<float> zeros(20, 0.0F);
  zeros[3] = 0.7F;
  EXPECT_EQ(CompareValues(zeros, zeros).verdict, Verdict::kMistrusted);
  EXPECT_THAT(CompareValues(zeros, zeros).reason, HasSubstr("95 % zeros"));
  zeros[4] = 0.3F;  // 90 % zeros are not more than nine tenths
  EXPECT_EQ(CompareValues(zeros, zeros).verdict, Verdict::kPassed);
  EXPECT_THAT(CompareValues({0, 0.99999F, 0.00001F}, {0, 0.99999F, 0.00001F}).reason, HasSubstr("saturated"));
  EXPECT_THAT(CompareValues({0.1F, 0.1F}, {0.1F, 0.1F}).reason, HasSubstr("alike"));
  EXPECT_EQ(CompareValues({0.3F}, {0.3F}).verdict, Verdict::kPassed) << "one number is not constant, only alone";
  EXPECT_EQ(CompareValues({1}, {1}).verdict, Verdict::kMistrusted) << "a saturated sigmoid";
  EXPECT_EQ(Compare(FloatArray({0}, {}), FloatArray({0}, {}), 1).verdict, Verdict::kMistrusted);
}

TEST(Compare, FailsADifferenceEvenFromABadReference) {
  EXPECT_EQ(CompareValues({0, 1, 0}, {0, 0, 1}).verdict, Verdict::kFailed);
  const Comparison from_zero = CompareValues({0, 1e-9F}, {0, 0});
  EXPECT_EQ(from_zero.verdict, Verdict::kFailed);
  EXPECT_TRUE(std::isinf(from_zero.needed_rel));
}

TEST(Compare, CountsRowsWithTheSameBestClass) {
  const Array reference = FloatArray({2, 3}, {0.1F, 0.7F, 0.2F, 0.5F, 0.3F, 0.2F});
  const Array actual = FloatArray({2, 3}, {0.1F, 0.7F, 0.2F, 0.4F, 0.45F, 0.15F});
  EXPECT_EQ(Compare(actual, reference, 1).top1, 0.5);
  EXPECT_EQ(Compare(reference, reference, 1).top1, 1.0);
  const Array picture = FloatArray({1, 2, 2}, {1, 2, 3, 4});
  EXPECT_FALSE(Compare(picture, picture, 1).top1.has_value());
}

TEST(Compare, CountsHowManyOfTheFiveBestAreShared) {
  const Array reference = FloatArray({1, 7}, {7, 6, 5, 4, 3, 2, 1});
  const Array actual = FloatArray({1, 7}, {7, 6, 5, 4, 0, 3.5F, 1});
  EXPECT_EQ(Compare(actual, reference, 1).top5, 0.8);
  EXPECT_EQ(Compare(reference, reference, 1).top5, 1.0);
  const Array five = FloatArray({1, 5}, {5, 4, 3, 2, 1});
  EXPECT_FALSE(Compare(five, five, 1).top5.has_value());
}

TEST(Compare, MeasuresTheOverlapOfMapsOfClasses) {
  // Class 1 in 16 of 64 cells; the other map has it in 12 of these.
  std::vector<float> reference(64), actual(64);
  for (size_t i = 0; i < 16; ++i) reference[i] = 0.9F;
  for (size_t i = 0; i < 12; ++i) actual[i] = 0.8F;
  const Comparison mask = Compare(FloatArray({1, 8, 8, 1}, actual), FloatArray({1, 8, 8, 1}, reference), 1);
  ASSERT_TRUE(mask.class_iou.has_value());
  EXPECT_DOUBLE_EQ(*mask.class_iou, (12.0 / 16 + 48.0 / 52) / 2);
  const auto two = [](const std::vector<float>& ones) {
    std::vector<float> both;
    for (const float one : ones) both.insert(both.end(), {1 - one, one});
    return FloatArray({1, 8, 8, 2}, both);
  };
  EXPECT_DOUBLE_EQ(*Compare(two(actual), two(reference), 1).class_iou, *mask.class_iou);
  std::vector<float> features(64, 3.5F);
  EXPECT_FALSE(Compare(FloatArray({1, 8, 8, 1}, features), FloatArray({1, 8, 8, 1}, features), 1).class_iou.has_value());
}

}  // namespace
}  // namespace permafrost
