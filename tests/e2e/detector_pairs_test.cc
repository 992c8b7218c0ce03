// A frozen graph and OpenCV's own text graph of it, through all three programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

const std::string kCase = SourceDir() + "/tests/data/detection/ssd_pair";

// The bytes of the rows that the network gives for the case's picture.
std::string RowsOf(const std::vector<std::string>& model, const TemporaryFolder& folder, const std::string& name) {
  std::vector<std::string> arguments = model;
  arguments.insert(arguments.end(), {kCase + "/in.npy", "--save-npy", folder.File(name)});
  const Finished run = RunProgram("permafrost-run", arguments);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  std::string rows;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.File(name))) {
    if (file.is_regular_file()) rows += ReadBytes(file.path().string());
  }
  return rows;
}

TEST(DetectorPairs, BecomeOneFileWithTheSameDetections) {
  const TemporaryFolder folder;
  const std::string merged = folder.File("merged.pb");
  const Finished run = RunProgram("permafrost-optimize", {kCase + "/frozen.pb", "--opencv-graph", kCase + "/graph.pbtxt", "-o", merged});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("output  detection_out  float32[1,1,?,7]"));
  const std::string pair = RowsOf({kCase + "/frozen.pb", "--config", kCase + "/graph.pbtxt"}, folder, "pair");
  EXPECT_GT(pair.size(), 59U * 7 * sizeof(float));
  EXPECT_EQ(RowsOf({merged}, folder, "merged"), pair);
}

TEST(DetectorPairs, PassTheBenchAgainstTensorFlow) {
  const Finished run = RunProgram("permafrost-bench", {"--check-only", kCase});
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("ssd_pair raw: 59 of 59 found, 0 extra"));
  EXPECT_THAT(run.out, HasSubstr("ssd_pair optimized: 59 of 59 found, 0 extra"));
}

TEST(DetectorPairs, RunInTheRunner) {
  const Finished run = RunProgram("permafrost-run", {kCase + "/frozen.pb", "--config", kCase + "/graph.pbtxt", kCase + "/in.npy"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("0.88778  class "));
  const std::string other = SourceDir() + "/models/detectors/ssd_2020/graph.pb";
  const Finished foreign = RunProgram("permafrost-run", {other, "--config", kCase + "/graph.pbtxt", kCase + "/in.npy"});
  EXPECT_EQ(foreign.exit_code, 1);
  EXPECT_THAT(foreign.err, HasSubstr(other + " with " + kCase + "/graph.pbtxt"));
  const Finished onnx = RunProgram("permafrost-run", {"model.onnx", "--config", kCase + "/graph.pbtxt", kCase + "/in.npy"});
  EXPECT_NE(onnx.exit_code, 0);
}

TEST(DetectorPairs, AreRefusedWithAReasonWhenOneIsDamaged) {
  const TemporaryFolder folder;
  const std::string text = ReadBytes(kCase + "/graph.pbtxt");
  const auto error = [&](const std::string& graph) {
    const std::string path = folder.Write("graph.pbtxt", graph);
    const Finished run = RunProgram("permafrost-optimize", {kCase + "/frozen.pb", "--opencv-graph", path, "-o", folder.File("out.pb")});
    EXPECT_EQ(run.exit_code, 1) << run.out;
    EXPECT_THAT(run.err, HasSubstr(path));
    EXPECT_FALSE(std::filesystem::exists(folder.File("out.pb")));
    return run.err;
  };
  EXPECT_THAT(error(text.substr(0, text.size() / 2)), HasSubstr("is no text graph of OpenCV"));
  EXPECT_THAT(error("node { name: \"x\" op: \"Relu\" input: \"nothing\" }"), HasSubstr("has no node of that name"));
  std::string cyclic = text;
  const std::string first = "input: \"image_tensor\"";
  cyclic.replace(cyclic.find(first), first.size(), "input: \"detection_out\"");
  EXPECT_THAT(error(cyclic), HasSubstr("cycle"));
  const size_t classes = text.find("i: 3", text.find("num_classes"));
  std::string other = text;
  const std::string error_of_classes = error(other.replace(classes, 4, "i: 91"));
  EXPECT_THAT(error_of_classes, HasSubstr("node 'detection_out' (DetectionOutput): num_classes is 91, expected 3"));
  EXPECT_THAT(error_of_classes, HasSubstr("pipeline.config"));
  for (size_t at = 0; at < text.size(); at += 1499) {  // must not crash, whatever it says
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x15);
    const Finished run = RunProgram("permafrost-optimize", {kCase + "/frozen.pb", "--opencv-graph", folder.Write("changed.pbtxt", changed), "-o", folder.File("changed.pb")});
    EXPECT_LE(run.exit_code, 1) << at;
  }
}

}  // namespace
}  // namespace permafrost
