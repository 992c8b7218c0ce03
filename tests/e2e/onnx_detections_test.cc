// Detectors as ONNX that finds things by itself, in ONNX Runtime where its environment is installed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "shared_io/model_json.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kCases = SourceDir() + "/models/detectors/";

std::string PythonOf(const std::string& environment) {
  const char* venvs = std::getenv("PERMAFROST_VENV_DIR");
  return (venvs != nullptr ? std::string(venvs) : SourceDir() + "/build/venv") + "/" + environment + "/bin/python";
}

class OnnxDetections : public ::testing::TestWithParam<std::string> {};

// One picture after the other: where the second has more boxes than the first, OpenCV 5.0 went wrong.
TEST_P(OnnxDetections, AreFoundAsInTensorFlow) {
  const bool opencv = GetParam() == "5.0-onnx";
  const std::string environment = opencv ? "opencv-5.0" : "onnx";
  const std::string python = PythonOf(environment);
  if (access(python.c_str(), X_OK) != 0) GTEST_SKIP() << "no " << python << "; scripts/python_env " << environment << " makes it";
  const TemporaryFolder folder;
  std::string cases;
  const std::vector<std::string> names = {"detectors/ssd_2017", "detectors/ssd_2020", "detectors/ssdlite_softmax", "detectors/ssd_fpn",
                                          "detectors/ssd_90", "detectors/faster_rcnn", "detectors/faster_rcnn_2017", "detectors/rfcn",
                                          "detectors/mask_rcnn", "detectors_tf2/ssd", "detectors_tf2/ssd_map_fn", "detectors_tf2/efficientdet",
                                          "detectors_tf2/retinanet", "detectors_tf2/automl_combined"};
  for (const std::string& name : names) cases += " " + SourceDir() + "/models/" + name;
  const std::string said = folder.File("said");
  const std::string command = SourceDir() + "/scripts/check_detectors" + cases + " --score 0.01 --in " + GetParam() + " --optimizer " +
                              BinaryDir() + "/bin/permafrost-optimize" + " > " + said + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadBytes(said);  // NOLINT: a fixed command
  const std::string lines = ReadBytes(said);
  const auto count = [&](const std::string& part) {
    size_t found = 0;
    for (size_t at = lines.find(part); at != std::string::npos; at = lines.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(opencv ? "OpenCV 5.0.0, ONNX: " : "ONNX Runtime "), names.size()) << lines;
  EXPECT_EQ(count(": 0 found"), 0U) << lines;
  EXPECT_EQ(count("found, 0 missing"), 2 * names.size()) << lines;
}

// The rocket shows this network nothing; OpenCV 5.0 divides by zero where it gathers nothing.
TEST_P(OnnxDetections, MayBeNone) {
  const char* models = std::getenv("PERMAFROST_SHARED_MODELS");
  const std::string network = (models != nullptr ? std::string(models) : SourceDir() + "/../shared/models") + "/center_stage/detector.pb", picture = SourceDir() + "/build/models/pictures/rocket.jpg";
  for (const std::string& needed : {network, picture, PythonOf(GetParam() == "5.0-onnx" ? "opencv-5.0" : "onnx"), PythonOf("reference")}) {
    if (access(needed.c_str(), R_OK) != 0) GTEST_SKIP() << needed << " is not there";
  }
  const TemporaryFolder folder;
  const std::string said = folder.File("said"), optimizer = BinaryDir() + "/bin/permafrost-optimize";
  const std::string command = SourceDir() + "/scripts/check_detectors " + network + " --in " + GetParam() + " --optimizer " + optimizer + " > " + said + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadBytes(said);  // NOLINT: a fixed command
  EXPECT_THAT(ReadBytes(said), HasSubstr("above 0.3: 6 found, 0 missing"));
}

INSTANTIATE_TEST_SUITE_P(Runtimes, OnnxDetections, ::testing::Values("onnxruntime", "5.0-onnx"),
                         [](const auto& test) { return test.param == "onnxruntime" ? "OnnxRuntime" : "OpenCv5"; });

// A detector of two stages has no heads: where nothing suppresses boxes, there is nothing to write.
TEST(TwoStageOnnxFiles, AreRefusedWhereNothingSuppressesBoxes) {
  const TemporaryFolder folder;
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--target", "opencv-4.14"}, {"--target", "onnxruntime", "--format", "heads"}}) {
    std::vector<std::string> arguments = {kCases + "faster_rcnn/graph.pb", "-o", folder.File("net.onnx")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished done = RunProgram("permafrost-optimize", arguments);
    EXPECT_EQ(done.exit_code, 1) << done.out;
    EXPECT_THAT(done.err, HasSubstr("has no heads to decode outside of the file"));
    EXPECT_THAT(done.err, HasSubstr("--target onnxruntime, tensorrt or opencv-5.0"));
    EXPECT_THAT(folder.Names(), ElementsAre());
  }
}

TEST(OnnxDetectionFiles, AreWrittenWhereTheTargetTakesThem) {
  const TemporaryFolder folder;
  const auto kind = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {kCases + "ssd_2020/graph.pb", "-o", folder.File("net.onnx")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished done = RunProgram("permafrost-optimize", arguments);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    const auto info = ReadModelInfo(folder.File("net.onnx.json"));
    EXPECT_TRUE(info.ok()) << info.status();
    return info.ok() && info->detector ? info->detector->kind : "";
  };
  EXPECT_EQ(kind({}), DetectorInfo::kHeads);
  EXPECT_EQ(kind({"--target", "opencv-4.14"}), DetectorInfo::kHeads);
  EXPECT_EQ(kind({"--target", "onnxruntime"}), DetectorInfo::kDetectionOutput);
  EXPECT_EQ(kind({"--target", "onnxruntime", "--format", "heads"}), DetectorInfo::kHeads);
  EXPECT_EQ(kind({"--target", "tensorrt", "--format", "detections", "--verify"}), DetectorInfo::kDetectionOutput);
  const auto info = ReadModelInfo(folder.File("net.onnx.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_FALSE(info->opencv_only);
  EXPECT_EQ(info->inputs[0].cv_layout, "NCHW") << "pictures lie as blobFromImage makes them";
  ASSERT_EQ(info->outputs.size(), 1U);
  EXPECT_EQ(info->outputs[0].name, info->detector->detections);
  EXPECT_THAT(info->outputs[0].shape, ElementsAre(1, 1, 20, 7));
  EXPECT_THAT(info->outputs[0].cv_shape, ElementsAre(1, 1, 20, 7));
}

TEST(OnnxDetectionFiles, SayWhatTheTargetDoesNotDo) {
  const TemporaryFolder folder;
  const auto notes = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {SourceDir() + "/models/detectors_tf2/automl/saved_model"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished done = RunProgram("permafrost-optimize", arguments);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return done.out;
  };
  EXPECT_THAT(notes({"-o", folder.File("net.onnx"), "--target", "onnxruntime"}), HasSubstr("which ONNX's NonMaxSuppression does not do"));
  EXPECT_THAT(notes({"-o", folder.File("net.pb")}), HasSubstr("which OpenCV's DetectionOutput does not do"));
}

TEST(OnnxDetectionFiles, AreRefusedWhereNotEveryRuntimeTakesThem) {
  const TemporaryFolder folder;
  for (const std::string target : {"onnx", "opencv-4.6"}) {
    const Finished done = RunProgram("permafrost-optimize", {kCases + "ssd_2020/graph.pb", "-o", folder.File("net.onnx"), "--target", target,
                                                             "--format", "detections"});
    EXPECT_EQ(done.exit_code, 2) << done.out;
    EXPECT_THAT(done.err, HasSubstr("NonMaxSuppression"));
    EXPECT_THAT(folder.Names(), ElementsAre());
  }
}

}  // namespace
}  // namespace permafrost
