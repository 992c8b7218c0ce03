#include "optimizer/backends/onnx/store_weights.h"

#include <gtest/gtest.h>

#include "optimizer/backends/onnx/convert_to_onnx.h"
#include "optimizer/passes/requested/passes.h"
#include "tests/support/graph_testing.h"
#include "tests/support/onnx_testing.h"

namespace permafrost {
namespace {

using Kind = OnnxRuntime::Kind;

constexpr char kNet[] = R"(in x:float32[2,4,4,8]; k = float32[3,3,8,16]~1; w = float32[64,40]~2;
  c = Conv2D(x, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"}; s = int32[2]{2,64}; f = Reshape(c, s);
  y = MatMul(f, w); out y)";

OnnxModel Converted(const PassInfo& pass, OnnxRuntime runtime) {
  Graph graph = ParseOrDie(kNet);
  EXPECT_TRUE(RunPass(pass, graph).ok());
  OnnxOptions options;
  options.runtime = runtime;
  std::vector<OnnxRefusal> refused;
  auto model = ConvertToOnnx(graph, options, refused);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : OnnxModel();
}

int64_t Bytes(const OnnxModel& model) {
  int64_t bytes = 0;
  for (int id : model.graph.Constants()) bytes += model.graph.value(id).constant.byte_size();
  return bytes;
}

TEST(StoreWeights, KeepsHalvesHoweverTheyWereTurned) {
  const OnnxModel model = Converted(kHalfWeights, {Kind::kOnnxRuntime, 0});
  EXPECT_EQ(Ops(model), "Cast Cast Conv Reshape MatMul");
  EXPECT_LT(Bytes(model), 2 * (3 * 3 * 8 * 16 + 64 * 40) + 200);
  EXPECT_TRUE(model.weights_stay_small);
}

TEST(StoreWeights, KeepsLevels) {
  const OnnxModel model = Converted(kQuantizeWeights, {Kind::kOnnxRuntime, 0});
  EXPECT_EQ(Ops(model), "DequantizeLinear DequantizeLinear Conv Reshape MatMul");
  EXPECT_LT(Bytes(model), 3 * 3 * 8 * 16 + 64 * 40 + 200);
}

TEST(StoreWeights, WidensForARuntimeThatTakesNone) {
  const OnnxModel model = Converted(kHalfWeights, {Kind::kOpenCv, 40600});
  EXPECT_EQ(Ops(model).find("Cast"), std::string::npos);
  EXPECT_FALSE(model.weights_stay_small);
}

TEST(StoreWeights, WritesNoLevelsAroundAZeroPointForTensorRt) {
  const OnnxModel model = Converted(kQuantizeWeights, {Kind::kTensorRt, 0});
  EXPECT_EQ(Ops(model), "Conv Reshape MatMul");
  EXPECT_FALSE(model.weights_stay_small);
  EXPECT_EQ(Ops(Converted(kHalfWeights, {Kind::kTensorRt, 0})), "Cast Cast Conv Reshape MatMul");
}

TEST(StoreWeights, LeavesOtherWeightsAlone) {
  std::vector<OnnxRefusal> refused;
  const auto model = ConvertToOnnx(ParseOrDie(kNet), {}, refused);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(Ops(*model).find("Cast"), std::string::npos);
  EXPECT_TRUE(model->weights_stay_small);
}

}  // namespace
}  // namespace permafrost
