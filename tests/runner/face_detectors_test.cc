#include "optimizer/pipeline/specs.h"
#include "runner/decode_heads.h"
#include "shared_io/npy.h"
#include "tests/runner/detections_testing.h"
#include "tests/runner/opencv_testing.h"
#include "tests/support/places.h"

// Keras networks that end in raw heads, whose anchors follow from the size of their picture (scripts/make_face_cases.py): from the
// recipe's name to the boxes that their authors' post-processing finds.
namespace permafrost {
namespace {

namespace fs = std::filesystem;

struct FaceCase {
  const char *folder, *recipe, *outputs;
  const char* converter;
};

class FaceDetectors : public ::testing::TestWithParam<FaceCase> {};

TEST_P(FaceDetectors, FindWhatTheirAuthorsPostProcessingFinds) {
  const fs::path folder = fs::path(SourceDir()) / "tests/data/detection/faces" / GetParam().folder;
  const auto pictures = ReadNpy((folder / "in.npy").string());
  ASSERT_TRUE(pictures.ok()) << Message(pictures.status());
  const TestFolder out;
  OptimizeOptions options;
  options.model = (folder / "model.h5").string();
  options.output = out / "faces.pb";
  options.decoder.name = GetParam().recipe;
  if (GetParam().outputs[0] != 0) options.outputs = *ParseOutputSpecs(GetParam().outputs);
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << Message(report.status());
  const auto info = ReadModelInfo(ModelInfoPath(options.output));
  ASSERT_TRUE(info.ok() && info->detector) << Message(info.status());
  EXPECT_EQ(info->detector->score_converter, GetParam().converter);
  EXPECT_EQ(info->detector->input_width, pictures->dims[2]);
  auto session = Session::Open(options.output, {});
  ASSERT_TRUE(session.ok()) << Message(session.status());
  const std::vector<float> pixels = Floats(*pictures);
  const auto count = static_cast<size_t>(pictures->dims[0]), size = pixels.size() / count;
  for (size_t i = 0; i < count; ++i) {
    const std::vector<float> own(pixels.begin() + static_cast<std::ptrdiff_t>(i * size), pixels.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
    const auto ran = session->Run({{info->inputs[0].name, FloatArray({1, pictures->dims[1], pictures->dims[2], 3}, own)}});
    ASSERT_TRUE(ran.ok()) << Message(ran.status());
    BoxOptions boxes;
    boxes.min_score = std::string_view(GetParam().recipe) == "face-mask" ? 0.5F : 0.6F;
    const auto found = DecodeDetector(*ran, *info->detector, boxes);
    ASSERT_TRUE(found.ok()) << Message(found.status());
    const std::vector<float> expected = ReadFloats(folder / StrCat("expected_", i, ".npy"));
    ASSERT_GE(expected.size(), 10U * 6) << "the case proves nothing";
    ASSERT_EQ(found->boxes.size(), expected.size() / 6);
    for (size_t k = 0; k < found->boxes.size(); ++k) {
      const Box& box = found->boxes[k];
      const float* row = &expected[6 * k];
      SCOPED_TRACE(k);
      EXPECT_EQ(box.index, static_cast<int64_t>(row[0]));
      EXPECT_NEAR(box.score, row[1], 1e-4);
      const double edges[] = {box.x1, box.y1, box.x2, box.y2};
      for (size_t edge = 0; edge < 4; ++edge) EXPECT_NEAR(edges[edge], row[2 + edge], 1e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, FaceDetectors,
                         ::testing::Values(FaceCase{"ultra_light_face", "ultra-light-face", "loc/concat,conf/concat", "softmax"},
                                           FaceCase{"ultra_light_face", "ultra-light-face", "", "identity"},
                                           FaceCase{"face_mask", "face-mask", "", "identity"}),
                         [](const auto& test) {
                           return std::string(test.param.folder) + (test.param.outputs[0] != 0 ? "_logits" : "");
                         });

}  // namespace
}  // namespace permafrost
