#include "runner/decode_keypoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

// A heat map [1,3,4,2]: the first channel as given, the second ten times lower.
Array HeatMap(const std::vector<float>& first) {
  std::vector<float> values;
  for (const float value : first) {
    values.push_back(value);
    values.push_back(value / 10);
  }
  return FloatArray({1, 3, 4, 2}, values);
}

TEST(DecodeKeypoints, FindsThePeaksOfEachChannel) {
  const Array map = HeatMap({0, 0, 0, 0.5F,     //
                             0, 0.9F, 0.2F, 0,  //
                             0, 0.1F, 0, 0});
  const auto points = FindPeaks(map, {.min_score = 0.3F, .most_per_part = 5});
  ASSERT_TRUE(points.ok()) << points.status();
  ASSERT_EQ(points->size(), 2U);
  EXPECT_EQ((*points)[0].part, 0);
  EXPECT_EQ((*points)[0].x, 1.5);
  EXPECT_EQ((*points)[0].y, 1.5);
  EXPECT_FLOAT_EQ((*points)[0].score, 0.9F);
  EXPECT_EQ((*points)[1].x, 3.5);
  EXPECT_EQ((*points)[1].y, 0.5);
  EXPECT_EQ(FindPeaks(map, {.min_score = 0.3F})->size(), 1U);
  EXPECT_EQ(FindPeaks(map, {.min_score = 0.05F})->size(), 2U) << "one of each channel";
  EXPECT_EQ(FindPeaks(map, {.parts = 1, .min_score = 0.05F})->size(), 1U);
}

TEST(DecodeKeypoints, CountsAPlateauOnce) {
  const Array map = HeatMap({0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0});
  const auto points = FindPeaks(map, {.parts = 1, .most_per_part = 9});
  ASSERT_TRUE(points.ok());
  ASSERT_EQ(points->size(), 1U);
  EXPECT_EQ((*points)[0].x, 1.5);
}

TEST(DecodeKeypoints, RefinesBetweenCellsByAParabola) {
  // Along x 0.6, 1.0, 0.8: the parabola's top is at 0.5 * 0.2 / 0.6 = 1/6 to the right.
  const Array map = HeatMap({0, 0, 0, 0, 0.6F, 1.0F, 0.8F, 0, 0, 0, 0, 0});
  const auto points = FindPeaks(map, {.parts = 1, .sub_pixel = true});
  ASSERT_TRUE(points.ok());
  ASSERT_EQ(points->size(), 1U);
  EXPECT_NEAR((*points)[0].x, 1.5 + 1.0 / 6, 1e-6);
  EXPECT_NEAR((*points)[0].y, 1.5, 1e-6);
}

TEST(DecodeKeypoints, MapsCellsToThePictureThroughALetterbox) {
  Picture picture;
  picture.input_width = picture.input_height = 40;
  picture.map = {.step_x = 2, .step_y = 2, .offset_x = 0, .offset_y = 10};
  const Keypoint point = ToPicture({0, 2.5, 1.5, 1}, 4, 4, picture);
  EXPECT_EQ(point.x, 50);
  EXPECT_EQ(point.y, 10);
}

TEST(DecodeKeypoints, RefusesWhatIsNoHeatMap) {
  EXPECT_FALSE(FindPeaks(FloatArray({1, 4}, {1, 2, 3, 4}), {}).ok());
  EXPECT_FALSE(FindPeaks(FloatArray({2, 1, 1, 1}, {1, 2}), {}).ok());
  EXPECT_FALSE(FindPeaks(HeatMap(std::vector<float>(12, 0)), {.parts = 3}).ok());
}

}  // namespace
}  // namespace permafrost
