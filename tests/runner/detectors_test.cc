#include <cmath>

#include "optimizer/pipeline/evaluate.h"
#include "shared_io/npy.h"
#include "tests/runner/detections_testing.h"
#include "tests/runner/opencv_testing.h"
#include "tests/support/places.h"

// Detectors of the Object Detection API's making, from the graph as TensorFlow ran it to rows of DetectionOutput.
namespace permafrost {
namespace {

namespace fs = std::filesystem;

class Detectors : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = fs::path(SourceDir()) / "models/detectors" / GetParam();
    const auto pictures = ReadNpy((folder_ / "in.npy").string());
    ASSERT_TRUE(pictures.ok()) << Message(pictures.status());
    pictures_ = *pictures;
  }
  size_t pictures() const { return static_cast<size_t>(pictures_.dims[0]); }
  StatusOr<OptimizeReport> Write(const std::string& path, std::optional<DetectorFormat> format) const {
    OptimizeOptions options;
    options.model = (folder_ / "graph.pb").string();
    options.output = path;
    options.detector_format = format;
    return Optimize(options);
  }
  fs::path folder_;
  Array pictures_;
  TestFolder out_;
};

TEST_P(Detectors, FindWhatTensorFlowFinds) {
  const std::string path = out_ / "detector.pb";
  const auto report = Write(path, std::nullopt);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  ASSERT_TRUE(report->info.detector.has_value());
  EXPECT_TRUE(report->info.opencv_only);
  auto session = Session::Open(path, {});
  ASSERT_TRUE(session.ok()) << Message(session.status());
  for (size_t i = 0; i < pictures(); ++i) {
    const auto outputs = session->Run({{report->info.inputs[0].name, PictureOf(pictures_, i)}});
    ASSERT_TRUE(outputs.ok()) << Message(outputs.status());
    const std::vector<Detection> expected = Expected(folder_, i, pictures());
    ASSERT_GE(expected.size(), 3U);
    ExpectSameDetections(FromRows(Floats((*outputs)[0].array), report->info.detector->class_offset), expected);
  }
}

// What any other runtime is given, on the reference kernels.
TEST_P(Detectors, FindTheSameWithoutLayersOfOpenCv) {
  OptimizeOptions options;
  options.model = (folder_ / "graph.pb").string();
  options.output = out_ / "detector.pb";
  options.target.kind = Target::Kind::kGraphDef;
  options.detector_format = DetectorFormat::kDetections;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  EXPECT_FALSE(report->info.opencv_only);
  const std::string& output = report->info.detector->detections;
  for (size_t i = 0; i < pictures(); ++i) {
    const Array picture = PictureOf(pictures_, i);
    const Tensor pixels = Tensor::Of<float>(picture.dims, Floats(picture)).Cast(*ParseDType(report->info.inputs[0].dtype)).Dense();
    const auto run = RunOnReferenceKernels(options.output, {output}, {{report->info.inputs[0].name, pixels}}, 1);
    ASSERT_TRUE(run.ok()) << Message(run.status());
    EXPECT_EQ(run->outputs[0].value.dims(), report->info.outputs[0].shape);
    ExpectSameDetections(FromRows(run->outputs[0].value.Values<float>(), report->info.detector->class_offset), Expected(folder_, i, pictures()));
  }
}

void Clip(Detection& box) {
  for (double* edge : {&box.x1, &box.y1, &box.x2, &box.y2}) *edge = std::clamp(*edge, 0.0, 1.0);
}

double Converted(const DetectorInfo& info, const float* row, int64_t column) {
  if (info.score_converter == "sigmoid") return 1 / (1 + std::exp(-static_cast<double>(row[column])));
  double sum = 0;
  for (int64_t k = 0; k < info.classes; ++k) sum += std::exp(static_cast<double>(row[k]));
  return std::exp(static_cast<double>(row[column])) / sum;
}

// What docs/detection.md says of heads.
std::vector<Detection> Decode(const DetectorInfo& info, const std::vector<float>& codes, const std::vector<float>& scores) {
  std::vector<Detection> all, kept;
  for (size_t i = 0; i < info.anchors.size() / 4; ++i) {
    const float *anchor = &info.anchors[4 * i], *code = &codes[4 * i];
    const double h = anchor[2] - anchor[0], w = anchor[3] - anchor[1];
    const double cy = anchor[0] + h / 2 + code[0] / info.box_scales[0] * h, cx = anchor[1] + w / 2 + code[1] / info.box_scales[1] * w;
    const double height = h * std::exp(code[2] / info.box_scales[2]), width = w * std::exp(code[3] / info.box_scales[3]);
    Detection box{0, 0, cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2};
    if (info.clip_first) Clip(box);
    for (int64_t column = 0; column < info.classes; ++column) {
      box.score = Converted(info, &scores[i * static_cast<size_t>(info.classes)], column);
      box.label = column + info.class_offset;
      if (column != info.background && box.score > info.score_threshold) all.push_back(box);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Detection& a, const Detection& b) { return a.score > b.score; });
  for (const Detection& box : all) {
    const auto covers = [&](const Detection& other) { return other.label == box.label && Overlap(other, box) > info.iou_threshold; };
    if (static_cast<int64_t>(kept.size()) < info.max_detections && std::none_of(kept.begin(), kept.end(), covers)) kept.push_back(box);
  }
  for (Detection& box : kept) {
    if (info.clip) Clip(box);
  }
  return kept;
}

TEST_P(Detectors, GiveHeadsThatDecodeToWhatTensorFlowFinds) {
  const std::string path = out_ / "heads.pb";
  const auto report = Write(path, DetectorFormat::kHeads);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  EXPECT_FALSE(report->info.opencv_only);
  const auto info = ReadModelInfo(ModelInfoPath(path));
  ASSERT_TRUE(info.ok()) << Message(info.status());
  auto session = Session::Open(path, {});
  ASSERT_TRUE(session.ok()) << Message(session.status());
  for (size_t i = 0; i < pictures(); ++i) {
    const auto outputs = session->Run({{info->inputs[0].name, PictureOf(pictures_, i)}});
    ASSERT_TRUE(outputs.ok()) << Message(outputs.status());
    ASSERT_EQ((*outputs)[0].name, info->detector->boxes);
    const std::vector<float> codes = Floats((*outputs)[0].array), scores = Floats((*outputs)[1].array);
    ExpectSameDetections(Decode(*info->detector, codes, scores), Expected(folder_, i, pictures()));
  }
}

class TwoStages : public Detectors {};

// The shares of a mask's cells above one half that two masks have in common.
double OverlapOfCells(const float* a, const float* b, size_t cells, size_t step) {
  double both = 0, either = 0;
  for (size_t i = 0; i < cells; ++i) {
    const bool in_a = a[i * step] >= 0.5F, in_b = b[i] >= 0.5F;
    both += in_a && in_b ? 1 : 0;
    either += in_a || in_b ? 1 : 0;
  }
  return either > 0 ? both / either : 1;
}

// `all`: [rows, height, width, classes], best row first, as the expected [height, width] are.
void ExpectSameMasks(const std::vector<float>& rows, const std::vector<float>& all, const std::vector<int64_t>& dims, const float* expected, size_t count) {
  ASSERT_EQ(dims.size(), 4U);
  const auto cells = static_cast<size_t>(dims[1] * dims[2]), classes = static_cast<size_t>(dims[3]);
  for (size_t row = 0; row < count; ++row) {
    const auto column = static_cast<size_t>(rows[row * 7 + 1]);
    EXPECT_GE(OverlapOfCells(&all[row * cells * classes + column], expected + row * cells, cells, classes), 0.99) << "row " << row;
  }
}

TEST_P(TwoStages, FindWhatTensorFlowFinds) {
  const std::string path = out_ / "detector.pb";
  const auto report = Write(path, std::nullopt);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  const auto info = ReadModelInfo(ModelInfoPath(path));
  ASSERT_TRUE(info.ok() && info->detector) << Message(info.status());
  EXPECT_TRUE(GetParam().starts_with(info->detector->family)) << info->detector->family;
  auto session = Session::Open(path, {});
  ASSERT_TRUE(session.ok()) << Message(session.status());
  const std::vector<float> masks = ReadFloats(folder_ / "detection_masks.npy");
  EXPECT_EQ(masks.empty(), info->detector->masks.empty());
  for (size_t i = 0; i < pictures(); ++i) {
    const auto outputs = session->Run({{info->inputs[0].name, PictureOf(pictures_, i)}});
    ASSERT_TRUE(outputs.ok()) << Message(outputs.status());
    const std::vector<Detection> expected = Expected(folder_, i, pictures());
    ASSERT_GE(expected.size(), 3U);
    const std::vector<float> rows = Floats((*outputs)[0].array);
    ExpectSameDetections(FromRows(rows, info->detector->class_offset), expected);
    if (masks.empty()) continue;
    const Array& found = (*outputs)[1].array;
    ExpectSameMasks(rows, Floats(found), found.dims, &masks[i * masks.size() / pictures()], expected.size());
  }
}

// What any other runtime is given, on the reference kernels.
TEST_P(TwoStages, FindTheSameWithoutLayersOfOpenCv) {
  OptimizeOptions options;
  options.model = (folder_ / "graph.pb").string();
  options.output = out_ / "detector.pb";
  options.target.kind = Target::Kind::kGraphDef;
  options.detector_format = DetectorFormat::kDetections;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  EXPECT_FALSE(report->info.opencv_only);
  const DetectorInfo& detector = *report->info.detector;
  const std::vector<float> masks = ReadFloats(folder_ / "detection_masks.npy");
  std::vector<std::string> outputs = {detector.detections};
  if (!masks.empty()) outputs.push_back(detector.masks);
  for (size_t i = 0; i < pictures(); ++i) {
    const Array picture = PictureOf(pictures_, i);
    const Tensor pixels = Tensor::Of<float>(picture.dims, Floats(picture)).Cast(*ParseDType(report->info.inputs[0].dtype)).Dense();
    const auto run = RunOnReferenceKernels(options.output, outputs, {{report->info.inputs[0].name, pixels}}, 1);
    ASSERT_TRUE(run.ok()) << Message(run.status());
    const std::vector<Detection> expected = Expected(folder_, i, pictures());
    const std::vector<float> rows = run->outputs[0].value.Values<float>();
    ExpectSameDetections(FromRows(rows, detector.class_offset), expected);
    if (masks.empty()) continue;
    const Tensor& found = run->outputs[1].value;
    ExpectSameMasks(rows, found.Values<float>(), found.dims(), &masks[i * masks.size() / pictures()], expected.size());
  }
}

TEST_P(TwoStages, HaveNoHeadsOfTheirOwn) {
  const auto report = Write(out_ / "heads.pb", DetectorFormat::kHeads);
  ASSERT_FALSE(report.ok());
  for (const std::string part : {"looks at boxes that the first one's suppression leaves", "--format detections"}) {
    EXPECT_NE(Message(report.status()).find(part), std::string::npos) << Message(report.status());
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, TwoStages, ::testing::Values("faster_rcnn", "faster_rcnn_2017", "rfcn", "mask_rcnn"),
                         [](const auto& test) { return test.param; });
INSTANTIATE_TEST_SUITE_P(Cases, Detectors, ::testing::Values("ssd_2017", "ssd_2020", "ssdlite_softmax", "ssd_fpn", "ssd_90"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace permafrost
