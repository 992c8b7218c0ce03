#include "optimizer/ops/select_boxes.h"

#include <gtest/gtest.h>

#include <limits>

namespace permafrost {
namespace {

// The second lies over the first, its corners the other way round; the third is empty.
constexpr float kBoxes[] = {0, 0, 1, 1, 1, 1.1F, 0, 0.1F, 0.5F, 0.5F, 0.5F, 0.9F, 2, 2, 3, 3};
constexpr float kScores[] = {0.3F, 0.9F, 0.5F, 0.3F};
constexpr ScoredBoxes kFour{.boxes = kBoxes, .scores = kScores, .count = 4};
using Numbers = std::vector<int32_t>;

Numbers Selected(const ScoredBoxes& boxes, double most, double overlap, double least) {
  int64_t pairs = 0;
  const auto chosen = SelectBoxes(boxes, most, overlap, least, pairs);
  return chosen.ok() ? *chosen : Numbers{-1};
}

TEST(SelectBoxes, LeavesOutWhatABetterOneCovers) {
  EXPECT_EQ(Selected(kFour, 9, 0.5, 0.1), (Numbers{1, 2, 3}));
  EXPECT_EQ(Selected(kFour, 9, 0.9, 0.1), (Numbers{1, 2, 0, 3}));
  EXPECT_EQ(Selected(kFour, 2, 0.9, 0.1), (Numbers{1, 2}));
  EXPECT_EQ(Selected(kFour, 9, 0.9, 0.5), (Numbers{1}));
}

TEST(SelectBoxes, TakesColumnsOfTables) {
  const float scores[] = {0, 0.3F, 1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(Selected({.boxes = kBoxes, .scores = scores + 1, .count = 2, .box_step = 12, .score_step = 2}, 9, 0.5, 0.1), (Numbers{0}));
}

TEST(SelectBoxes, DoesNotCompareForHours) {
  int64_t pairs = kMostBoxPairs - 3;
  EXPECT_FALSE(SelectBoxes(kFour, 9, 0.5, 0.1, pairs).ok());
  pairs = 0;
  ASSERT_TRUE(SelectBoxes(kFour, 9, 0.5, 0.1, pairs).ok());
  EXPECT_EQ(pairs, 0 + 1 + 2 + 2);
}

}  // namespace
}  // namespace permafrost
