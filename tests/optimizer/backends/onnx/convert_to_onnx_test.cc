#include "optimizer/backends/onnx/convert_to_onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/backends/onnx/op_table.h"
#include "optimizer/ops/op.h"
#include "tests/support/graph_testing.h"
#include "tests/support/onnx_testing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

StatusOr<OnnxModel> Convert(std::string_view text, const OnnxOptions& options = {}) {
  std::vector<OnnxRefusal> refused;
  return ConvertToOnnx(ParseOrDie(text), options, refused);
}

std::string Ops(std::string_view text, const OnnxOptions& options = {}) { return Ops(Convert(text, options)); }

const OnnxNode* FindNode(const OnnxGraph& graph, std::string_view op) {
  for (const OnnxNode& node : graph.nodes) {
    if (node.op == op) return &node;
  }
  return nullptr;
}

constexpr char kNet[] = R"(
  in x:float32[?,8,8,3]; k = float32[3,3,3,4]~1; b = float32[4]{1,2,3,4}; d = float32[3,3,4,1]~2;
  c = Conv2D(x, k) {strides=[1,2,2,1], padding="SAME", data_format="NHWC"}; a = BiasAdd(c, b); r = Relu6(a);
  e = DepthwiseConv2dNative(r, d) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"};
  p = MaxPool(e) {ksize=[1,2,2,1], strides=[1,1,1,1], padding="VALID", data_format="NHWC"};
  s = int32[2]{-1,4}; f = Reshape(p, s); w = float32[4,5]~3; v = float32[5]~4;
  m = MatMul(f, w); l = BiasAdd(m, v); y = Softmax(l); out y)";

TEST(ConvertToOnnx, WritesAPureNetWithoutATranspose) {
  EXPECT_EQ(Ops(kNet), "Conv Clip Conv MaxPool Reshape Gemm Softmax");
}

TEST(ConvertToOnnx, KeepsTensorFlowsAxesOfInputsWhenAsked) {
  OnnxOptions options;
  options.channels_first = false;
  EXPECT_EQ(Ops(kNet, options), "Transpose Conv Clip Conv MaxPool Reshape Gemm Softmax");
}

TEST(ConvertToOnnx, DescribesInputsAsTheyLie) {
  const auto model = Convert(kNet);
  ASSERT_TRUE(model.ok()) << model.status();
  const OnnxValue& input = model->graph.value(model->graph.inputs[0]);
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(input.shape, Shape({kUnknownDim, 3, 8, 8}));
  EXPECT_EQ(model->graph.value(model->graph.outputs[0]).name, "y");
  EXPECT_THAT(model->input_orders, ElementsAre(ElementsAre(0, 3, 1, 2)));
}

TEST(ConvertToOnnx, SpellsOutThePadsOfSame) {
  const auto model = Convert(kNet);
  ASSERT_TRUE(model.ok()) << model.status();
  const OnnxNode* conv = FindNode(model->graph, "Conv");
  ASSERT_NE(conv, nullptr);
  EXPECT_EQ(AttrOr(conv->attrs, "pads", std::vector<int64_t>{}), (std::vector<int64_t>{0, 0, 1, 1}));
  EXPECT_EQ(conv->inputs.size(), 3U) << "the bias is the convolution's own";
}

TEST(ConvertToOnnx, TurnsTheWeightsBehindAFlattenInsteadOfTheData) {
  constexpr char kFlatten[] = R"(in x:float32[1,4,4,2]; k = float32[1,1,2,3]~1;
    c = Conv2D(x, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"};
    s = int32[2]{1,48}; f = Reshape(c, s); r = Relu(f); w = float32[48,5]~3; y = MatMul(r, w); out y)";
  EXPECT_EQ(Ops(kFlatten), "Conv Reshape Relu MatMul");
  constexpr char kSeen[] = R"(in x:float32[1,4,4,2]; k = float32[1,1,2,3]~1;
    c = Conv2D(x, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"};
    s = int32[2]{1,48}; y = Reshape(c, s); out y)";
  EXPECT_EQ(Ops(kSeen), "Conv Transpose Reshape") << "an output has TensorFlow's order";
}

TEST(ConvertToOnnx, CancelsTransposesOfTheGraphItself) {
  EXPECT_EQ(Ops(R"(in x:float32[1,4,4,2]; k = float32[1,1,2,3]~1; i = int32[4]{0,3,1,2}; j = int32[4]{0,2,3,1};
    a = Transpose(x, i); b = Relu(a); d = Transpose(b, j);
    y = Conv2D(d, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"}; out y)"),
            "Relu Conv");
}

TEST(ConvertToOnnx, TakesThePaddingBeforeAConvolutionIntoIt) {
  const auto model = Convert(R"(in x:float32[1,4,4,2]; k = float32[3,3,2,3]~1; q = int32[4,2]{0,0,1,2,3,4,0,0};
    p = Pad(x, q); y = Conv2D(p, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"}; out y)");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.nodes.size(), 1U);
  EXPECT_EQ(AttrOr(model->graph.nodes[0].attrs, "pads", std::vector<int64_t>{}), (std::vector<int64_t>{1, 3, 2, 4}));
}

TEST(ConvertToOnnx, TakesThePaddingBeforeAMaximumIntoItWhereNothingIsNegative) {
  constexpr char kText[] = R"(in x:float32[1,4,4,2]; q = int32[4,2]{0,0,1,1,1,1,0,0}; r = %s(x); p = Pad(r, q);
    y = MaxPool(p) {ksize=[1,3,3,1], strides=[1,2,2,1], padding="VALID", data_format="NHWC"}; out y)";
  const auto with = [&](const std::string& op) {
    std::string text = kText;
    return text.replace(text.find("%s"), 2, op);
  };
  EXPECT_EQ(Ops(with("Relu")), "Relu MaxPool");
  EXPECT_EQ(Ops(with("Neg")), "Neg Pad MaxPool");
}

TEST(ConvertToOnnx, RaisesTheOpsetWhereAnOpNeedsIt) {
  constexpr char kText[] = R"(in x:float32[1,4,4,2]; s = int32[2]{8,8};
    r = ResizeBilinear(x, s) {half_pixel_centers=true}; y = Relu6(r); out y)";
  const auto model = Convert(kText);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.opset, 11);
  const OnnxNode* clip = FindNode(model->graph, "Clip");
  ASSERT_NE(clip, nullptr);
  EXPECT_EQ(clip->inputs.size(), 3U) << "bounds are inputs from opset 11 on";
  OnnxOptions options;
  options.may_raise = false;
  EXPECT_THAT(Ops(kText, options), HasSubstr("--opset 11"));
}

TEST(ConvertToOnnx, RepeatsOnePixelInsteadOfInterpolatingIt) {
  const auto model = Convert(R"(in x:float32[1,1,1,2]; k = float32[1,1,2,3]~1; s = int32[2]{4,5};
    c = Conv2D(x, k) {strides=[1,1,1,1], padding="VALID", data_format="NHWC"};
    y = ResizeBilinear(c, s) {align_corners=true}; out y)");
  ASSERT_TRUE(model.ok()) << model.status();
  const OnnxNode* resize = FindNode(model->graph, "Resize");
  ASSERT_NE(resize, nullptr);
  EXPECT_EQ(AttrOr(resize->attrs, "mode", std::string()), "nearest");
}

TEST(ConvertToOnnx, GivesOldOpenCvConstantsFromTheSecondAxisOn) {
  const auto model = Convert("in x:float32[2,3,4]; c = float32[4]{1,2,3,4}; y = Mul(x, c); out y");
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<int> constants = model->graph.Constants();
  ASSERT_EQ(constants.size(), 1U);
  EXPECT_EQ(model->graph.value(constants[0]).constant.dims(), (std::vector<int64_t>{3, 4}));
  EXPECT_THAT(model->graph.value(constants[0]).constant.Values<float>(),
              ElementsAre(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4));
}

TEST(ConvertToOnnx, GivesOldOpenCvProductsWithAConstantOfEachSampleAsLiveOnes) {
  OnnxOptions old;
  old.runtime = {OnnxRuntime::Kind::kOpenCv, 40600};
  EXPECT_EQ(Ops("in x:float32[2,3]; r = Relu(x); y = Mul(r, float32[2,3]~1); out y", old), "Relu Mul Add Mul");
  EXPECT_EQ(Ops("in x:float32[2,3]; r = Relu(x); y = Mul(r, float32[1,3]~1); out y", old), "Relu Mul");
  const auto sum = Convert("in x:float32[2,3]; r = Relu(x); y = Sub(r, float32[2,1]~1); out y", old);
  ASSERT_EQ(Ops(sum), "Relu Sub");
  EXPECT_EQ(sum->graph.value(sum->graph.Constants()[0]).constant.dims(), (std::vector<int64_t>{2, 3}));
}

TEST(ConvertToOnnx, GivesOpenCvFrom48OnValuesOfOneAxisAsRowsWhereANumberMeetsThem) {
  const std::string row = "in x:float32[3,4]; a = int32[]{0}; s = Unpack(x) {num=3, axis=0}; ";
  const auto ops = [&](const std::string& rest, int version) {
    OnnxOptions options;
    options.runtime = {OnnxRuntime::Kind::kOpenCv, version};
    return Ops(row + rest, options);
  };
  EXPECT_THAT(ops("y = Sub(s:1, 0.25); out y", 41400), HasSubstr("Reshape Sub Reshape"));
  EXPECT_THAT(ops("y = Log1p(s:1); out y", 41400), HasSubstr("Reshape Add Log Reshape"));
  EXPECT_THAT(ops("y = Sub(s:1, 0.25); out y", 50000), Not(HasSubstr("Reshape")));
  EXPECT_THAT(ops("y = Sub(s:1, s:2); out y", 41400), Not(HasSubstr("Reshape")));
  EXPECT_THAT(Ops(row + "y = Sub(s:1, 0.25); out y"), HasSubstr("Reshape Sub Reshape")) << "without a target";
}

TEST(ConvertToOnnx, GivesOpenCv4NoConstantAsOutput) {
  OnnxOptions options;
  options.runtime = {OnnxRuntime::Kind::kOpenCv, 41400};
  EXPECT_EQ(Ops("in x:float32[2,3]; y = ZerosLike(x); out y", options), "Mul");
  options.runtime.opencv_version = 50000;
  EXPECT_EQ(Ops("in x:float32[2,3]; y = ZerosLike(x); out y", options).find("Mul"), std::string::npos);
}

TEST(ConvertToOnnx, GivesEachQuotientItsOwnConstants) {
  const std::string text = "in x:float32[2,3]; c = float32[3]{1,2,3}; a = RealDiv(x, c); b = Mul(x, c); y = Sub(a, b); out y";
  const auto model = Convert(text);
  ASSERT_EQ(Ops(model), "Div Mul Sub");
  EXPECT_EQ(model->graph.Constants().size(), 2U) << "OpenCV 4.6 spoils what it divides by";
  OnnxOptions options;
  options.runtime = {OnnxRuntime::Kind::kOpenCv, 41000};
  EXPECT_EQ(Convert(text, options)->graph.Constants().size(), 1U);
}

TEST(ConvertToOnnx, MakesOneHotRowsThatAreEmptyForNegativePlaces) {
  OnnxOptions options;
  options.opset = 14;
  options.runtime = {OnnxRuntime::Kind::kOnnxRuntime, 0};
  const std::string row = "d = int32[]{4}; h = OneHot(i, d, 2.0, 0.5) {axis=0}; out h";
  EXPECT_EQ(Ops("in i:int32[5]; " + row, options), "Cast Reshape Equal Cast Mul Add") << "ONNX counts them from the end";
  EXPECT_EQ(Ops("in x:float32[5,4]; a = int32[]{1}; i = ArgMax(x, a) {output_type=int32}; " + row, options), "ArgMax OneHot");
}

TEST(ConvertToOnnx, LeavesOutPartsWithoutElementsThatNobodyUses) {
  const std::string text = "in x:float32[2,6]; a = int32[]{1}; s = int32[3]{3,3,-1}; p = SplitV(x, s, a) {num_split=3}; ";
  const auto model = Convert(text + "y = Sub(p, p:1); out y");
  ASSERT_EQ(Ops(model), "Split Sub");
  EXPECT_EQ(AttrOr(model->graph.nodes[0].attrs, "split", std::vector<int64_t>{}), (std::vector<int64_t>{3, 3}));
  const auto used = Convert(text + "y = Sub(p, p:1); z = Neg(p:2); out y, z");
  ASSERT_TRUE(used.ok()) << used.status();
  EXPECT_EQ(FindNode(used->graph, "Split")->outputs.size(), 3U);
}

TEST(ConvertToOnnx, GivesEachJoinItsOwnConstants) {
  EXPECT_EQ(Ops("in x:float32[2,3]; c = float32[2,1]{1,2}; i = int32[]{1}; a = ConcatV2(x, c, i); b = ConcatV2(c, x, i); "
                "y = Add(a, b); "
                "out y"),
            "Concat Concat Add");
  const auto model = Convert(
      "in x:float32[2,3]; c = float32[2,1]{1,2}; i = int32[]{1}; a = ConcatV2(x, c, i); b = ConcatV2(c, x, i); "
      "y = Add(a, b); out y");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->graph.Constants().size(), 2U);
}

TEST(ConvertToOnnx, MirrorsWithTheEdgeByGathering) {
  constexpr char kText[] =
      R"(in x:float32[2,5]; p = int32[2,2]{0,0,2,1}; y = MirrorPad(x, p) {mode="SYMMETRIC"}; out y)";
  const auto model = Convert(kText);
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(Ops(kText), "Gather");
  const std::vector<int> constants = model->graph.Constants();
  ASSERT_EQ(constants.size(), 1U);
  EXPECT_THAT(model->graph.value(constants[0]).constant.Values<int64_t>(), ElementsAre(1, 0, 0, 1, 2, 3, 4, 4));
  OnnxOptions old;
  old.runtime = {OnnxRuntime::Kind::kOpenCv, 40600};
  EXPECT_EQ(Ops(kText, old), "Slice Slice Slice Slice Concat") << "it takes one element at a time";
}

TEST(ConvertToOnnx, SpreadsTheFilterOfADilatedDeconvolution) {
  const auto model = Convert(R"(in x:float32[1,4,4,2]; k = float32[2,2,3,2]~1; s = int32[4]{1,6,6,3};
    y = Conv2DBackpropInput(s, k, x) {strides=[1,1,1,1], padding="VALID", dilations=[1,2,2,1], data_format="NHWC"}; out y)");
  ASSERT_TRUE(model.ok()) << model.status();
  const OnnxNode* node = FindNode(model->graph, "ConvTranspose");
  ASSERT_NE(node, nullptr);
  EXPECT_FALSE(node->attrs.contains("dilations"));
  EXPECT_EQ(AttrOr(node->attrs, "kernel_shape", std::vector<int64_t>{}), (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(model->graph.value(node->inputs[1]).constant.dims(), (std::vector<int64_t>{2, 3, 3, 3}));
}

// The constant is not spread over them.
TEST(ConvertToOnnx, WritesAConstantBesideDataOfMoreElementsThanCanBeCounted) {
  EXPECT_EQ(Ops("in x:float32[1,4611686018427387904,2]; c = float32[1,1,2]{1,2}; y = Mul(x, c); out y"), "Mul");
}

TEST(ConvertToOnnx, SaysFakeQuantInLevelsForOnnxRuntime) {
  constexpr char kText[] = "in x:float32[2,3]; y = FakeQuantWithMinMaxArgs(x) {min=-1.0, max=3.0, num_bits=8}; out y";
  OnnxOptions options;
  options.runtime.kind = OnnxRuntime::Kind::kOnnxRuntime;
  EXPECT_EQ(Ops(kText, options), "QuantizeLinear DequantizeLinear");
  options.runtime.kind = OnnxRuntime::Kind::kTensorRt;
  EXPECT_EQ(Ops(kText, options).find("QuantizeLinear"), std::string::npos) << "it takes symmetric ranges only";
  EXPECT_EQ(Ops(kText).find("QuantizeLinear"), std::string::npos);
}

TEST(ConvertToOnnx, GivesEveryOutputItsName) {
  const auto model = Convert("in x:float32[2,3]; r = Relu(x); out r, again=r, same=x");
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> names;
  for (int id : model->graph.outputs) names.push_back(model->graph.value(id).name);
  EXPECT_THAT(names, ElementsAre("r", "again", "same"));
  EXPECT_EQ(model->graph.nodes.size(), 3U) << "Relu and an Identity for each of the others";
}

// Any other number is written without axes.
TEST(ConvertToOnnx, KeepsTheAxesOfANumberThatGivesTheResultIts) {
  const auto written = [](std::string_view text, std::string_view op, size_t input) {
    const auto model = Convert(text);
    const OnnxNode* node = model.ok() ? FindNode(model->graph, op) : nullptr;
    if (node == nullptr || !model->graph.IsConstant(node->inputs[input])) return std::string("none");
    return model->graph.value(node->inputs[input]).constant.shape().ToString();
  };
  EXPECT_EQ(written("in x:float32[3]; k = float32[1,1]{2}; y = AddV2(x, k); out y", "Add", 1), "[1,1]");
  EXPECT_EQ(written("in x:float32[2,3]; k = float32[1,1]{2}; y = AddV2(x, k); out y", "Add", 1), "[]");
  EXPECT_EQ(written("in x:float32[3], c:bool[3]; k = float32[1,1]{2}; y = SelectV2(c, x, k); out y", "Where", 2), "[1,1]");
}

TEST(ConvertToOnnx, SharesEqualConstants) {
  const auto model = Convert("in x:float32[2,3]; a = Add(x, 2.0); b = Mul(a, 2.0); y = Sub(b, 2.0); out y");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.Constants().size(), 1U);
}

TEST(ConvertToOnnx, NamesTheNodeThatItCannotSay) {
  std::vector<OnnxRefusal> refused;
  const auto model = ConvertToOnnx(ParseOrDie("in x:float32[2,3]; y = Strange(x); out y"), {}, refused);
  EXPECT_FALSE(model.ok());
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].node, "y");
  EXPECT_THAT(Message(model.status()), HasSubstr("Strange"));
}

TEST(OnnxOps, AreOpsThatWeKnowEachOnce) {
  const std::vector<OnnxOp>& ops = AllOnnxOps();
  for (size_t i = 0; i < ops.size(); ++i) {
    EXPECT_NE(FindOp(ops[i].op), nullptr) << ops[i].op;
    EXPECT_EQ(FindOnnxOp(ops[i].op), &ops[i]) << ops[i].op << " has two rows";
  }
}

TEST(ConvertToOnnx, WritesOnnxsOwnOpsWhereTheyAreTaken) {
  constexpr char kText[] = "in x:float32[1,2,4,4], g:float32[1,3,3,2]; y = onnx::GridSample(x, g) {mode=\"linear\"}; out y";
  OnnxOptions options;
  options.runtime = {OnnxRuntime::Kind::kOnnxRuntime, 0};
  const auto model = Convert(kText, options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.opset, 16);
  const OnnxNode* node = FindNode(model->graph, "GridSample");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(AttrOr(node->attrs, "mode", std::string()), "bilinear") << "as it was called before opset 20";
  options.runtime = {OnnxRuntime::Kind::kOpenCv, 41000};
  EXPECT_THAT(Ops(kText, options), HasSubstr("does not take GridSample"));
}

TEST(ConvertToOnnx, ChoosesAmongBoxesOfAllClassesWithOneSuppression) {
  const auto text = [](const std::string& boxes, const std::string& scores, const std::string& end) {
    return "in b:float32[" + boxes + "], s:float32[" + scores + "]; "
           "n = CombinedNonMaxSuppression(b, s, int32[]{5}, int32[]{8}, 0.5, 0.2) {clip_boxes=false}; " + end;
  };
  OnnxOptions options;
  options.opset = 17;
  EXPECT_EQ(Ops(text("1,9,1,4", "1,9,3", "out p=n:1"), options),
            "Transpose Reshape NonMaxSuppression Concat Concat GatherND Concat TopK Unsqueeze") << "something is always gathered";
  const auto model = Convert(text("1,9,1,4", "1,9,3", "out n, p=n:1, q=n:2, r=n:3"), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.outputs.size(), 4U);
  EXPECT_THAT(Ops(text("2,9,1,4", "2,9,3", "out n"), options), HasSubstr("a batch of pictures"));
  EXPECT_EQ(Ops(text("1,9,3,4", "1,9,3", "out p=n:1"), options),
            "Transpose Reshape Transpose Reshape NonMaxSuppression Concat Concat GatherND Concat TopK Unsqueeze") << "a class is a picture of ONNX's";
  EXPECT_THAT(Ops(text("1,9,2,4", "1,9,3", "out n"), options), HasSubstr("boxes of 2 of 3 classes"));
  EXPECT_THAT(Ops(text("1,?,1,4", "1,?,3", "out n"), options), HasSubstr("is not known"));
}

TEST(ConvertToOnnx, CutsOutBoxesAtTensorFlowsOwnSamples) {
  const auto text = [](const std::string& x, const std::string& size, const std::string& attrs) {
    return "in x:float32[" + x + "], b:float32[5,4]; y = CropAndResize(x, b, int32[5]{0,0,1,0,0}, int32[2]{" + size + "})" + attrs + "; out y";
  };
  OnnxOptions options;
  const auto model = Convert(text("2,8,8,3", "4,5", " {extrapolation_value=7.0}"), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.opset, 16) << "the first RoiAlign that leaves small boxes as they are";
  const OnnxNode* node = FindNode(model->graph, "RoiAlign");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(std::get<int64_t>(node->attrs.at("output_height")), 4);
  EXPECT_EQ(std::get<int64_t>(node->attrs.at("output_width")), 5);
  EXPECT_EQ(std::get<int64_t>(node->attrs.at("sampling_ratio")), 1);
  EXPECT_NE(FindNode(model->graph, "Where"), nullptr) << "samples beyond the picture";
  EXPECT_THAT(Ops(text("2,8,8,3", "4,5", " {method=\"nearest\"}"), options), HasSubstr("the nearest pixel"));
  EXPECT_THAT(Ops(text("2,?,8,3", "4,5", ""), options), HasSubstr("expected a known height and width"));
  options.runtime = {OnnxRuntime::Kind::kOpenCv, 40600};
  EXPECT_THAT(Ops(text("2,8,8,3", "4,5", ""), options), HasSubstr("does not take RoiAlign; --target onnxruntime"));
}

}  // namespace
}  // namespace permafrost
