#include "runner/decode_classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;

TEST(DecodeClasses, GivesTheBestOfEachPictureFirst) {
  const auto top = TopClasses(FloatArray({2, 1, 1, 3}, {0.2F, 0.5F, 0.3F, 7, 7, -1}), 2, false);
  ASSERT_TRUE(top.ok()) << top.status();
  ASSERT_EQ(top->size(), 2U);
  EXPECT_EQ((*top)[0][0].index, 1);
  EXPECT_EQ((*top)[0][1].index, 2);
  EXPECT_EQ((*top)[1][0].index, 0) << "equal scores in the order of the classes";
  EXPECT_EQ((*top)[1][1].index, 1);
  EXPECT_EQ((*TopClasses(FloatArray({3}, {1, 2, 3}), 9, false))[0].size(), 3U);
}

TEST(DecodeClasses, TurnsLogitsIntoProbabilitiesOnlyIfAsked) {
  const Array logits = FloatArray({1, 2}, {1000, 1000 + std::log(3.0F)});
  EXPECT_FLOAT_EQ((*TopClasses(logits, 1, false))[0][0].score, 1000 + std::log(3.0F));
  const auto top = TopClasses(logits, 2, true);
  ASSERT_TRUE(top.ok());
  EXPECT_NEAR((*top)[0][0].score, 0.75, 1e-4);
  EXPECT_NEAR((*top)[0][1].score, 0.25, 1e-4);
}

TEST(DecodeClasses, RefusesScoresThatAreNoNumbers) {
  EXPECT_FALSE(TopClasses(FloatArray({1, 2}, {1, NAN}), 1, false).ok());
  EXPECT_FALSE(TopClasses(FloatArray({1, 0}, {}), 1, false).ok());
  EXPECT_FALSE(TopClasses(FloatArray({0, 5}, {}), 1, false).ok());
}

TEST(DecodeClasses, ReadsLabelsOfAnyLineEnd) {
  const TemporaryFolder folder;
  EXPECT_THAT(*ReadLabels(folder.Write("labels.txt", "cat\r\n\ndog, hound\nlast\n\n")), ElementsAre("cat", "", "dog, hound", "last"));
  EXPECT_FALSE(ReadLabels("/no/such/labels.txt").ok());
  const std::string picture = folder.Write("labels.png", std::string("\x89PNG\r\n\0\0", 8));
  EXPECT_THAT(Message(ReadLabels(picture).status()), ::testing::HasSubstr("is no text"));
}

}  // namespace
}  // namespace permafrost
