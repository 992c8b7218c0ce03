#include "runner/cascade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/runner/tiny_graph.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

// Three nets that find a white square of 12 pixels and more: the more white, the surer. Their regressions are nought.
class CascadeTest : public ::testing::Test {
 protected:
  // Weighs all pixels of a square alike: scores [.., 2], boxes [.., 4] and points [.., 10] by one convolution each.
  void SaveNet(const std::string& name, int64_t size, int64_t side) const {
    TinyGraph graph;
    graph.Placeholder("x", {-1, side, side, 3});
    const size_t pixels = static_cast<size_t>(size * size * 3);
    for (const auto& [output, channels] : {std::pair("score", size_t{2}), std::pair("box", size_t{4}), std::pair("points", size_t{10})}) {
      std::vector<float> kernel(pixels * channels);
      for (size_t i = 0; channels == 2 && i < pixels; ++i) kernel[2 * i + 1] = 1.0F / static_cast<float>(pixels);
      graph.Const(StrCat(output, "_kernel"), {size, size, 3, static_cast<int64_t>(channels)}, kernel);
      auto& attr = *graph.Add(output, "Conv2D", {"x", StrCat(output, "_kernel")}).mutable_attr();
      for (const int stride : {1, 2, 2, 1}) attr["strides"].mutable_list()->add_i(stride);
      attr["padding"].set_s("VALID");
      attr["data_format"].set_s("NHWC");
    }
    graph.Save(folder_ + "/" + name);
  }
  std::string SaveCascade(bool turned) const {
    SaveNet("p.pb", 12, -1);
    SaveNet("r.pb", 24, 24);
    SaveNet("o.pb", 48, 48);
    CascadeInfo info;
    info.stages = {{"p.pb", 12, "score", "box", "", 0.6, 0.7}, {"r.pb", 24, "score", "box", "", 0.7, 0.7}, {"o.pb", 48, "score", "box", "points", 0.7, 0.7}};
    info.turned = turned;
    std::ofstream(folder_ + "/faces.json") << CascadeToJson(info);
    return folder_ + "/faces.json";
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(CascadeTest, NamesTheDescriptionAndTheNetThatAreMissing) {
  EXPECT_THAT(Message(Cascade::Open(folder_ + "/none.json", {}).status()), HasSubstr("none.json"));
  CascadeInfo info;
  info.stages = {{"p.pb", 12, "score", "box", "", 0.6, 0.7}, {"r.pb", 24, "score", "box", "", 0.7, 0.7}, {"o.pb", 48, "score", "box", "points", 0.7, 0.7}};
  std::ofstream(folder_ + "/faces.json") << CascadeToJson(info);
  EXPECT_THAT(Message(Cascade::Open(folder_ + "/faces.json", {}).status()), HasSubstr(folder_ + "/p.pb"));
}

TEST_F(CascadeTest, FindsTheBrightestSquareWhateverTheNetsOrderOfAxes) {
  cv::Mat picture(100, 140, CV_8UC3);
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      const int far = std::max(std::abs(x - 68), std::abs(y - 38));
      picture.at<cv::Vec3b>(y, x) = cv::Vec3b::all(cv::saturate_cast<uint8_t>(255 - 3 * far));
    }
  }
  for (const bool turned : {true, false}) {
    SCOPED_TRACE(turned);
    auto cascade = Cascade::Open(SaveCascade(turned), {});
    ASSERT_TRUE(cascade.ok()) << cascade.status();
    const auto faces = cascade->Find(picture);
    ASSERT_TRUE(faces.ok()) << faces.status();
    ASSERT_FALSE(faces->empty());
    const Face& face = (*faces)[0];
    EXPECT_GT(face.box.score, 0.75F);
    EXPECT_NEAR((face.box.x1 + face.box.x2) / 2, 68, 4);
    EXPECT_NEAR((face.box.y1 + face.box.y2) / 2, 38, 4);
    ASSERT_EQ(face.points.size(), 5U);
    EXPECT_NEAR(face.points[0].first, face.box.x1 - 1, 1e-3) << "points at 0 lie in the corner";
    EXPECT_NEAR(face.points[0].second, face.box.y1 - 1, 1e-3);
  }
}

TEST_F(CascadeTest, FindsNothingWhereThereIsNothingOrThePictureIsSmall) {
  auto cascade = Cascade::Open(SaveCascade(true), {});
  ASSERT_TRUE(cascade.ok()) << cascade.status();
  EXPECT_TRUE(cascade->Find(cv::Mat::zeros(80, 90, CV_8UC3))->empty());
  EXPECT_TRUE(cascade->Find(cv::Mat(5, 90, CV_8UC3, cv::Scalar::all(255)))->empty());
  EXPECT_FALSE(cascade->Find(cv::Mat()).ok());
}

TEST_F(CascadeTest, RefusesNetsThatGiveSomethingElse) {
  const std::string path = SaveCascade(true);
  std::filesystem::copy_file(folder_ + "/o.pb", folder_ + "/r.pb", std::filesystem::copy_options::overwrite_existing);
  auto cascade = Cascade::Open(path, {});
  ASSERT_TRUE(cascade.ok()) << cascade.status();
  cv::Mat picture = cv::Mat::zeros(100, 100, CV_8UC3);
  picture(cv::Rect(20, 20, 40, 40)) = cv::Scalar::all(255);
  EXPECT_FALSE(cascade->Find(picture).ok()) << "a net for 48 pixels where one for 24 belongs";
}

}  // namespace
}  // namespace permafrost
