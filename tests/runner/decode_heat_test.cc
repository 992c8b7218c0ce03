#include "runner/decode_heat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runner/draw.h"
#include "runner/results.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(DecodeHeat, TakesTheHighestOfTheChannels) {
  const Array output = FloatArray({1, 1, 2, 3}, {0.1F, 0.4F, 9, 0.7F, 0.2F, 9});
  const auto heat = FindHeat(output, 2, std::nullopt);
  ASSERT_TRUE(heat.ok()) << heat.status();
  EXPECT_FLOAT_EQ(heat->cells.at<float>(0, 0), 0.4F);
  EXPECT_FLOAT_EQ(heat->cells.at<float>(0, 1), 0.7F);
  EXPECT_DOUBLE_EQ(heat->x, 1.5);
  EXPECT_EQ(FindHeat(output, 0, std::nullopt)->most, 9);
}

TEST(DecodeHeat, LiesOverThePictureWhereTheNetworkLooked) {
  Picture picture;  // the network saw the middle square of 8x4 pixels, twice as large
  picture.width = 8;
  picture.height = 4;
  picture.input_width = picture.input_height = 8;
  picture.map = {0.5, 0.5, -4, 0};
  const auto heat = FindHeat(FloatArray({1, 2, 2, 1}, {0, 0, 0, 2}), 0, picture);
  ASSERT_TRUE(heat.ok()) << heat.status();
  ASSERT_EQ(heat->on_picture.size(), cv::Size(8, 4));
  EXPECT_DOUBLE_EQ(heat->x, 5);
  EXPECT_DOUBLE_EQ(heat->y, 3);
  EXPECT_EQ(heat->on_picture.at<float>(3, 0), 0) << "not looked at";
  EXPECT_EQ(heat->on_picture.at<float>(3, 7), 0) << "not looked at";
  EXPECT_FLOAT_EQ(heat->on_picture.at<float>(3, 5), 1);
  EXPECT_EQ(heat->on_picture.at<float>(0, 2), 0);
}

TEST(DecodeHeat, RefusesWhatIsNoMap) {
  EXPECT_THAT(Message(FindHeat(FloatArray({2, 2}, {1, 2, 3, 4}), 0, std::nullopt).status()), HasSubstr("expected a heat map"));
  EXPECT_THAT(Message(FindHeat(FloatArray({2, 1, 1, 1}, {1, 2}), 0, std::nullopt).status()), HasSubstr("expected a heat map"));
  EXPECT_THAT(Message(FindHeat(FloatArray({1, 1, 2, 1}, {1, NAN}), 0, std::nullopt).status()), HasSubstr("not finite"));
}

TEST(DecodeHeat, IsDrawnRedWhereItIsHotAndBlueWhereItIsCold) {
  Drawing drawing;
  drawing.heat = cv::Mat::zeros(100, 100, CV_32F);
  drawing.heat(cv::Rect(50, 0, 50, 100)) = 1;
  const auto drawn = Draw(cv::Mat::zeros(100, 100, CV_8UC3), drawing);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  const auto cold = drawn->at<cv::Vec3b>(50, 10), hot = drawn->at<cv::Vec3b>(50, 90);
  EXPECT_GT(cold[0], cold[2]);
  EXPECT_GT(hot[2], hot[0]);
}

TEST(DecodeHeat, IsTold) {
  DecodeOptions options;
  options.decoder = Decoder::kHeat;
  const auto results = Decode({{"heat", FloatArray({1, 1, 2, 1}, {0.25F, 0.75F})}}, {}, std::nullopt, options);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_THAT(ResultsText("a", *results, options), HasSubstr("from 0.25 to 0.75, hottest at x 1.5  y 0.5"));
  EXPECT_THAT(ResultsJson("a", *results, options), HasSubstr("\"hottest\":{\"x\":1.5,\"y\":0.5}"));
  EXPECT_THAT(ResultsCsv("a", *results, options), HasSubstr("a,heat,heat,0,,0.75,1.5,0.5,,,"));
}

}  // namespace
}  // namespace permafrost
