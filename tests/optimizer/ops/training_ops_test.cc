#include "optimizer/ops/training_ops.h"

#include <gtest/gtest.h>

#include "optimizer/ops/op.h"
#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(TrainingOps, TellWhatAnOpIsFor) {
  EXPECT_TRUE(IsRandomOp("RandomUniform"));
  EXPECT_TRUE(IsRandomOp("StatelessRandomGammaV3"));
  EXPECT_TRUE(IsVariableOp("VarHandleOp"));
  EXPECT_TRUE(IsGradientOp("Conv2DBackpropFilter"));
  EXPECT_TRUE(IsGradientOp("MaxPoolGradV2"));
  EXPECT_TRUE(IsSummaryOp("MergeSummary"));
  EXPECT_TRUE(IsSaveRestoreOp("RestoreV2"));
  EXPECT_TRUE(IsInputPipelineOp("IteratorGetNext"));
  EXPECT_TRUE(IsInputPipelineOp("MapDataset"));
  EXPECT_TRUE(IsInputPipelineOp("RandomShuffleQueue"));
  EXPECT_TRUE(IsInputPipelineOp("DecodeJpeg"));
  EXPECT_TRUE(IsAssertOp("Assert"));
  EXPECT_TRUE(IsTrainingOp("ResourceApplyAdamWithAmsgrad"));
  EXPECT_TRUE(IsTrainingOp("SparseSoftmaxCrossEntropyWithLogits"));
}

TEST(TrainingOps, LeaveWhatAPredictionNeedsAlone) {
  for (const char* op : {"Conv2DBackpropInput", "StopGradient", "PreventGradient", "Softmax", "Identity", "Placeholder",
                         "NoSuchOp", "Relu", "FusedBatchNormV3", "ReverseSequence", ""}) {
    EXPECT_EQ(RoleOf(op), Role::kNone) << op;
  }
  EXPECT_FALSE(IsTrainingOp("VariableV2"));
  EXPECT_FALSE(IsTrainingOp("RandomUniform"));
}

TEST(TrainingOps, AreNeitherPureNorEvaluated) {
  int known = 0;
  for (const OpDef* op : AllOps()) {
    if (RoleOf(op->name) == Role::kNone) continue;
    ++known;
    EXPECT_FALSE(op->pure) << op->name;
    EXPECT_EQ(op->kernel, nullptr) << op->name;
  }
  EXPECT_GT(known, 80);
}

TEST(TrainingOps, KnowTheirOutputs) {
  ExpectInfers("in x:float32[?,4]; s = Shape(x); y = RandomUniform(s) {dtype=float32}; out y", "float32[?,4]");
  ExpectInfers("v = VariableV2() {dtype=float32, shape=shape[3,4]}; y = Identity(v); out y", "float32[3,4]");
  ExpectInfers("v = VarHandleOp() {dtype=float32, shape=shape[3]}; y = ReadVariableOp(v) {dtype=float32}; out y",
               "float32[3]");
  ExpectInfers(
      "i = IteratorV2(); y = IteratorGetNext(i) {output_types=[float32, int64],"
      " output_shapes=[shape[?,2], shape[?]]}; out z=y:1",
      "int64[?]");
  ExpectInfers("in l:float32[?,10]; in t:int64[?]; y = SparseSoftmaxCrossEntropyWithLogits(l, t); out z=y:1",
               "float32[?,10]");
  ExpectInferenceRefuses("y = RandomUniform(int32[1]{-4}); out y", "a dim of -4");
}

}  // namespace
}  // namespace permafrost
