#include "runner/decode_centers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runner/decode_heads.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

DetectorInfo Centers() {
  DetectorInfo info;
  info.family = "centernet";
  info.kind = std::string(DetectorInfo::kCenters);
  info.centers = "c", info.sizes = "s", info.offsets = "o";
  info.score_converter = "sigmoid";
  info.classes = 2;
  info.class_offset = 1;
  info.peak_window = 3;
  info.max_detections = 10;
  info.clip = true;
  return info;
}

// A map of 4 rows and 5 columns, two classes; one thing of class 1 at (2, 3), its neighbour at (2, 4) less sure.
struct Maps {
  std::vector<float> centers = std::vector<float>(4 * 5 * 2, -9), sizes = std::vector<float>(4 * 5 * 2, 0),
                     offsets = std::vector<float>(4 * 5 * 2, 0);
  static size_t At(size_t row, size_t column, size_t number) { return (row * 5 + column) * 2 + number; }
  Maps() {
    centers[At(2, 3, 1)] = 3;
    centers[At(2, 4, 1)] = 2;
    sizes[At(2, 3, 0)] = 2, sizes[At(2, 3, 1)] = 1;
    offsets[At(2, 3, 0)] = 0.5F, offsets[At(2, 3, 1)] = 0.25F;
  }
  std::vector<NamedArray> Outputs() const {
    return {{"c", FloatArray({1, 4, 5, 2}, centers)}, {"s", FloatArray({1, 4, 5, 2}, sizes)}, {"o", FloatArray({1, 4, 5, 2}, offsets)}};
  }
};

TEST(DecodeCenters, PutsABoxRoundEachPeak) {
  const auto found = DecodeHeads(Maps().Outputs(), Centers(), {});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->boxes.size(), 1U);
  const Box& box = found->boxes[0];
  EXPECT_EQ(box.index, 2);
  EXPECT_NEAR(box.score, 1 / (1 + std::exp(-3.0)), 1e-6);
  EXPECT_NEAR(box.y1, 1.5 / 4, 1e-6);
  EXPECT_NEAR(box.y2, 3.5 / 4, 1e-6);
  EXPECT_NEAR(box.x1, 2.75 / 5, 1e-6);
  EXPECT_NEAR(box.x2, 3.75 / 5, 1e-6);
  EXPECT_TRUE(found->relative);
}

TEST(DecodeCenters, APeakIsTheBestOfItsClassAlone) {
  DetectorInfo info = Centers();
  info.peak_window = 1;
  EXPECT_EQ(DecodeCenters(Maps().Outputs(), info, {})->boxes.size(), 2U);
  Maps maps;
  maps.centers[Maps::At(2, 3, 0)] = 5;  // another class in the same cell
  EXPECT_EQ(DecodeCenters(maps.Outputs(), Centers(), {})->boxes.size(), 2U);
}

TEST(DecodeCenters, EndsAtTheEdgesAndKeepsTheBest) {
  Maps maps;
  maps.centers[Maps::At(0, 0, 0)] = 4;
  maps.sizes[Maps::At(0, 0, 0)] = 4;
  maps.sizes[Maps::At(0, 0, 1)] = -1;  // no size at all
  DetectorInfo info = Centers();
  info.max_detections = 1;
  const auto found = DecodeCenters(maps.Outputs(), info, {});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->boxes.size(), 1U);
  EXPECT_EQ(found->boxes[0].index, 1);
  EXPECT_EQ(found->boxes[0].y1, 0);
  EXPECT_NEAR(found->boxes[0].y2, 0.5, 1e-6);
  EXPECT_EQ(found->boxes[0].x1, found->boxes[0].x2);
}

TEST(DecodeCenters, KeepsAsManyOfAClassAsTheSource) {
  Maps maps;
  maps.centers[Maps::At(0, 0, 1)] = 1;
  maps.centers[Maps::At(0, 0, 0)] = 0.5F;
  DetectorInfo info = Centers();
  EXPECT_EQ(DecodeCenters(maps.Outputs(), info, {})->boxes.size(), 3U);
  info.max_detections_per_class = 1;
  const auto found = DecodeCenters(maps.Outputs(), info, {});
  ASSERT_EQ(found->boxes.size(), 2U);
  EXPECT_EQ(found->boxes[0].index, 2);
  EXPECT_EQ(found->boxes[1].index, 1);
}

TEST(DecodeCenters, SaysWhatDoesNotFit) {
  const auto reason = [](const std::vector<NamedArray>& outputs) { return std::string(Message(DecodeCenters(outputs, Centers(), {}).status())); };
  std::vector<NamedArray> outputs = Maps().Outputs();
  outputs[1].array = FloatArray({1, 4, 5, 1}, std::vector<float>(20));
  EXPECT_THAT(reason(outputs), HasSubstr("expected [H,W,2]"));
  outputs[1].array = FloatArray({1, 2, 5, 2}, std::vector<float>(20));
  EXPECT_THAT(reason(outputs), HasSubstr("of different sizes"));
  outputs.erase(outputs.begin() + 1);
  EXPECT_THAT(reason(outputs), HasSubstr("no output \"s\""));
}

}  // namespace
}  // namespace permafrost
