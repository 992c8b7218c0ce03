// A network that ends in the heads of YOLO v4 tiny, from the optimizer's flag to the runner's boxes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// Grids of 4x4 and 2x2 cells over pictures of 64x64: means of what lies in the cell, weighed 3 * (5 + 3) times.
std::string Network() {
  std::string text = R"(node { name: "image" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
    attr { key: "shape" value { shape { dim { size: 1 } dim { size: 64 } dim { size: 64 } dim { size: 3 } } } } })";
  std::string weights;
  for (int i = 0; i < 3 * 24; ++i) weights += " float_val: " + std::to_string((i * 7 % 11) * 0.9 - 4);
  text += R"(node { name: "weights" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value { tensor {
    dtype: DT_FLOAT tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 3 } dim { size: 24 } })" + weights + " } } } }";
  for (const std::string stride : {"16", "32"}) {
    text += "node { name: \"mean" + stride + R"(" op: "AvgPool" input: "image" attr { key: "T" value { type: DT_FLOAT } }
      attr { key: "padding" value { s: "VALID" } } attr { key: "data_format" value { s: "NHWC" } })";
    for (const std::string key : {"ksize", "strides"}) {
      text += " attr { key: \"" + key + "\" value { list { i: 1 i: " + stride + " i: " + stride + " i: 1 } } }";
    }
    text += " } node { name: \"head" + stride + "\" op: \"Conv2D\" input: \"mean" + stride + R"(" input: "weights"
      attr { key: "T" value { type: DT_FLOAT } } attr { key: "padding" value { s: "VALID" } } attr { key: "data_format" value { s: "NHWC" } }
      attr { key: "strides" value { list { i: 1 i: 1 i: 1 i: 1 } } } })";
  }
  return text;
}

TEST(RawHeads, BecomeBoxesAsModelJsonSays) {
  const TemporaryFolder folder;
  const std::string model = folder.Write("model.pbtxt", Network());
  const Finished optimized = RunProgram("permafrost-optimize", {model, "--decoder", "yolov4-tiny", "-o", folder.File("yolo.pb")});
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  EXPECT_THAT(optimized.out, HasSubstr("decoder yolov4-tiny: 3 classes"));
  const Json detector = Json::parse(ReadBytes(folder.File("yolo.json")))["detector"];
  EXPECT_EQ(detector["kind"], "yolo");
  EXPECT_EQ(detector["input"]["name"], "image");
  EXPECT_EQ(detector["input"]["width"], 64);
  EXPECT_EQ(detector["heads"][0]["output"], "head16");

  const auto boxes = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {folder.File("yolo.pb"), "--random", "5", "--min-score", "0.2", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished run = RunProgram("permafrost-run", arguments);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.out;
  };
  const std::string found = boxes({});
  EXPECT_GE(Json::parse(found)["outputs"][0]["boxes"].size(), 3U) << found;
  EXPECT_EQ(boxes({"--decoder", "yolov4-tiny"}), found);
  const std::string file = folder.Write("decoder.json", detector.dump());
  EXPECT_EQ(boxes({"--decoder", file}), found);
  const Finished described = RunProgram("permafrost-optimize", {model, "--decoder", file, "-o", folder.File("again.pb")});
  ASSERT_EQ(described.exit_code, 0) << described.err;
  EXPECT_EQ(Json::parse(ReadBytes(folder.File("again.json")))["detector"], detector);
}

// The numbers themselves: tests/runner/face_detectors_test.cc.
TEST(RawHeads, OfFacesNeedNoAnchors) {
  const TemporaryFolder folder;
  const std::string faces = SourceDir() + "/tests/data/detection/faces/";
  const auto boxes = [&](const std::string& name, const std::string& recipe) {
    const std::string file = folder.File(name + ".pb");
    const Finished optimized = RunProgram("permafrost-optimize", {faces + name + "/model.h5", "--decoder", recipe, "-o", file});
    EXPECT_EQ(optimized.exit_code, 0) << optimized.err;
    const Finished run = RunProgram("permafrost-run", {file, "--random", "3", "--min-score", "0.1", "--json"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return run.exit_code == 0 ? Json::parse(run.out)["outputs"][0]["boxes"].size() : 0;
  };
  EXPECT_GE(boxes("ultra_light_face", "ultra-light-face"), 3U);
  EXPECT_GE(boxes("face_mask", "face-mask"), 3U);
  const Finished plain = RunProgram("permafrost-optimize", {faces + "face_mask/model.h5", "-o", folder.File("plain.pb")});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const Finished run = RunProgram("permafrost-run", {folder.File("plain.pb"), "--random", "3", "--decoder", "face-mask"});
  EXPECT_NE(run.exit_code, 0) << run.out;
  EXPECT_THAT(run.err, HasSubstr("its anchors follow from the size of the network's input"));
}

TEST(RawHeads, AreRefusedWhereTheRecipeDoesNotFit) {
  const TemporaryFolder folder;
  const std::string model = folder.Write("model.pbtxt", Network());
  const auto error = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {model, "-o", folder.File("yolo.pb")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished run = RunProgram("permafrost-optimize", arguments);
    EXPECT_NE(run.exit_code, 0) << run.out;
    return run.err;
  };
  EXPECT_THAT(error({"--decoder", "yolov3"}), HasSubstr("takes 3 outputs"));
  EXPECT_THAT(error({"--decoder", "yolo9000"}), HasSubstr("neither a file.json nor one of"));
  EXPECT_THAT(error({"--decoder", folder.Write("bad.json", "{}")}), HasSubstr("detector.version"));
  EXPECT_THAT(error({"--decoder", "ssd"}), HasSubstr("--anchors"));
}

}  // namespace
}  // namespace permafrost
