#include "runner/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

std::vector<OutputResult> DecodeOne(Array array, const DecodeOptions& options) {
  auto results = Decode({{"out", std::move(array)}}, {}, std::nullopt, options);
  EXPECT_TRUE(results.ok()) << results.status();
  return std::move(results).value();
}

TEST(Results, TakesAVectorForClassesAndTheRestAsItIs) {
  EXPECT_EQ(DecodeOne(FloatArray({1, 3}, {1, 2, 3}), {})[0].decoder, Decoder::kClasses);
  EXPECT_EQ(DecodeOne(FloatArray({2, 1, 1, 3}, {1, 2, 3, 4, 5, 6}), {})[0].decoder, Decoder::kClasses);
  EXPECT_EQ(DecodeOne(FloatArray({1, 1}, {1}), {})[0].decoder, Decoder::kRaw);
  EXPECT_EQ(DecodeOne(FloatArray({1, 2, 2}, {1, 2, 3, 4}), {})[0].decoder, Decoder::kRaw);
  EXPECT_EQ(DecodeOne(FloatArray({1, 3}, {1, 2, 3}), {.decoder = Decoder::kRaw})[0].decoder, Decoder::kRaw);
}

TEST(Results, NamesClassesByTheirLabels) {
  DecodeOptions options;
  options.top_k = 2;
  options.labels = {"cat", "dog"};
  const auto results = DecodeOne(FloatArray({1, 3}, {0.25F, 0.5F, 0.75F}), options);
  EXPECT_EQ(ResultsText("a.png", results, options), "a.png\n  out [1,3]\n      0.75000  class 2\n      0.50000  dog\n");
  EXPECT_EQ(ResultsJson("a.png", results, options),
            "{\"input\":\"a.png\",\"outputs\":[{\"name\":\"out\",\"shape\":[1,3],\"classes\":"
            "[[{\"index\":2,\"score\":0.75},{\"index\":1,\"score\":0.5,\"label\":\"dog\"}]]}]}\n");
  EXPECT_EQ(ResultsDrawing(results, options).lines, (std::vector<std::string>{"class 2  0.750", "dog  0.500"}));
}

TEST(Results, LeavesTheBackgroundOut) {
  DecodeOptions options;
  options.decoder = Decoder::kKeypoints;
  options.parts = {"nose", "Background"};
  options.keypoints.parts = 2;
  const auto results = DecodeOne(FloatArray({1, 1, 2, 2}, {0.9F, 0.1F, 0.2F, 0.8F}), options);
  ASSERT_EQ(results[0].keypoints.size(), 1U);
  EXPECT_THAT(ResultsText("a", results, options), HasSubstr("nose"));
  EXPECT_THAT(ResultsJson("a", results, options), HasSubstr("\"name\":\"nose\""));
}

TEST(Results, NamesClassesFromTheFirstLabelOn) {
  DecodeOptions options;
  options.labels = {"person", "bicycle"};
  options.first_label = 1;
  EXPECT_EQ(LabelOf(options, 0), "");
  EXPECT_EQ(LabelOf(options, 2), "bicycle");
  EXPECT_EQ(LabelOf(options, 3), "");
}

TEST(Results, FindsBoxesWithoutBeingTold) {
  DecodeOptions options;
  options.labels = {"background", "face"};
  const auto results = DecodeOne(FloatArray({1, 1, 1, 7}, {0, 1, 0.75F, 0.25F, 0, 0.5F, 1}), options);
  EXPECT_EQ(ResultsText("a.png", results, options),
            "a.png\n  out [1,1,1,7]\n      0.75000  face  x 0.2500-0.5000  y 0.0000-1.0000\n");
  EXPECT_THAT(ResultsJson("a.png", results, options),
              HasSubstr("\"boxes\":[{\"index\":1,\"score\":0.75,\"x1\":0.25,\"y1\":0.0,\"x2\":0.5,\"y2\":1.0,"
                        "\"label\":\"face\"}]"));
  EXPECT_EQ(ResultsDrawing(results, options).boxes[0].second, "face 0.75");
  const auto none = DecodeOne(FloatArray({1, 1, 1, 7}, {0, 0, 0, 0, 0, 0, 0}), options);
  EXPECT_THAT(ResultsText("a.png", none, options), HasSubstr("no box above 0.5"));
  EXPECT_THAT(ResultsJson("a.png", none, options), HasSubstr("\"boxes\":[]"));
}

TEST(Results, SharesOutSegmentsAndTakesChannelsFirst) {
  DecodeOptions options;
  options.decoder = Decoder::kSegments;
  options.labels = {"road", "sky"};
  TensorInfo info;
  info.name = "out";
  info.layout = "NCHW";
  // Channels first: class 1 is best in three of four cells.
  const auto results =
      Decode({{"out", FloatArray({1, 2, 2, 2}, {9, 0, 0, 0, 1, 1, 1, 1})}}, {info}, std::nullopt, options);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_THAT(ResultsText("a", *results, options), HasSubstr("   75.00%  sky\n       25.00%  road\n"));
  EXPECT_THAT(ResultsJson("a", *results, options),
              HasSubstr("{\"index\":1,\"cells\":3,\"share\":0.75,\"label\":\"sky\"}"));
  const Drawing drawing = ResultsDrawing(*results, options);
  EXPECT_EQ(drawing.legend[0].second, "sky  75.0%");
  EXPECT_EQ(drawing.segments.columns, 2);
  EXPECT_EQ(*ToFloats(results->front().array), (std::vector<float>{9, 0, 0, 0, 1, 1, 1, 1}))
      << "saved as the net gave it";
}

TEST(Results, MapsBoxesAndSegmentsToThePicture) {
  Picture picture;
  picture.width = 100;
  picture.height = 50;
  picture.input_width = picture.input_height = 10;
  picture.map = {10, 10, 0, 2.5};
  DecodeOptions options;
  const auto boxes =
      Decode({{"out", FloatArray({1, 1, 1, 7}, {0, 1, 0.75F, 0.5F, 0.25F, 1, 0.5F})}}, {}, picture, options);
  ASSERT_TRUE(boxes.ok()) << boxes.status();
  EXPECT_EQ((*boxes)[0].boxes[0].x1, 50);
  EXPECT_EQ((*boxes)[0].boxes[0].y1, 0);
  EXPECT_EQ((*boxes)[0].boxes[0].y2, 25);
  options.decoder = Decoder::kSegments;
  options.map_to_picture = true;
  const auto map = Decode({{"out", FloatArray({1, 4, 1, 1}, {1, 0, 1, 1})}}, {}, picture, options);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ((*map)[0].segments.size(), 2U) << "the bars above and below do not count";
  EXPECT_EQ((*map)[0].on_picture.rows, 50);
  EXPECT_EQ((*map)[0].on_picture.classes[0], 0);
  EXPECT_EQ((*map)[0].on_picture.classes[49 * 100], 1);
}

TEST(Results, MakesPictures) {
  DecodeOptions options;
  options.decoder = Decoder::kImage;
  const auto results = DecodeOne(FloatArray({1, 2, 1, 1}, {0, 255}), options);
  EXPECT_THAT(ResultsText("a", results, options), HasSubstr("a picture of 1x2"));
  EXPECT_FALSE(ResultsDrawing(results, options).image.empty());
}

TEST(Results, GivesRawValuesInFull) {
  const auto results = DecodeOne(FloatArray({1, 2, 2}, {1, 2, 3, 4}), {});
  EXPECT_THAT(ResultsJson("a", results, {}), HasSubstr("\"values\":[1.0,2.0,3.0,4.0]"));
  EXPECT_THAT(ResultsText("a", results, {}), HasSubstr("min 1  max 4  mean 2.5"));
}

}  // namespace
}  // namespace permafrost
