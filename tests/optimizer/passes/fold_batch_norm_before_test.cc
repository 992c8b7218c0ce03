// Norms that come before the op that absorbs them.
#include "tests/optimizer/passes/norm_testing.h"

namespace permafrost {
namespace {

PassContext ExpectFold(std::string_view before, std::string_view after) {
  return ExpectRewrite(kFoldBatchNorm, before, after);
}
PassContext ExpectLeft(std::string_view text, std::string_view reason) {
  return ExpectNoRewrite(kFoldBatchNorm, text, reason);
}

TEST(FoldBatchNormBefore, SumsTheShiftOverTheTapsIntoTheBias) {
  ExpectFold(
      "in x:float32[1,4,4,1]; s = Mul(x, 2); a = Add(s, 3); "
      "y = Conv2D(a, float32[2,2,1,1]{1,2,3,4}) {strides=[1,1,1,1], padding=\"VALID\"}; out y",
      "in x:float32[1,4,4,1]; y = Conv2D(x, float32[2,2,1,1]{2,4,6,8}) {strides=[1,1,1,1], padding=\"VALID\"}; "
      "a/fold-batch-norm = BiasAdd(y, float32[1]{30}); out y=a/fold-batch-norm");
}

struct Case {
  std::string_view name, text, ops;
};
const Case kFolds[] = {
    {"Conv2D",
     "in x:float32[2,5,5,3]; w = float32[3,3,3,4]~7; "
     "n = FusedBatchNormV3(x, float32[3]{1.5,-0.75,2}, float32[3]{0.5,-1,0.25}, float32[3]{1,-2,0.5}, "
     "float32[3]{0.25,4,2}) {is_training=false, epsilon=0.001}; "
     "y = Conv2D(n, w) {strides=[1,2,2,1], padding=\"VALID\"}; out y",
     "Conv2D BiasAdd"},
    {"Conv2DNchw",
     "in x:float32[2,3,5,5]; w = float32[3,3,3,4]~7; "
     "n = FusedBatchNorm(x, float32[3]{1.5,-0.75,2}, float32[3]{0.5,-1,0.25}, float32[3]{1,-2,0.5}, "
     "float32[3]{0.25,4,2}) {is_training=false, epsilon=0.001, data_format=\"NCHW\"}; "
     "y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"VALID\", data_format=\"NCHW\"}; out y",
     "Conv2D BiasAdd"},
    {"Conv2DWithGroups",
     "in x:float32[2,5,5,6]; w = float32[3,3,2,9]~7; a = Mul(x, float32[6]{1.5,-0.75,2,0.5,3,-2}); "
     "n = Add(a, float32[6]{1,2,3,-4,5,6}); y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"VALID\"}; out y",
     "Conv2D BiasAdd"},
    {"Depthwise",
     "in x:float32[2,5,5,3]; w = float32[3,3,3,2]~7; a = Sub(x, float32[3]{1,2,3}); "
     "n = RealDiv(a, float32[3]{2,-4,5}); "
     "y = DepthwiseConv2dNative(n, w) {strides=[1,1,1,1], padding=\"VALID\"}; out y",
     "DepthwiseConv2dNative BiasAdd"},
    {"Conv3D",
     "in x:float32[2,4,4,4,2]; w = float32[2,2,2,2,4]~7; a = Mul(x, float32[2]{3,-2}); n = Sub(float32[2]{1,2}, a); "
     "y = Conv3D(n, w) {strides=[1,1,1,1,1], padding=\"VALID\"}; out y",
     "Conv3D BiasAdd"},
    {"MatMul",
     "in x:float32[3,5]; w = float32[5,4]~7; a = Mul(x, float32[5]{1,-2,3,0.5,2}); n = Add(a, float32[5]{1,2,3,4,5}); "
     "y = MatMul(n, w); out y",
     "MatMul BiasAdd"},
    {"MatMulTransposed",
     "in x:float32[5,3]; w = float32[4,5]~7; a = Mul(x, float32[5,1]{1,-2,3,0.5,2}); "
     "n = Add(a, float32[5,1]{1,2,3,4,5}); y = MatMul(n, w) {transpose_a=true, transpose_b=true}; out y",
     "MatMul BiasAdd"},
    {"ExplicitPaddingOfNothing",
     "in x:float32[2,5,5,3]; w = float32[3,3,3,4]~7; a = Mul(x, 2); n = Add(a, 3); "
     "y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"EXPLICIT\", explicit_paddings=[0,0,0,0,0,0,0,0]}; out y",
     "Conv2D BiasAdd"},
    {"OneTapNeedsNoPadding",
     "in x:float32[2,5,5,3]; w = float32[1,1,3,4]~7; a = Mul(x, 2); n = Add(a, 3); "
     "y = Conv2D(n, w) {strides=[1,2,2,1], padding=\"SAME\"}; out y",
     "Conv2D BiasAdd"},
    {"ScaleAloneAnyPadding",
     "in x:float32[2,5,5,3]; w = float32[3,3,3,4]~7; n = Mul(x, float32[3]{2,-3,0.5}); "
     "y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"SAME\"}; out y",
     "Conv2D"},
    {"ScaleAloneTransposed",
     "in x:float32[2,3,3,3]; w = float32[3,3,4,3]~7; n = Mul(x, float32[3]{2,-3,0.5}); "
     "y = Conv2DBackpropInput(int32[4]{2,6,6,4}, w, n) {strides=[1,2,2,1], padding=\"SAME\"}; out y",
     "Conv2DBackpropInput"},
    {"NumbersNeedNoChannelCount",
     "in x:float32[2,5,5,?]; w = float32[3,3,2,4]~7; a = Sub(x, 0.5); n = Mul(a, 3); "
     "y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"VALID\"}; out y",
     "Conv2D BiasAdd"},
    {"OneBiasForNormsOnBothSides",
     "in x:float32[2,5,5,3]; w = float32[3,3,3,4]~7; a = Mul(x, float32[3]{2,-3,0.5}); n = Add(a, float32[3]{1,2,3}); "
     "c = Conv2D(n, w) {strides=[1,1,1,1], padding=\"VALID\"}; b = BiasAdd(c, float32[4]{1,2,3,4}); "
     "y = Mul(b, float32[4]{2,-1,3,0.5}); out y",
     "Conv2D BiasAdd"},
    {"BetweenTwoConvolutionsGoesToTheFirst",
     "in x:float32[2,5,5,3]; v = float32[3,3,3,2]~8; w = float32[3,3,2,4]~7; "
     "c = Conv2D(x, v) {strides=[1,1,1,1], padding=\"SAME\"}; a = Mul(c, float32[2]{2,-3}); "
     "n = Add(a, float32[2]{1,2}); y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"VALID\"}; out y",
     "Conv2D BiasAdd Conv2D"},
    {"TheFirstCannotTakeItSoTheSecondDoes",
     "in x:float32[2,5,5,3]; v = float32[3,3,3,2]~8; w = float32[3,3,2,4]~7; "
     "c = Conv2D(x, v) {strides=[1,1,1,1], padding=\"SAME\"}; a = Mul(c, float32[2]{2,-3}); "
     "n = Add(a, float32[2]{1,2}); y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"VALID\"}; out y, c",
     "Conv2D Conv2D BiasAdd"},
    {"ResultWithSeveralUsers",
     "in x:float32[3,5]; w = float32[5,4]~7; n = Add(x, float32[5]{1,2,3,4,5}); m = MatMul(n, w); r = Relu(m); "
     "y = Mul(m, r); out y, m",
     "MatMul BiasAdd Relu Mul"},
};

class NormBefore : public ::testing::TestWithParam<Case> {};
TEST_P(NormBefore, GoesIntoTheWeightsAfterIt) { ExpectFolds(GetParam().text, GetParam().ops); }
INSTANTIATE_TEST_SUITE_P(FoldBatchNorm, NormBefore, ::testing::ValuesIn(kFolds),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(FoldBatchNormBefore, KeepsAShiftThatPaddingWouldMiss) {
  ExpectLeft(
      "in x:float32[1,4,4,1]; s = Mul(x, 2); a = Add(s, 3); "
      "y = Conv2D(a, float32[2,2,1,1]{1,2,3,4}) {strides=[1,1,1,1], padding=\"SAME\"}; out y",
      "a: its shift would miss the zeros");
  ExpectLeft(
      "in x:float32[1,4,4,1]; s = Mul(x, 2); a = Add(s, 3); y = Conv2D(a, float32[2,2,1,1]{1,2,3,4}) "
      "{strides=[1,1,1,1], padding=\"EXPLICIT\", explicit_paddings=[0,0,0,1,0,0,0,0]}; out y",
      "a: its shift would miss the zeros");
}

TEST(FoldBatchNormBefore, WritesANormThatPaddingKeepsInItsCheapestForm) {
  ExpectFold(
      "in x:float32[1,4,4,1]; n = FusedBatchNorm(x, float32[1]{2}, float32[1]{3}, float32[1]{0}, float32[1]{1}) "
      "{is_training=false, epsilon=0.0}; "
      "y = Conv2D(n, float32[2,2,1,1]{1,2,3,4}) {strides=[1,1,1,1], padding=\"SAME\"}; out y",
      "in x:float32[1,4,4,1]; "
      "y = Conv2D(n/fold-batch-norm, float32[2,2,1,1]{1,2,3,4}) {strides=[1,1,1,1], padding=\"SAME\"}; "
      "n/mul/fold-batch-norm = Mul(x, 2); n/fold-batch-norm = Add(n/mul/fold-batch-norm, 3); out y");
}

TEST(FoldBatchNormBefore, KeepsAShiftBeforeATransposedConvolution) {
  ExpectLeft(
      "in x:float32[1,2,2,1]; a = Add(x, 3); y = Conv2DBackpropInput(int32[4]{1,5,5,1}, "
      "float32[3,3,1,1]{1,2,3,4,5,6,7,8,9}, "
      "a) {strides=[1,2,2,1], padding=\"VALID\"}; out y",
      "a: its shift cannot be a bias");
}

TEST(FoldBatchNormBefore, KeepsANormThatOthersUse) {
  ExpectLeft("in x:float32[3,2]; s = Mul(x, 2); a = Add(s, 3); y = MatMul(a, float32[2,2]{1,2,3,4}); out y, a", "");
}

TEST(FoldBatchNormBefore, KeepsANormAlongAnotherAxis) {
  ExpectLeft("in x:float32[2,2]; a = Mul(x, float32[2,1]{2,3}); y = MatMul(a, float32[2,2]{1,2,3,4}); out y",
             "a: it runs along another axis");
}

TEST(FoldBatchNormBefore, LeavesTheBiasOfTheOpBeforeAlone) {
  ExpectLeft(
      "in x:float32[3,2]; m = MatMul(x, float32[2,2]{1,2,3,4}); b = BiasAdd(m, float32[2]{1,2}); "
      "y = MatMul(b, float32[2,2]{5,6,7,8}); out y",
      "");
}

}  // namespace
}  // namespace permafrost
