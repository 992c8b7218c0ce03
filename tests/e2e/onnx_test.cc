// The programs on an ONNX file: write it, feed it a picture, check it against TensorFlow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shared_io/model_json.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kModel = SourceDir() + "/models/classic_tf1/graph.pb";
const std::string kCase = SourceDir() + "/models/classic_tf1_batch1";

std::vector<std::string> Arguments(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      kModel,  "--inputs",         "IteratorGetNext:1x28x28x1", "--outputs", "logits/BiasAdd,softmax",
      "--set", "is_training=false"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Onnx, IsWrittenBesideTheTensorFlowFile) {
  const TemporaryFolder folder;
  const Finished done =
      RunProgram("permafrost-optimize", Arguments({"-o", folder.File("net.pb"), "-o", folder.File("net.onnx")}));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(folder.Names(), ElementsAre("net.json", "net.onnx", "net.onnx.json", "net.pb"));
  const auto info = ReadModelInfo(folder.File("net.onnx.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ(info->inputs.size(), 1U);
  EXPECT_EQ(info->inputs[0].layout, "NHWC");
  EXPECT_EQ(info->inputs[0].cv_layout, "NCHW");
  EXPECT_THAT(info->inputs[0].cv_shape, ElementsAre(1, 1, 28, 28));
}

TEST(Onnx, PutsWeightsBesideTheModelWhenAsked) {
  const TemporaryFolder folder;
  const Finished done =
      RunProgram("permafrost-optimize", Arguments({"-o", folder.File("net.onnx"), "--external-data"}));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(folder.Names(), ElementsAre("net.onnx", "net.onnx.data", "net.onnx.json"));
  EXPECT_LT(folder.Read("net.onnx").size(), 10'000U);
  EXPECT_GT(folder.Read("net.onnx.data").size(), 20'000U);
  EXPECT_THAT(folder.Read("net.onnx"), HasSubstr("net.onnx.data"));
  EXPECT_EQ(folder.Read("net.onnx").find(folder.File("")), std::string::npos) << "the place is relative to the model";
}

TEST(Onnx, PutsNoWeightsBesideAModelForOpenCv4WhichDoesNotReadThem) {
  const TemporaryFolder folder;
  const Finished done = RunProgram("permafrost-optimize", Arguments({"-o", folder.File("net.onnx"), "--external-data", "--target", "opencv-4.6"}));
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.err, HasSubstr("reads no weights beside a model"));
  EXPECT_THAT(folder.Names(), ElementsAre());
}

TEST(Onnx, IsTheSameFileTwice) {
  const TemporaryFolder folder;
  for (const std::string name : {"a.onnx", "b.onnx"}) {
    ASSERT_EQ(RunProgram("permafrost-optimize", Arguments({"-o", folder.File(name)})).exit_code, 0);
  }
  EXPECT_TRUE(folder.Read("a.onnx") == folder.Read("b.onnx"));
}

TEST(Onnx, RunsOnPictures) {
  const TemporaryFolder folder;
  const std::string file = folder.File("net.onnx");
  ASSERT_EQ(RunProgram("permafrost-optimize", Arguments({"-o", file})).exit_code, 0);
  for (int digit = 0; digit < 10; ++digit) {
    const std::string picture = SourceDir() + "/models/classic_tf1/digits/" + std::to_string(digit) + ".png";
    const Finished run = RunProgram("permafrost-run", {file, picture, "--json", "--top-k", "1"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const nlohmann::json results = nlohmann::json::parse(run.out);
    ASSERT_EQ(results["outputs"].size(), 2U);
    EXPECT_EQ(results["outputs"][1]["name"], "softmax");
    EXPECT_EQ(results["outputs"][1]["classes"][0][0]["index"], digit) << run.out;
  }
}

TEST(Onnx, IsHeldAgainstTheReferencesByTheBench) {
  const Finished done = RunProgram("permafrost-bench", {kCase, "--onnx", "--check-only"});
  ASSERT_EQ(done.exit_code, 0) << done.err << done.out;
  EXPECT_THAT(done.out, HasSubstr("onnx"));
}

TEST(Onnx, SaysWhatItsOptionsAreFor) {
  const TemporaryFolder folder;
  Finished done = RunProgram("permafrost-optimize", Arguments({"-o", folder.File("net.pb"), "--opset", "13"}));
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.err, HasSubstr("-o model.onnx"));
  done = RunProgram("permafrost-optimize", Arguments({"-o", folder.File("net.pb"), "--target", "onnxruntime"}));
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.err, HasSubstr("name the file .onnx"));
  EXPECT_THAT(folder.Names(), ElementsAre());
}

}  // namespace
}  // namespace permafrost
