#include "runner/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <opencv2/core.hpp>

#include "runner/preprocess.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

int Brightness(const cv::Mat& picture, int x, int y) {
  const auto pixel = picture.at<cv::Vec3b>(y, x);
  return pixel[0] + pixel[1] + pixel[2];
}

TEST(Draw, MarksThePlaceAndKeepsTheSize) {
  const cv::Mat black = cv::Mat::zeros(30, 40, CV_8UC3);
  const auto drawn = Draw(black, {.marks = {{30, 5, ""}}});
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_EQ(drawn->cols, 40);
  EXPECT_EQ(drawn->rows, 30);
  EXPECT_GT(Brightness(*drawn, 30, 5), 50);
  EXPECT_EQ(Brightness(*drawn, 5, 25), 0);
  EXPECT_EQ(Brightness(black, 30, 5), 0) << "the picture itself stays";
}

TEST(Draw, FramesBoxesWhereverTheyLie) {
  const cv::Mat black = cv::Mat::zeros(100, 100, CV_8UC3);
  const auto drawn = Draw(black, {.boxes = {{{1, 0.5F, 20, 30, 60, 80}, ""}, {{2, 0.5F, -1e12, 5, 1e12, 9}, "far"}}});
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_GT(Brightness(*drawn, 20, 50), 50);
  EXPECT_GT(Brightness(*drawn, 40, 80), 50);
  EXPECT_EQ(Brightness(*drawn, 40, 50), 0);
}

TEST(Draw, PaintsSegmentsButNotTheGroundAndNamesThem) {
  const cv::Mat grey(120, 120, CV_8UC3, cv::Scalar::all(100));
  Drawing drawing;
  drawing.segments = {1, 2, {0, 3}};  // brought to the size of the picture
  drawing.legend = {{0, "ground"}, {3, "thing"}};
  const auto drawn = Draw(grey, drawing);
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_EQ(Brightness(*drawn, 30, 20), 300);
  EXPECT_NE(Brightness(*drawn, 90, 20), 300);
  EXPECT_NE(Brightness(*drawn, 6, 112), 300) << "the legend";
  drawing.legend = {{3, "thing"}, {0, "ground"}};  // the ground is not the largest: it is painted too
  EXPECT_NE(Brightness(*Draw(grey, drawing), 30, 20), 300);
}

TEST(Draw, GoesOnWithoutAPictureWhereItCan) {
  Drawing drawing;
  EXPECT_FALSE(Draw({}, drawing).ok());
  drawing.segments = {2, 3, {1, 1, 1, 0, 0, 0}};
  drawing.legend = {{1, ""}, {0, ""}};
  ASSERT_TRUE(Draw({}, drawing).ok());
  EXPECT_EQ(Draw({}, drawing)->cols, 3);
  drawing.segments = {};
  drawing.image = cv::Mat(5, 7, CV_8UC3, cv::Scalar::all(9));
  ASSERT_TRUE(Draw({}, drawing).ok());
  EXPECT_EQ(Brightness(*Draw({}, drawing), 3, 3), 27);
}

TEST(WritePicture, LeavesTheTargetAloneWhenItCannotWrite) {
  const TemporaryFolder folder;
  const cv::Mat picture = cv::Mat::zeros(3, 4, CV_8UC3);
  EXPECT_FALSE(WritePicture(folder.File("x.nothing"), picture).ok());
  EXPECT_FALSE(WritePicture(folder.File("x"), picture).ok());
  EXPECT_FALSE(WritePicture("/no/such/folder/x.png", picture).ok());
  EXPECT_FALSE(WritePicture(folder.File("empty.png"), {}).ok());
  EXPECT_TRUE(folder.Names().empty());
  ASSERT_TRUE(WritePicture(folder.File("x.png"), picture).ok());
  EXPECT_EQ(ReadPixels(folder.File("x.png"))->cols, 4);
}

}  // namespace
}  // namespace permafrost
