#include "bench/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

using CheckTest = CaseFolderTest;

TEST_F(CheckTest, PassesTheRightNumbersAndFailsWrongOnes) {
  const auto right = LoadModelCase(WriteCase("right", Right()), {});
  ASSERT_TRUE(right.ok()) << right.status();
  const Check passed = CheckFile(right->model_path, *right, 1e-6, {});
  EXPECT_EQ(passed.verdict, Verdict::kPassed) << passed.reason;
  EXPECT_LE(passed.NeededRel(), 1e-6);

  const auto wrong = LoadModelCase(WriteCase("wrong", {3, 0, 9, 12, 0, 17}), {});
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  const Check failed = CheckFile(wrong->model_path, *wrong, 1e-6, {});
  EXPECT_EQ(failed.verdict, Verdict::kFailed);
  EXPECT_THAT(failed.reason, HasSubstr("y: off by 0.0588"));
  EXPECT_NEAR(failed.NeededRel(), 1.0 / 17, 1e-6);
}

TEST_F(CheckTest, ReportsAFileThatKillsOpenCv) {
  auto model = LoadModelCase(WriteCase("crash", Right()), {});
  ASSERT_TRUE(model.ok()) << model.status();
  TinyGraph graph;
  graph.Placeholder("x", {1, 1, 2, 3});
  graph.Add("y", "Squeeze", {"x"}).mutable_attr()->insert({"squeeze_dims", {}});
  graph.Save(model->model_path);
  const Check check = CheckFile(model->model_path, *model, 1, {});
  EXPECT_EQ(check.verdict, Verdict::kFailed);
  EXPECT_THAT(check.reason, HasSubstr("OpenCV crashed ("));
}

TEST_F(CheckTest, FailsAnOutputThatModelJsonDoesNotName) {
  const auto model = LoadModelCase(WriteCase("named", Right()), {});
  ASSERT_TRUE(model.ok()) << model.status();
  ModelInfo info;
  TensorInfo input;
  input.name = input.cv_name = "x";
  input.shape = {1, 1, 2, 3};
  input.cv_shape = {1, 3, 1, 2};
  input.layout = "NHWC";
  input.cv_layout = "NCHW";
  TensorInfo output = input;
  output.name = output.cv_name = "relu";
  info.inputs = {input};
  info.outputs = {output};
  ASSERT_TRUE(WriteModelInfo(ModelInfoPath(model->model_path), info).ok());
  SessionOptions options;
  options.check_hash = false;
  const Check missing = CheckFile(model->model_path, *model, 1, options);
  EXPECT_EQ(missing.verdict, Verdict::kFailed);
  EXPECT_EQ(missing.reason, "y: the file has no such output");

  info.outputs[0].name = "y:0";  // the same tensor as y
  info.outputs[0].cv_name = "y";
  ASSERT_TRUE(WriteModelInfo(ModelInfoPath(model->model_path), info).ok());
  EXPECT_EQ(CheckFile(model->model_path, *model, 1e-6, options).verdict, Verdict::kPassed);
  options.check_hash = true;
  EXPECT_THAT(CheckFile(model->model_path, *model, 1, options).reason, HasSubstr("SHA-256"));
}

}  // namespace
}  // namespace permafrost
