#include "runner/decode_heads.h"
#include "shared_io/npy.h"
#include "tests/runner/detections_testing.h"
#include "tests/runner/opencv_testing.h"
#include "tests/support/places.h"

// Detectors as TensorFlow 2 saves them, from the SavedModel to what the runner finds.
namespace permafrost {
namespace {

namespace fs = std::filesystem;

struct Tf2Case {
  const char* name;
  std::string_view kind;  // of what is written without --format
};

class Tf2Detectors : public ::testing::TestWithParam<Tf2Case> {};

std::vector<Detection> Found(const Boxes& boxes) {
  std::vector<Detection> found;
  for (const Box& box : boxes.boxes) found.push_back({box.index, box.score, box.x1, box.y1, box.x2, box.y2});
  return found;
}

TEST_P(Tf2Detectors, FindWhatTensorFlowFinds) {
  const fs::path folder = fs::path(SourceDir()) / "models/detectors_tf2" / GetParam().name;
  const auto pictures = ReadNpy((folder / "in.npy").string());
  ASSERT_TRUE(pictures.ok()) << Message(pictures.status());
  const TestFolder out;
  OptimizeOptions options;
  options.model = (folder / "saved_model").string();
  options.output = out / "detector.pb";
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  const auto info = ReadModelInfo(ModelInfoPath(options.output));
  ASSERT_TRUE(info.ok()) << Message(info.status());
  ASSERT_TRUE(info->detector.has_value());
  EXPECT_EQ(info->detector->kind, GetParam().kind);
  auto session = Session::Open(options.output, {});
  ASSERT_TRUE(session.ok()) << Message(session.status());
  const auto count = static_cast<size_t>(pictures->dims[0]);
  for (size_t i = 0; i < count; ++i) {
    const auto outputs = session->Run({{info->inputs[0].name, PictureOf(*pictures, i)}});
    ASSERT_TRUE(outputs.ok()) << Message(outputs.status());
    std::vector<Detection> expected = Expected(folder, i, count);
    if (info->detector->kind == DetectorInfo::kDetectionOutput) {
      ExpectSameDetections(FromRows(Floats((*outputs)[0].array), info->detector->class_offset), expected);
      continue;
    }
    BoxOptions boxes;
    boxes.min_score = 0;
    const auto found = DecodeHeads(*outputs, *info->detector, boxes);
    ASSERT_TRUE(found.ok()) << Message(found.status());
    ExpectSameDetections(Found(*found), expected);
    ASSERT_GE(expected.size(), 3U);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Tf2Detectors,
                         ::testing::Values(Tf2Case{"ssd", DetectorInfo::kDetectionOutput}, Tf2Case{"ssd_map_fn", DetectorInfo::kDetectionOutput},
                                           Tf2Case{"ssd_soft", DetectorInfo::kHeads}, Tf2Case{"efficientdet", DetectorInfo::kDetectionOutput},
                                           Tf2Case{"automl", DetectorInfo::kHeads}, Tf2Case{"automl_soft_top", DetectorInfo::kHeads},
                                           Tf2Case{"automl_per_class", DetectorInfo::kHeads}, Tf2Case{"automl_combined", DetectorInfo::kDetectionOutput},
                                           Tf2Case{"retinanet", DetectorInfo::kDetectionOutput}, Tf2Case{"centernet", DetectorInfo::kCenters},
                                           Tf2Case{"centernet_map_fn", DetectorInfo::kCenters}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace permafrost
