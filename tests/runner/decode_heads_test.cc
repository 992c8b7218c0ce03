#include "runner/decode_heads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runner/results.h"
#include "shared_io/detector_json.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

Array Read(const std::string& name) {
  const std::string path = SourceDir() + "/tests/data/detection/heads/" + name + ".npy";
  auto array = ReadNpy(path);
  EXPECT_TRUE(array.ok()) << array.status();
  return array.ok() ? *std::move(array) : Array();
}

// Heads that scripts/make_head_cases.py made up, and the boxes that TensorFlow found in them.
struct HeadCase {
  std::vector<NamedArray> outputs;
  std::vector<float> expected;
};

HeadCase OpenCase(const std::string& name, size_t heads) {
  HeadCase found;
  for (size_t i = 0; i < heads; ++i) found.outputs.push_back({"head" + std::to_string(i), Read(StrCat(name, "/out", i))});
  found.expected = *ToFloats(Read(name + "/expected"));
  return found;
}

std::vector<HeadShape> ShapesOf(const std::vector<NamedArray>& outputs) {
  std::vector<HeadShape> shapes;
  for (const NamedArray& output : outputs) shapes.push_back({output.name, output.array.dims});
  return shapes;
}

void ExpectBoxes(const Boxes& found, const std::vector<float>& expected) {
  EXPECT_TRUE(found.relative);
  EXPECT_GT(expected.size(), 5U * 6) << "the case proves nothing";
  ASSERT_EQ(found.boxes.size(), expected.size() / 6);
  for (size_t i = 0; i < found.boxes.size(); ++i) {
    const Box& box = found.boxes[i];
    const float* row = expected.data() + 6 * i;
    SCOPED_TRACE(i);
    EXPECT_EQ(box.index, static_cast<int64_t>(row[0]));
    EXPECT_NEAR(box.score, row[1], 1e-5);
    EXPECT_NEAR(box.x1, row[2], 1e-5);
    EXPECT_NEAR(box.y1, row[3], 1e-5);
    EXPECT_NEAR(box.x2, row[4], 1e-5);
    EXPECT_NEAR(box.y2, row[5], 1e-5);
  }
}

class Yolo : public ::testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(Yolo, FindsWhatTensorFlowFinds) {
  const auto& [name, heads] = GetParam();
  const HeadCase given = OpenCase(name, heads);
  const auto detector = MakeDetector({name}, ShapesOf(given.outputs));
  ASSERT_TRUE(detector.ok()) << detector.status();
  const auto found = DecodeHeads(given.outputs, *detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectBoxes(*found, given.expected);
}

INSTANTIATE_TEST_SUITE_P(All, Yolo, ::testing::Values(std::pair("yolov2", 1), std::pair("yolov3", 3), std::pair("yolov4-tiny", 2)),
                         [](const auto& info) {
                           std::string name = info.param.first;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(DecodeHeads, TellsTheGridsApartWhateverTheirOrder) {
  HeadCase given = OpenCase("yolov3", 3);
  std::swap(given.outputs[0], given.outputs[2]);
  const auto detector = MakeDetector({"yolov3"}, ShapesOf(given.outputs));
  ASSERT_TRUE(detector.ok()) << detector.status();
  EXPECT_EQ(detector->input_width, 64);
  EXPECT_EQ(detector->classes, 2);
  const auto found = DecodeHeads(given.outputs, *detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectBoxes(*found, given.expected);
}

TEST(DecodeHeads, TakesAnchorsOnAnAxisOfTheirOwn) {
  HeadCase given = OpenCase("yolov4-tiny", 2);
  for (NamedArray& output : given.outputs) {
    output.array.dims.back() /= 3;
    output.array.dims.insert(output.array.dims.end() - 1, 3);
  }
  const auto detector = MakeDetector({"yolov4-tiny"}, ShapesOf(given.outputs));
  ASSERT_TRUE(detector.ok()) << detector.status();
  const auto found = DecodeHeads(given.outputs, *detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectBoxes(*found, given.expected);
}

TEST(DecodeHeads, FindsWhatTensorFlowFindsWithAnchors) {
  for (const auto& [name, order] : {std::pair("ssd-sigmoid", "xyxy"), std::pair("ssd-softmax", "yxyx")}) {
    SCOPED_TRACE(name);
    const HeadCase given = OpenCase(name, 2);
    const auto detector = MakeDetector({name, Read(StrCat(name, "/anchors")), order}, ShapesOf(given.outputs));
    ASSERT_TRUE(detector.ok()) << detector.status();
    const auto found = DecodeHeads(given.outputs, *detector, {});
    ASSERT_TRUE(found.ok()) << found.status();
    ExpectBoxes(*found, given.expected);
  }
}

// [1,A,4+C], or [1,4+C,A].
NamedArray Joined(const HeadCase& given, bool turned) {
  const std::vector<float> codes = *ToFloats(given.outputs[0].array), scores = *ToFloats(given.outputs[1].array);
  const size_t count = codes.size() / 4, classes = scores.size() / count, width = 4 + classes;
  std::vector<float> values(count * width);
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < width; ++k) {
      values[turned ? k * count + i : i * width + k] = k < 4 ? codes[i * 4 + k] : scores[i * classes + k - 4];
    }
  }
  const auto rows = static_cast<int64_t>(count), columns = static_cast<int64_t>(width);
  return {"heads", FloatArray(turned ? std::vector<int64_t>{1, columns, rows} : std::vector<int64_t>{1, rows, columns}, values)};
}

TEST(DecodeHeads, TakesBothHeadsInOneTensor) {
  for (const auto& [name, order] : {std::pair("ssd-sigmoid", "xyxy"), std::pair("ssd-softmax", "yxyx")}) {
    for (const bool turned : {false, true}) {
      SCOPED_TRACE(StrCat(name, turned ? " turned" : ""));
      const HeadCase given = OpenCase(name, 2);
      const std::vector<NamedArray> outputs = {Joined(given, turned)};
      const auto detector = MakeDetector({name, Read(StrCat(name, "/anchors")), order}, ShapesOf(outputs));
      ASSERT_TRUE(detector.ok()) << detector.status();
      EXPECT_EQ(detector->scores_column, 4);
      Status status;
      EXPECT_EQ(ReadDetector(DetectorToJson(*detector), status), *detector) << status;
      const auto found = DecodeHeads(outputs, *detector, {});
      ASSERT_TRUE(found.ok()) << found.status();
      ExpectBoxes(*found, given.expected);
    }
  }
}

TEST(DecodeHeads, TakesScoresBeforeBoxes) {
  const HeadCase given = OpenCase("ssd-sigmoid", 2);
  auto detector = *MakeDetector({"ssd-sigmoid", Read("ssd-sigmoid/anchors"), "xyxy"}, ShapesOf(given.outputs));
  NamedArray joined = Joined(given, /*turned=*/true);
  std::rotate(joined.array.bytes.begin(), joined.array.bytes.begin() + 4 * 60 * sizeof(float), joined.array.bytes.end());
  detector.boxes = detector.scores = "heads";
  detector.boxes_column = 2;
  const auto found = DecodeHeads({joined}, detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  ExpectBoxes(*found, given.expected);
}

TEST(DecodeHeads, TakesBoxesThatTheNetworkDecodes) {
  for (const char* name : {"yolov5", "yolov8"}) {
    SCOPED_TRACE(name);
    const HeadCase given = OpenCase(name, 1);
    DecoderRecipe recipe;
    recipe.name = name;
    recipe.input_width = 64;
    recipe.input_height = 48;
    auto detector = MakeDetector(recipe, ShapesOf(given.outputs));
    ASSERT_TRUE(detector.ok()) << detector.status();
    EXPECT_EQ(detector->classes, 3);
    Status status;
    EXPECT_EQ(ReadDetector(DetectorToJson(*detector), status), *detector) << status;
    const auto found = DecodeHeads(given.outputs, *detector, {});
    ASSERT_TRUE(found.ok()) << found.status();
    ExpectBoxes(*found, given.expected);
    detector->input_width = detector->input_height = 0;
    const auto pixels = DecodeHeads(given.outputs, *detector, {});
    ASSERT_TRUE(pixels.ok()) << pixels.status();
    EXPECT_FALSE(pixels->relative) << "nobody says how large the picture is";
    ASSERT_EQ(pixels->boxes.size(), found->boxes.size());
    EXPECT_NEAR(pixels->boxes[0].x1, found->boxes[0].x1 * 64, 1e-4);
    EXPECT_NEAR(pixels->boxes[0].y2, found->boxes[0].y2 * 48, 1e-4);
    detector->box_units = "relative";
    EXPECT_TRUE(DecodeHeads(given.outputs, *detector, {})->relative);
  }
}

TEST(DecodeHeads, TakesBoxesInEveryOrder) {
  // One box from 0.2, 0.1 (x, y) to 0.6, 0.4.
  const std::vector<std::pair<std::string, std::vector<float>>> orders = {{"yxyx", {0.1F, 0.2F, 0.4F, 0.6F}},
                                                                          {"xyxy", {0.2F, 0.1F, 0.6F, 0.4F}},
                                                                          {"cxcywh", {0.4F, 0.25F, 0.4F, 0.3F}},
                                                                          {"xywh", {0.2F, 0.1F, 0.4F, 0.3F}}};
  for (const auto& [order, four] : orders) {
    SCOPED_TRACE(order);
    DetectorInfo detector;
    detector.kind = DetectorInfo::kBoxes;
    detector.boxes = "boxes";
    detector.scores = "scores";
    detector.score_converter = "identity";
    detector.classes = 1;
    detector.box_order = order;
    detector.box_units = "auto";
    const auto found = DecodeHeads({{"scores", FloatArray({1, 1, 1}, {0.9F})}, {"boxes", FloatArray({1, 1, 4}, four)}}, detector, {});
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->boxes.size(), 1U);
    EXPECT_NEAR(found->boxes[0].x1, 0.2, 1e-6);
    EXPECT_NEAR(found->boxes[0].y1, 0.1, 1e-6);
    EXPECT_NEAR(found->boxes[0].x2, 0.6, 1e-6);
    EXPECT_NEAR(found->boxes[0].y2, 0.4, 1e-6);
  }
}

TEST(DecodeHeads, ShiftsClassesAndLeavesTheBackgroundOut) {
  const HeadCase given = OpenCase("ssd-softmax", 2);
  auto detector = *MakeDetector({"ssd-softmax", Read("ssd-softmax/anchors"), "yxyx"}, ShapesOf(given.outputs));
  EXPECT_EQ(detector.background, 0);
  detector.class_offset = 10;
  detector.max_detections = 3;
  const auto found = DecodeHeads(given.outputs, detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->boxes.size(), 3U);
  for (const Box& box : found->boxes) EXPECT_GT(box.index, 10);
}

// Boxes are their anchors; scores are as given, one class.
struct AnchoredCase {
  std::vector<NamedArray> outputs;
  DetectorInfo detector;
};

AnchoredCase WithAnchors(const std::vector<float>& anchors, const std::vector<float>& scores, int64_t classes = 1) {
  const auto count = static_cast<int64_t>(anchors.size()) / 4;
  AnchoredCase made;
  made.outputs = {{"codes", FloatArray({1, count, 4}, std::vector<float>(anchors.size(), 0))}, {"scores", FloatArray({1, count, classes}, scores)}};
  made.detector.kind = DetectorInfo::kHeads;
  made.detector.boxes = "codes";
  made.detector.scores = "scores";
  made.detector.score_converter = "identity";
  made.detector.classes = classes;
  made.detector.iou_threshold = 0.6;
  made.detector.box_coder = DetectorInfo::kCenterSize;
  made.detector.anchors = anchors;
  return made;
}

TEST(DecodeHeads, CutsBoxesBeforeOrAfterTheyAreCompared) {
  // The first two overlap by half of both, but are the same where the picture is; the third lies beside it.
  AnchoredCase given = WithAnchors({0, 0, 1, 0.5F, 0, -0.5F, 1, 0.5F, 0, 1.5F, 1, 2}, {0.9F, 0.8F, 0.7F});
  const auto count = [&]() {
    const auto found = DecodeHeads(given.outputs, given.detector, {});
    return found.ok() ? found->boxes.size() : 99;
  };
  EXPECT_EQ(count(), 3U);
  given.detector.clip = true;
  EXPECT_EQ(count(), 2U);
  given.detector.clip_first = true;
  EXPECT_EQ(count(), 1U);
}

TEST(DecodeHeads, KeepsAsManyOfAClassAndOfAllAsTheSource) {
  const std::vector<float> anchors = {0, 0, 0.1F, 0.1F, 0.2F, 0.2F, 0.3F, 0.3F, 0.4F, 0.4F, 0.5F, 0.5F};
  AnchoredCase given = WithAnchors(anchors, {0.9F, 0.6F, 0.8F, 0.55F, 0.7F, 0.51F}, 2);
  given.detector.max_detections_per_class = 2;
  given.detector.max_detections = 3;
  const auto found = DecodeHeads(given.outputs, given.detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<int64_t> classes;
  for (const Box& box : found->boxes) classes.push_back(box.index);
  EXPECT_THAT(classes, ::testing::ElementsAre(0, 0, 1));
}

TEST(DecodeDetector, LeavesRowsOutThatAreBeyondTheLimitOfAClass) {
  const std::vector<float> rows = {0, 1, 0.9F, 0, 0, 0.1F, 0.1F, 0, 1, 0.8F, 0.2F, 0.2F, 0.3F, 0.3F, 0, 1, 0.7F, 0.4F, 0.4F, 0.5F, 0.5F,
                                   0, 2, 0.6F, 0, 0, 0.1F, 0.1F, 0, 0, 0, 0, 0, 0, 0};
  DetectorInfo detector;
  detector.kind = DetectorInfo::kDetectionOutput;
  detector.class_offset = 10;
  detector.max_detections_per_class = 2;
  BoxOptions options;
  options.min_score = 0.1F;
  const auto found = DecodeDetector({{"detection_out", FloatArray({1, 1, 5, 7}, rows)}}, detector, options);
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<std::pair<int64_t, float>> kept;
  for (const Box& box : found->boxes) kept.emplace_back(box.index, box.score);
  EXPECT_THAT(kept, ::testing::ElementsAre(std::pair(11, 0.9F), std::pair(11, 0.8F), std::pair(12, 0.6F)));
}

TEST(DecodeDetector, LeavesRowsOutThatWereCutToALineAtThePicturesEdge) {
  const std::vector<float> rows = {0, 1, 0.9F, 0.2F, 1, 0.6F, 1, 0, 1, 0.8F, 0.2F, 0.9F, 0.6F, 1};
  DetectorInfo detector;
  detector.kind = DetectorInfo::kDetectionOutput;
  detector.clip = true;
  detector.max_detections_per_class = 1;
  BoxOptions options;
  options.min_score = 0.1F;
  const auto found = DecodeDetector({{"detection_out", FloatArray({1, 1, 2, 7}, rows)}}, detector, options);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->boxes.size(), 1U);
  EXPECT_EQ(found->boxes[0].score, 0.8F);
}

TEST(DecodeHeads, TakesTheRecipeOfTheOptionsInDecode) {
  const HeadCase given = OpenCase("yolov4-tiny", 2);
  DecodeOptions options;
  options.recipe.name = "yolov4-tiny";
  const auto results = Decode(given.outputs, {}, std::nullopt, options);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_TRUE((*results)[0].has_boxes);
  EXPECT_EQ((*results)[0].boxes.size(), given.expected.size() / 6);
  EXPECT_EQ((*results)[1].decoder, Decoder::kBoxes);
}

TEST(DecodeHeads, SaysWhatDoesNotFit) {
  const HeadCase given = OpenCase("yolov3", 3);
  const std::vector<HeadShape> shapes = ShapesOf(given.outputs);
  const auto error = [](const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs) {
    return Message(MakeDetector(recipe, outputs).status());
  };
  EXPECT_THAT(error({"yolov4-tiny"}, shapes), HasSubstr("takes 2 outputs"));
  EXPECT_THAT(error({"yolov9000"}, shapes), HasSubstr("neither a file.json nor one of yolov2"));
  EXPECT_THAT(error({"yolov8"}, shapes), HasSubstr("takes one output [1,A,4+C] or [1,4+C,A]; there is: head0"));
  EXPECT_THAT(error({"yolov5"}, {{"y", {1, 84, 5}}}), HasSubstr("takes one output [1,A,5+C]"));
  EXPECT_THAT(error({"face-mask"}, shapes), HasSubstr("fix it with --inputs"));
  DecoderRecipe faces;
  faces.name = "ultra-light-face";
  faces.input_width = 320;
  faces.input_height = 240;
  EXPECT_THAT(error(faces, {{"loc", {1, 4421, 4}}, {"conf", {1, 4421, 2}}}), HasSubstr("for an input of 320x240 there are 4420 anchors"));
  EXPECT_THAT(error(faces, {{"loc", {1, 4420, 4}}}), HasSubstr("nor one [1,4420,4+C]"));
  EXPECT_THAT(error({"ssd"}, shapes), HasSubstr("give the anchors with --anchors"));
  EXPECT_THAT(error({"ssd", Read("ssd-sigmoid/anchors"), "xyxy"}, shapes), HasSubstr("no pair of outputs [1,60,4]"));
  EXPECT_THAT(error({"ssd", FloatArray({3}, {1, 2, 3}), "xyxy"}, shapes), HasSubstr("expected [A,4]"));
  std::vector<HeadShape> uneven = shapes;
  uneven[2].dims[1] = 3;
  EXPECT_THAT(error({"yolov3"}, uneven), HasSubstr("takes 3 outputs"));
  uneven = shapes;
  uneven[0].dims = {1, -1, -1, 21};
  EXPECT_THAT(error({"yolov3"}, uneven), HasSubstr("takes 3 outputs"));
}

TEST(DecodeHeads, RefusesOutputsOtherThanDescribed) {
  const HeadCase given = OpenCase("yolov3", 3);
  const auto detector = *MakeDetector({"yolov3"}, ShapesOf(given.outputs));
  const auto error = [&](const std::vector<NamedArray>& outputs) { return Message(DecodeHeads(outputs, detector, {}).status()); };
  EXPECT_THAT(error({given.outputs[0], given.outputs[1]}), HasSubstr("no output \"head2\""));
  std::vector<NamedArray> changed = given.outputs;
  changed[1].array = FloatArray({1, 2, 2, 5}, std::vector<float>(20));
  EXPECT_THAT(error(changed), HasSubstr("has the shape [2,2,5] without its batch, expected [H,W,21]"));
  const HeadCase decoded = OpenCase("yolov8", 1);
  auto boxes = *MakeDetector({"yolov8"}, ShapesOf(decoded.outputs));
  boxes.classes = 5;
  EXPECT_THAT(Message(DecodeHeads(decoded.outputs, boxes, {}).status()), HasSubstr("has the shape [7,40] without its batch, expected [A,9] or [9,A]"));
  changed[1].array = FloatArray({2, 4, 4, 21}, std::vector<float>(2 * 4 * 4 * 21));
  EXPECT_THAT(error(changed), HasSubstr("run without --batch"));
}

TEST(DecodeHeads, IgnoresNumbersThatAreNone) {
  HeadCase given = OpenCase("yolov3", 3);
  const auto detector = *MakeDetector({"yolov3"}, ShapesOf(given.outputs));
  for (NamedArray& output : given.outputs) {
    std::vector<float> values(*ElementCount(output.array.dims), NAN);
    for (size_t i = 4; i < values.size(); i += 7) values[i] = values[i + 1] = 50;  // surely something, somewhere
    output.array = FloatArray(output.array.dims, values);
  }
  const auto found = DecodeHeads(given.outputs, detector, {});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->boxes.empty());
}

TEST(DetectorFile, IsReadOrRefusedWithTheField) {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& text) { return ReadDetectorFile(folder.Write("detector.json", text)); };
  const std::string good = R"({"version": 1, "family": "mine", "kind": "yolo", "classes": 2, "background": -1, "class_offset": 0,
    "score_threshold": 0.25, "iou_threshold": 0.5, "max_detections_per_class": 0, "max_detections": 0, "clip": true,
    "clip_first": false, "score_converter": "sigmoid", "input": {"name": "x", "width": 64, "height": 32},
    "heads": [{"output": "head0", "xy_scale": 1.1, "anchors": [10, 12, 20, 22]}]})";
  const auto detector = read(good);
  ASSERT_TRUE(detector.ok()) << detector.status();
  EXPECT_EQ(detector->heads[0].anchors.size(), 4U);
  EXPECT_EQ(detector->heads[0].xy_scale, 1.1);
  const auto error = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return Message(read(text).status());
  };
  EXPECT_THAT(error("20, 22", "20"), HasSubstr("detector.heads[0].anchors"));
  EXPECT_THAT(error("20, 22", "20, -22"), HasSubstr("detector.heads[0].anchors"));
  EXPECT_THAT(error("1.1", "\"1.1\""), HasSubstr("detector.heads[0].xy_scale"));
  EXPECT_THAT(error("\"yolo\"", "\"yoyo\""), HasSubstr("detector.kind"));
  EXPECT_THAT(error("64", "0"), HasSubstr("detector.input"));
  EXPECT_THAT(error("\"heads\"", "\"tails\""), HasSubstr("detector.heads"));
  EXPECT_THAT(error("{\"version\"", "[\"version\""), HasSubstr("not JSON"));
  const std::string decoded = R"({"version": 1, "family": "mine", "kind": "boxes", "classes": 2, "background": -1, "class_offset": 0,
    "score_threshold": 0.25, "iou_threshold": 0.5, "max_detections_per_class": 0, "max_detections": 0, "clip": true,
    "clip_first": false, "score_converter": "identity", "input": {"name": "x", "width": 64, "height": 32},
    "boxes": "y", "scores": "y", "box_order": "xyxy", "box_units": "pixels"})";
  const auto one = read(decoded);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->scores_column, 4) << "behind the boxes where nobody says";
  const auto decoded_error = [&](std::string_view from, std::string_view to) {
    std::string text = decoded;
    text.replace(text.find(from), from.size(), to);
    return Message(read(text).status());
  };
  EXPECT_THAT(decoded_error("xyxy", "xxyy"), HasSubstr("detector.box_order"));
  EXPECT_THAT(decoded_error("pixels", "inches"), HasSubstr("detector.box_units"));
  EXPECT_THAT(decoded_error("\"box_order\"", "\"scores_column\": -1, \"box_order\""), HasSubstr("detector.scores_column"));
  EXPECT_THAT(decoded_error("\"box_order\"", "\"objectness_column\": 9999999, \"box_order\""), HasSubstr("detector.objectness_column"));
}

}  // namespace
}  // namespace permafrost
