#include "optimizer/backends/onnx/tensorrt_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/backends/onnx/convert_to_onnx.h"
#include "tests/support/graph_testing.h"
#include "tests/support/onnx_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

// Its ops, or why not.
std::string ForTensorRt(std::string_view text, int opset = 17, bool may_raise = true) {
  OnnxOptions options;
  options.opset = opset;
  options.may_raise = may_raise;
  options.runtime = {OnnxRuntime::Kind::kTensorRt, 0};
  std::vector<OnnxRefusal> refused;
  return Ops(ConvertToOnnx(ParseOrDie(text), options, refused));
}

TEST(TensorRtLimits, NamesNodeAndOpOfWhatTensorRtDoesNotTake) {
  EXPECT_EQ(ForTensorRt("in x:int32[2,3]; w = int32[3,2]{1,2,3,4,5,6}; p = MatMul(x, w); out p"),
            "node 'p' (MatMul): TensorRT 10 does not take int32 here; cut the graph with --inputs or --outputs");
  EXPECT_THAT(ForTensorRt("in x:float32[2,4000]; k = int32[]{3840}; t = TopKV2(x, k); out t"),
              HasSubstr("fewer than 3840 of the largest, these are 3840"));
  EXPECT_EQ(ForTensorRt("in x:float32[2,4000]; k = int32[]{3839}; t = TopKV2(x, k); out t"), "TopK");
}

TEST(TensorRtLimits, KnowsThePoolsThatTensorRtTakes) {
  const auto pool = [](OnnxNode node) {
    OnnxGraph graph;
    graph.values.resize(2);
    graph.values[0].dtype = DType::kFloat32;
    node.op = "MaxPool";
    node.inputs = {0};
    node.outputs = {1};
    return WhyNotInTensorRt(graph, node);
  };
  OnnxNode node;
  node.attrs["kernel_shape"] = std::vector<int64_t>{2, 2};
  EXPECT_EQ(pool(node), "");
  node.attrs["dilations"] = std::vector<int64_t>{1, 2};
  EXPECT_EQ(pool(node), "TensorRT 10 takes no dilations here");
  node.attrs["kernel_shape"] = std::vector<int64_t>{2};
  EXPECT_EQ(pool(node), "TensorRT 10 pools over two or three axes only");
}

TEST(TensorRtLimits, WritesLevelsAroundZeroOnly) {
  const auto fake = [](std::string_view range) {
    return ForTensorRt(StrCat("in x:float32[2,3]; y = FakeQuantWithMinMaxArgs(x) {", range, "}; out y"));
  };
  EXPECT_EQ(fake("min=-1.28, max=1.27"), "QuantizeLinear DequantizeLinear");
  EXPECT_EQ(fake("min=0.0, max=6.0").find("QuantizeLinear"), std::string::npos);
}

TEST(TensorRtLimits, SpellsOutWhatNeedsALaterOpset) {
  const std::string norm = R"(in x:float32[2,3,4,6]; g = float32[2,3]~1; b = float32[2,3]~2; a = int32[3]{1,2,4};
    h = int32[5]{2,3,4,2,3}; w = int32[4]{2,3,4,6}; x5 = Reshape(x, h);
    m = Mean(x5, a) {keep_dims=true}; d = SquaredDifference(x5, m); v = Mean(d, a) {keep_dims=true};
    e = Add(v, 0.001); r = Rsqrt(e); i = Mul(r, g); s = Mul(x5, i); t = Mul(m, i); u = Sub(b, t); k = Add(s, u);
    y = Reshape(k, w); out y)";
  EXPECT_THAT(ForTensorRt(norm), HasSubstr("ReduceMean"));
  EXPECT_EQ(ForTensorRt("in x:float32[2,3]; y = Relu(x); out y", 21, false),
            "needs opset 21 of ONNX, TensorRT 10 reads up to 20");
}

}  // namespace
}  // namespace permafrost
