#include "runner/decode_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int32_t> ClassesOf(const Array& array, const SegmentOptions& options = {}) {
  const auto map = FindSegments(array, options);
  EXPECT_TRUE(map.ok()) << map.status();
  return map.ok() ? map->classes : std::vector<int32_t>();
}

TEST(DecodeSegments, TakesTheBestOfTheChannels) {
  const Array scores = FloatArray({1, 1, 3, 3}, {0, 1, 0, 5, 2, 1, 3, 3, 4});
  EXPECT_THAT(ClassesOf(scores), ElementsAre(1, 0, 2));
  EXPECT_THAT(ClassesOf(FloatArray({1, 2, 2}, {1, 1, 0, 2})), ElementsAre(1, 1, 0, 2)) << "whole numbers are classes";
}

TEST(DecodeSegments, CutsAMaskAtItsThreshold) {
  const Array mask = FloatArray({1, 2, 2, 1}, {0.1F, 0.5F, 0.9F, 0.4F});
  EXPECT_THAT(ClassesOf(mask), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(ClassesOf(mask, {.threshold = 0.05F}), ElementsAre(1, 1, 1, 1));
}

TEST(DecodeSegments, RefusesWhatIsNoMap) {
  EXPECT_THAT(Message(FindSegments(FloatArray({1, 2, 3, 4, 5}, std::vector<float>(120)), {}).status()),
              HasSubstr("no map of segments"));
  EXPECT_FALSE(FindSegments(FloatArray({2, 2, 2, 3}, std::vector<float>(24)), {}).ok());
  EXPECT_FALSE(FindSegments(FloatArray({1, 0, 2, 3}, {}), {}).ok());
  EXPECT_THAT(Message(FindSegments(FloatArray({1, 1, 1, 2}, {0, NAN}), {}).status()), HasSubstr("NaN"));
}

// A picture of 4x2 letterboxed into 4x4: one row of bar above and below.
Picture Letterboxed() {
  Picture picture;
  picture.width = 4;
  picture.height = 2;
  picture.input_width = picture.input_height = 4;
  picture.map = {1, 1, 0, 1};
  return picture;
}

TEST(DecodeSegments, CountsWhatLiesOnThePicture) {
  SegmentMap map{4, 2, {7, 7, 1, 2, 1, 1, 7, 7}};  // cells are two input pixels wide
  CutToPicture(map, Letterboxed());
  EXPECT_THAT(map.classes, ElementsAre(-1, -1, 1, 2, 1, 1, -1, -1));
  const auto segments = CountSegments(map);
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].index, 1);
  EXPECT_EQ(segments[0].cells, 3);
  EXPECT_EQ(segments[0].share, 0.75);
  EXPECT_EQ(segments[1].index, 2);
}

TEST(DecodeSegments, MapsBackPixelByPixel) {
  const SegmentMap map{4, 2, {7, 7, 1, 2, 1, 1, 7, 7}};
  const SegmentMap whole = ToPicture(map, Letterboxed());
  EXPECT_EQ(whole.rows, 2);
  EXPECT_EQ(whole.columns, 4);
  EXPECT_THAT(whole.classes, ElementsAre(1, 1, 2, 2, 1, 1, 1, 1));

  Picture cropped;  // the middle 2x2 of a picture of 4x2
  cropped.width = 4;
  cropped.height = cropped.input_width = cropped.input_height = 2;
  cropped.map = {1, 1, -1, 0};
  EXPECT_THAT(ToPicture({1, 2, {5, 6}}, cropped).classes, ElementsAre(-1, 5, 6, -1, -1, 5, 6, -1));
}

}  // namespace
}  // namespace permafrost
