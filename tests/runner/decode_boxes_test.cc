#include "runner/decode_boxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Boxes Find(const std::vector<NamedArray>& outputs, const BoxOptions& options) {
  auto boxes = FindBoxes(outputs, options);
  EXPECT_TRUE(boxes.ok()) << boxes.status();
  return boxes.ok() ? std::move(boxes).value() : Boxes();
}

void ExpectBox(const Box& box, int64_t index, float score, double x1, double y1, double x2, double y2) {
  EXPECT_EQ(box.index, index);
  EXPECT_NEAR(box.score, score, 1e-6);
  EXPECT_NEAR(box.x1, x1, 1e-5);
  EXPECT_NEAR(box.y1, y1, 1e-5);
  EXPECT_NEAR(box.x2, x2, 1e-5);
  EXPECT_NEAR(box.y2, y2, 1e-5);
}

TEST(DecodeBoxes, ReadsDetectionOutput) {
  const Array ssd = FloatArray({1, 1, 4, 7}, {0,  2, 0.6F, 0.1F, 0.2F, 0.3F, 0.4F,  //
                                              0,  1, 0.9F, 0.1F, 0.2F, 0.3F, 0.4F,  //
                                              0,  1, 0.4F, 0,    0,    1,    1,     // too low
                                              -1, 0, 0,    0,    0,    0,    0});
  const Boxes found = Find({{"out", ssd}}, {});
  ASSERT_EQ(found.boxes.size(), 2U);
  EXPECT_TRUE(found.relative);
  EXPECT_THAT(found.used, ElementsAre(true));
  ExpectBox(found.boxes[0], 1, 0.9F, 0.1, 0.2, 0.3, 0.4);
  ExpectBox(found.boxes[1], 2, 0.6F, 0.1, 0.2, 0.3, 0.4);
  EXPECT_EQ(Find({{"out", ssd}}, {.background = 2}).boxes.size(), 1U);
  EXPECT_EQ(Find({{"out", ssd}}, {.min_score = 0.4F}).boxes.size(), 3U);
}

TEST(DecodeBoxes, RefusesDetectionsOfABatch) {
  const Array ssd = FloatArray({1, 1, 1, 7}, {1, 2, 0.6F, 0.1F, 0.2F, 0.3F, 0.4F});
  EXPECT_THAT(Message(FindBoxes({{"out", ssd}}, {}).status()), HasSubstr("batch"));
}

TEST(DecodeBoxes, ReadsRegionsOfSeveralHeadsAndDropsOverlaps) {
  // cx, cy, w, h, objectness, two classes
  const Array head = FloatArray({2, 7}, {0.5F, 0.5F, 0.2F, 0.4F, 0.9F, 0.8F, 0,  //
                                         0.5F, 0.5F, 0.2F, 0.4F, 0.9F, 0, 0.7F});
  const Array other = FloatArray({2, 7}, {0.51F, 0.5F, 0.2F, 0.4F, 0.9F, 0.6F, 0,  //
                                          0.1F, 0.1F, 0.2F, 0.2F, 0.9F, 0.55F, 0});
  const Boxes found = Find({{"yolo_82", head}, {"yolo_94", other}}, {});
  ASSERT_EQ(found.boxes.size(), 3U) << "the better one of a class stays, whatever head it comes from";
  ExpectBox(found.boxes[0], 0, 0.8F, 0.4, 0.3, 0.6, 0.7);
  ExpectBox(found.boxes[1], 1, 0.7F, 0.4, 0.3, 0.6, 0.7);
  ExpectBox(found.boxes[2], 0, 0.55F, 0, 0, 0.2, 0.2);
  EXPECT_THAT(found.used, ElementsAre(true, true));
  EXPECT_EQ(Find({{"a", head}, {"b", other}}, {.overlap = 1}).boxes.size(), 4U);
}

TEST(DecodeBoxes, MultipliesTheObjectnessOfYolo) {
  std::vector<float> values;
  for (int i = 0; i < 7; ++i) values.insert(values.end(), {100, 50, 20, 10, 0.5F, 0.1F * static_cast<float>(i), 1});
  const Boxes found = Find({{"out", FloatArray({1, 7, 7}, values)}}, {.min_score = 0.25F});
  ASSERT_EQ(found.boxes.size(), 2U);
  EXPECT_FALSE(found.relative) << "numbers above 2 are pixels";
  ExpectBox(found.boxes[0], 1, 0.5F, 90, 45, 110, 55);
  ExpectBox(found.boxes[1], 0, 0.3F, 90, 45, 110, 55);
}

TEST(DecodeBoxes, TurnsWhatYoloV8Gives) {
  // Six numbers a box, in columns: cx, cy, w, h, two classes.
  std::vector<float> columns(6 * 8, 0.0F);
  const auto set = [&](size_t box, std::vector<float> numbers) {
    for (size_t i = 0; i < 6; ++i) columns[i * 8 + box] = numbers[i];
  };
  set(3, {64, 32, 16, 8, 0.1F, 0.9F});
  set(5, {10, 10, 4, 4, 0.75F, 0});
  const Boxes found = Find({{"out", FloatArray({1, 6, 8}, columns)}}, {});
  ASSERT_EQ(found.boxes.size(), 2U);
  ExpectBox(found.boxes[0], 1, 0.9F, 56, 28, 72, 36);
  ExpectBox(found.boxes[1], 0, 0.75F, 8, 8, 12, 12);
}

TEST(DecodeBoxes, ReadsPlainRowsWhenAsked) {
  const Array rows = FloatArray(
      {1, 7, 6}, {0.1F, 0.2F, 0.3F, 0.4F, 0.9F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0,    0,    0, 0,
                  0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5F, 0.6F, 0.7F, 0.8F, 0, 0.8F});
  const Boxes found = Find({{"out", rows}}, {.format = BoxFormat::kPlain});
  ASSERT_EQ(found.boxes.size(), 2U);
  ExpectBox(found.boxes[0], 0, 0.9F, 0.2, 0.1, 0.4, 0.3);  // TensorFlow's order: y first
  const Boxes corners = Find({{"out", rows}}, {.format = BoxFormat::kPlain, .order = BoxOrder::kXywh});
  ExpectBox(corners.boxes[1], 1, 0.8F, 0.5, 0.6, 1.2, 1.4);
}

TEST(DecodeBoxes, ReadsTheObjectDetectionApi) {
  const std::vector<NamedArray> outputs = {
      {"num_detections", FloatArray({1}, {2})},
      {"detection_classes", FloatArray({1, 3}, {3, 1, 7})},
      {"detection_scores", FloatArray({1, 3}, {0.9F, 0.8F, 0.95F})},
      {"detection_boxes", FloatArray({1, 3, 4}, {0.1F, 0.2F, 0.3F, 0.4F, 0.1F, 0.2F, 0.3F, 0.4F, 0, 0, 1, 1})},
      {"other", FloatArray({2}, {1, 2})}};
  EXPECT_TRUE(LookLikeBoxes(outputs));
  const Boxes found = Find(outputs, {});
  ASSERT_EQ(found.boxes.size(), 2U) << "the third is beyond num_detections";
  ExpectBox(found.boxes[0], 3, 0.9F, 0.2, 0.1, 0.4, 0.3);
  ExpectBox(found.boxes[1], 1, 0.8F, 0.2, 0.1, 0.4, 0.3);
  EXPECT_THAT(found.used, ElementsAre(true, true, true, true, false));
}

TEST(DecodeBoxes, ReadsBoxesAndATableOfScores) {
  const std::vector<NamedArray> outputs = {{"a", FloatArray({1, 3, 1, 4}, {0, 0, 10, 10, 0, 0, 10, 9, 20, 20, 30, 40})},
                                           {"b", FloatArray({1, 3, 2}, {0.9F, 0.6F, 0.8F, 0.1F, 0.2F, 0.7F})}};
  const Boxes found = Find(outputs, {.order = BoxOrder::kXyxy});
  ASSERT_EQ(found.boxes.size(), 3U);  // the second box overlaps the first of its class
  EXPECT_FALSE(found.relative);
  ExpectBox(found.boxes[0], 0, 0.9F, 0, 0, 10, 10);
  ExpectBox(found.boxes[1], 1, 0.7F, 20, 20, 30, 40);
  ExpectBox(found.boxes[2], 1, 0.6F, 0, 0, 10, 10);
}

TEST(DecodeBoxes, LeavesOutNumbersThatAreNone) {
  const Array ssd = FloatArray({1, 1, 3, 7}, {0, 1,   NAN,  0,   0, 1,        1,  //
                                              0, 1,   0.9F, NAN, 0, 1,        1,  //
                                              0, NAN, 0.9F, 0,   0, INFINITY, 1});
  EXPECT_TRUE(Find({{"out", ssd}}, {}).boxes.empty());
}

TEST(DecodeBoxes, SaysWhenNothingFits) {
  const std::vector<NamedArray> outputs = {{"logits", FloatArray({1, 3}, {1, 2, 3})}};
  EXPECT_FALSE(LookLikeBoxes(outputs));
  for (const BoxFormat format : {BoxFormat::kAuto, BoxFormat::kSsd, BoxFormat::kPair, BoxFormat::kYolo}) {
    EXPECT_THAT(Message(FindBoxes(outputs, {.format = format}).status()), HasSubstr("logits [1,3]"));
  }
}

TEST(DecodeBoxes, MapsBackToThePicture) {
  Picture picture;
  picture.width = 200;
  picture.height = 100;
  picture.input_width = picture.input_height = 50;
  picture.map = {4, 4, 0, 12.5};  // a letterbox: 50x25 in the middle of 50x50
  const Box box = ToPicture({1, 0.5F, 0.5, 0.5, 1.5, 0.75}, true, picture);
  ExpectBox(box, 1, 0.5F, 100, 50, 200, 100);  // cut at the edge
  ExpectBox(ToPicture({1, 0.5F, 10, 20, 20, 30}, false, picture), 1, 0.5F, 40, 30, 80, 70);
}

}  // namespace
}  // namespace permafrost
