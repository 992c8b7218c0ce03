// quantize-weights, round-weights and half-weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "optimizer/ops/evaluate.h"
#include "optimizer/passes/fold_constants.h"
#include "optimizer/passes/requested/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using testing::Contains;
using testing::HasSubstr;

PassOptions With(std::vector<PassArgument> arguments) {
  PassOptions options;
  options.arguments = PassArguments(std::move(arguments));
  return options;
}

Graph Changed(const PassInfo& pass, std::string_view text, const PassOptions& options = {}) {
  Graph graph = ParseOrDie(text);
  const StatusOr<PassRun> run = RunPass(pass, graph, options);
  EXPECT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(Verify(graph, Level::kFlat).ok());
  return graph;
}

std::string OpOf(const Graph& graph, std::string_view name) {
  const auto id = graph.Find(name);
  return id ? graph.node(*id).op : "none";
}

Tensor ConstantCalled(const Graph& graph, std::string_view name) {
  const auto id = graph.Find(name);
  const Tensor* value = id ? graph.node(*id).attr<Tensor>("value") : nullptr;
  EXPECT_NE(value, nullptr) << name;
  return value == nullptr ? Tensor() : value->Dense();
}

double LossOf(const PassInfo& pass, std::string_view text, const PassOptions& options = {}) {
  const StatusOr<double> error = LargestError(ParseOrDie(text), Changed(pass, text, options));
  EXPECT_TRUE(error.ok()) << error.status();
  return error.value_or(INFINITY);
}

constexpr const char* kProduct = "in x:float32[2,64]; w = float32[64,32]~3; b = float32[32]~4; m = MatMul(x, w); y = Add(m, b); out y";

// Channels of very different size, as batch norms folded into depthwise kernels leave them.
constexpr const char* kConv =
    "in x:float32[1,6,5,32]; s = float32[32]{0.001,0.002,0.004,0.01,0.02,0.04,0.1,0.2,0.4,1,2,4,10,0.5,0.05,0.005,"
    "0.001,0.002,0.004,0.01,0.02,0.04,0.1,0.2,0.4,1,2,4,10,0.5,0.05,0.005}; k = float32[3,3,32,32]~3; w = Mul(k, s); "
    "b = float32[32]~4; c = Conv2D(x, w) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}; "
    "y = BiasAdd(c, b); r = Div(y, s); out r";

TEST(QuantizeWeights, StoresAConstantInTheFormThatOpenCvReads) {
  RewriteOptions lossy;
  lossy.same_numbers = false;
  lossy.pass = With({{"minimum_size", "4"}});
  // 0 to 2.55 in steps of 0.01; 1.275 lies between two.
  ExpectRewrite(kQuantizeWeights, "in x:float32[1,4]; w = float32[4,1]{0,1,2.55,2}; y = MatMul(x, w); out y",
                "in x:float32[1,4]; w_quantized_const = quint8[4,1]{0,100,255,200}; "
                "w = Dequantize(w_quantized_const, 0.0, 2.55) {T=quint8, mode=\"MIN_FIRST\"}; y = MatMul(x, w); out y",
                lossy);
}

TEST(QuantizeWeights, KeepsTransformGraphsNames) {
  const Graph graph = Changed(kQuantizeWeights, kProduct);
  EXPECT_EQ(OpOf(graph, "w"), "Dequantize");
  EXPECT_EQ(OpOf(graph, "w_quantized_const"), "Const");
  EXPECT_EQ(OpOf(graph, "w_quantized_min"), "Const");
  EXPECT_EQ(OpOf(graph, "w_quantized_max"), "Const");
  EXPECT_EQ(ConstantCalled(graph, "w_quantized_const").dtype(), DType::kQUint8);
  EXPECT_EQ(OpOf(graph, "b"), "Const") << "32 elements are fewer than 1024";
  EXPECT_EQ(ConstantCalled(graph, "b").dtype(), DType::kFloat32);
}

TEST(QuantizeWeights, LosesAboutAPercent) {
  const double loss = LossOf(kQuantizeWeights, kProduct);
  EXPECT_GT(loss, 1e-4) << "nothing was quantised";
  EXPECT_LT(loss, 0.02);
}

TEST(QuantizeWeights, PutsZeroOnALevelAndKeepsEveryValueWithinHalfAStep) {
  for (const char* values : {"-1,0,3,0.5", "1,2,3,4", "-4,-3,-2,-1", "-0.001,5,0,2", "0,0,0,0", "7,7,7,7", "-2,-2,-2,-2"}) {
    SCOPED_TRACE(values);
    const Graph graph = Changed(kQuantizeWeights,
                            StrCat("in x:float32[4]; w = float32[4]{", values, "}; y = Mul(x, w); out y"),
                            With({{"minimum_size", "4"}}));
    const float low = ConstantCalled(graph, "w_quantized_min").Values<float>()[0];
    const float high = ConstantCalled(graph, "w_quantized_max").Values<float>()[0];
    const float step = (high - low) / 255;
    EXPECT_NEAR(std::round(low / step) * step, low, 1e-6 * std::abs(high - low)) << "zero is no level";
    const auto widened = Evaluate(graph, {{graph.inputs()[0], Tensor::Vector<float>({1, 1, 1, 1})}}, {graph.outputs()[0].value});
    ASSERT_TRUE(widened.ok()) << widened.status();
    const std::vector<float> got = (*widened)[0].Values<float>();
    const std::vector<float> want = ParseOrDie(StrCat("w = float32[4]{", values, "}; out w")).node(0).attr<Tensor>("value")->Values<float>();
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], want[i], step * 0.51F);
  }
}

TEST(QuantizeWeights, ChangesOnceAndOnlyWhatIsLarge) {
  RewriteOptions lossy;
  lossy.same_numbers = false;
  const PassContext told = ExpectNoRewrite(
      kQuantizeWeights, "in x:float32[2]; w = float32[2]{1,2}; y = Mul(x, w); out y", "no float32 constant is large", lossy);
  Graph graph = Changed(kQuantizeWeights, kProduct);
  const auto second = RunPass(kQuantizeWeights, graph);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->changed);
}

TEST(QuantizeWeights, LeavesIntegersOutputsAndWhatIsNotFinite) {
  RewriteOptions lossy;
  lossy.same_numbers = false;
  lossy.pass = With({{"minimum_size", "2"}});
  ExpectNoRewrite(kQuantizeWeights, "in x:int32[2]; w = int32[2]{1,2}; y = Mul(x, w); out y", "", lossy);
  ExpectNoRewrite(kQuantizeWeights, "in x:float32[2]; w = float32[2]{1,2}; y = Mul(x, w); out y, w", "", lossy);
  for (const char* value : {"inf", "nan", "-inf"}) {
    Graph graph = ParseOrDie("in x:float32[2]; y = Mul(x, x); out y");
    GraphEditor editor(graph);
    const float bad = static_cast<float>(std::atof(value));
    const NodeId w = editor.AddConst("w", Tensor::Vector<float>({1, bad}));
    editor.SetInput(*graph.Find("y"), 1, {w, 0});
    const auto run = RunPass(kQuantizeWeights, graph, lossy.pass);
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(OpOf(graph, "w"), "Const") << value;
    ASSERT_EQ(run->context.declined().size(), 1U);
    EXPECT_THAT(run->context.declined()[0].reason, HasSubstr("not finite"));
  }
}

TEST(QuantizeWeights, ServesEveryUserOfASharedConstant) {
  const Graph graph = Changed(kQuantizeWeights,
                          "in x:float32[2,64]; w = float32[64,32]~3; a = MatMul(x, w); b = MatMul(x, w); out a, b");
  EXPECT_EQ(graph.node(*graph.Find("a")).inputs[1], graph.node(*graph.Find("b")).inputs[1]);
  EXPECT_EQ(OpOf(graph, "w"), "Dequantize");
}

TEST(QuantizeWeights, GivesEachChannelItsOwnRangeWhenAsked) {
  Graph graph = ParseOrDie(kConv);
  ASSERT_TRUE(RunPass(kFoldConstants, graph).ok());
  const Graph exact = graph;
  Graph whole = graph;
  ASSERT_TRUE(RunPass(kQuantizeWeights, whole).ok());
  ASSERT_TRUE(RunPass(kQuantizeWeights, graph, With({{"per_channel", "true"}})).ok());
  ASSERT_TRUE(Verify(graph, Level::kFlat).ok());
  const auto of_whole = LargestError(exact, whole), of_channels = LargestError(exact, graph);
  ASSERT_TRUE(of_whole.ok() && of_channels.ok()) << of_whole.status() << of_channels.status();
  EXPECT_LT(*of_channels, 0.02);
  EXPECT_GT(*of_whole, 10 * *of_channels) << "the data do not show the difference";
  EXPECT_EQ(OpOf(graph, "c/quantize-weights"), "Mul");
  EXPECT_EQ(OpOf(graph, "y"), "Add") << "OpenCV takes Mul and Add of vectors as one layer";
}

TEST(QuantizeWeights, ScalesChannelsOfDepthwiseKernelsToo) {
  constexpr const char* kDepthwise =
      "in x:float32[1,6,5,64]; w = float32[3,3,64,2]~3; c = DepthwiseConv2dNative(x, w) {strides=[1,1,1,1], "
      "padding=\"SAME\", data_format=\"NHWC\"}; r = Relu(c); out r";
  const double loss = LossOf(kQuantizeWeights, kDepthwise, With({{"per_channel", "true"}}));
  EXPECT_GT(loss, 1e-5);
  EXPECT_LT(loss, 0.02);
}

TEST(QuantizeWeights, KeepsOneRangeWhereNothingCanBePutBehind) {
  // The convolution itself is an output.
  const Graph graph = Changed(kQuantizeWeights,
                          "in x:float32[1,6,5,32]; w = float32[3,3,32,32]~3; c = Conv2D(x, w) {strides=[1,1,1,1], "
                          "padding=\"SAME\", data_format=\"NHWC\"}; r = Relu(c); out r, c",
                          With({{"per_channel", "true"}}));
  EXPECT_EQ(OpOf(graph, "w"), "Dequantize");
  EXPECT_EQ(OpOf(graph, "c/quantize-weights"), "none");
}

TEST(QuantizeWeights, UnfoldsAgainWhenConstantsAreFolded) {
  Graph graph = Changed(kQuantizeWeights, kProduct);
  const Graph small = graph;
  ASSERT_TRUE(RunPass(kFoldConstants, graph).ok());
  EXPECT_EQ(OpOf(graph, "w"), "Const");
  EXPECT_EQ(ConstantCalled(graph, "w").dtype(), DType::kFloat32);
  ExpectSameNumbers(small, graph, 1e-6);
}

TEST(RoundWeights, GivesAConstantFewValues) {
  const Graph graph = Changed(kRoundWeights, kProduct, With({{"num_steps", "8"}}));
  const std::vector<float> values = ConstantCalled(graph, "w").Values<float>();
  EXPECT_EQ(std::set<float>(values.begin(), values.end()).size(), 8U);
  EXPECT_EQ(ConstantCalled(graph, "w").dtype(), DType::kFloat32);
  EXPECT_LT(LossOf(kRoundWeights, kProduct), 0.01);
  EXPECT_GT(LossOf(kRoundWeights, kProduct, With({{"num_steps", "8"}})), 0.01);
}

TEST(RoundWeights, TakesTheMiddleOfEachBucketFromTheLeastValueToTheLargest) {
  // Two buckets, 0 to 5 and 5 to 10; the largest value belongs to the last one.
  RewriteOptions lossy;
  lossy.same_numbers = false;
  lossy.pass = With({{"num_steps", "2"}});
  ExpectRewrite(kRoundWeights, "in x:float32[16]; y = Mul(x, float32[16]{0,1,2,3,4,4.5,4.9,5,6,7,8,9,10,10,0,5}); out y",
                "in x:float32[16]; y = Mul(x, float32[16]{2.5,2.5,2.5,2.5,2.5,2.5,2.5,7.5,7.5,7.5,7.5,7.5,7.5,7.5,2.5,7.5}); "
                "out y",
                lossy);
}

TEST(RoundWeights, LeavesFewElementsAndFewValues) {
  RewriteOptions options;
  ExpectNoRewrite(kRoundWeights, "in x:float32[15]; w = float32[15]~3; y = Mul(x, w); out y", "", options);
  ExpectNoRewrite(kRoundWeights, "in x:float32[64]; w = float32[64]{0.3}; y = Mul(x, w); out y", "", options);
}

TEST(HalfWeights, StoresAConstantInSixteenBits) {
  RewriteOptions lossy;
  lossy.same_numbers = false;
  lossy.pass = With({{"minimum_size", "2"}});
  ExpectRewrite(kHalfWeights, "in x:float32[1,2]; w = float32[2,1]{0.5,3}; y = MatMul(x, w); out y",
                "in x:float32[1,2]; w_half = half[2,1]{0.5,3}; w = Cast(w_half) {DstT=float32, SrcT=half}; y = MatMul(x, w); "
                "out y",
                lossy);
  const double loss = LossOf(kHalfWeights, kProduct);
  EXPECT_GT(loss, 1e-6) << "nothing was rounded";
  EXPECT_LT(loss, 1e-3);
}

TEST(HalfWeights, LeavesValuesThatHalfCannotExpress) {
  RewriteOptions lossy;
  lossy.pass = With({{"minimum_size", "2"}});
  ExpectNoRewrite(kHalfWeights, "in x:float32[2]; w = float32[2]{1,70000}; y = Mul(x, w); out y", "half cannot express", lossy);
}

TEST(HalfWeights, TellWhatTheySavedAndLost) {
  Graph graph = ParseOrDie(kProduct);
  const auto run = RunPass(kHalfWeights, graph);
  ASSERT_TRUE(run.ok());
  EXPECT_THAT(run->context.notes(), Contains(HasSubstr("1 constant, 8192 -> 4096 bytes; largest rounding error 0.0")));
}

}  // namespace
}  // namespace permafrost
