#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ir/text.h"
#include "tests/support/graph_testing.h"

// Before and after as text, with the reference kernels' numbers; that OpenCV takes the result is
// tests/runner/legalized_arithmetic_test.cc's to show.
namespace permafrost {
namespace {

TEST(LegalizeFunctions, AddsWhatAFunctionLacks) {
  ExpectRewrite(kLegalizeFunctions, "in x:float32[2,4]; y = Expm1(x); out y",
                "in x:float32[2,4]; y/opencv = Exp(x); y/opencv_1 = Add(y/opencv, -1.0); out y=y/opencv_1");
}

TEST(LegalizeFunctions, CutsWhatATangentIsTakenOfWhereItIsOneAnyway) {
  ExpectRewrite(kLegalizeFunctions, "in x:float32[2,4]; y = Tanh(x); out y",
                "in x:float32[2,4]; y = Tanh(y/opencv); y/opencv = ClipByValue(x, -10.0, 10.0); out y");
  ExpectNoRewrite(kLegalizeFunctions, "in x:float32[2,4]; c = ClipByValue(x, -10.0, 10.0); y = Tanh(c); out y", "");
}

TEST(LegalizeFunctions, TakesWholePowersForProducts) {
  ExpectRewrite(kLegalizeFunctions, "in x:float32[2,4]; y = Pow(x, 3.0); out y",
                "in x:float32[2,4]; y/opencv = Square(x); y/opencv_1 = Mul(y/opencv, x); out y=y/opencv_1");
}

TEST(LegalizeFunctions, DividesExactlyBeforeItRoundsDown) {
  ExpectRewrite(kLegalizeFunctions, "in x:float32[2,4]; y = FloorDiv(x, 0.5); out y",
                "in x:float32[2,4]; y/opencv = ClipByValue(x, 0.5, 0.5); y/opencv_1 = RealDiv(x, y/opencv); "
                "y/opencv_2 = Floor(y/opencv_1); out y=y/opencv_2");
}

TEST(LegalizeFunctions, LeavesAPowerOfWhatMayBeNegative) {
  ExpectNoRewrite(kLegalizeFunctions, "in x:float32[2,2]; y = Pow(x, float32[2]{2,0.5}); out y", "");
}

TEST(LegalizeFunctions, LeavesAPowerOfTwoLiveValues) {
  ExpectNoRewrite(kLegalizeFunctions, "in x:float32[2,2]; in z:float32[2,2]; y = Pow(x, z); out y", "");
}

TEST(LegalizeSelections, MultipliesByAMask) {
  ExpectRewrite(kLegalizeSelections,
                "in x:float32[2,4]; g = Greater(x, 0.0); c = Cast(g) {SrcT=bool, DstT=float32}; y = Mul(x, c); out y",
                "in x:float32[2,4]; y = Mul(x, c/opencv_1); c/opencv = Mul(x, 1.2676506e+30); "
                "c/opencv_1 = ClipByValue(c/opencv, 0.0, 1.0); out y");
}

TEST(LegalizeSelections, DeclinesABranchThatMayBeNoNumber) {
  ExpectNoRewrite(kLegalizeSelections,
                  "in x:float32[2,4]; g = Greater(x, 0.0); l = Log(x); y = SelectV2(g, l, 0.0); out y",
                  "may be infinite where it is not chosen");
}

TEST(LegalizeSelections, LeavesWhatIsChosenByWholeNumbers) {
  ExpectNoRewrite(kLegalizeSelections,
                  "in x:float32[2,4]; in i:int32[2,4]; g = Greater(i, int32[]{0}); y = SelectV2(g, x, 0.0); out y", "");
}

TEST(LegalizeNorms, TakesTheStatisticsOfOnePicture) {
  ExpectRewrite(
      kLegalizeNorms,
      "in x:float32[1,3,4,2]; y = FusedBatchNormV3(x, float32[2]{1,2}, float32[2]{3,4}, float32[0]{}, float32[0]{}) "
      "{is_training=true, epsilon=0.5}; out y",
      "in x:float32[1,3,4,2]; y/opencv = Mean(x, int32[2]{1,2}) {keep_dims=true}; y/opencv_1 = Sub(x, y/opencv); "
      "y/opencv_2 = Square(y/opencv_1); y/opencv_3 = Mean(y/opencv_2, int32[2]{1,2}) {keep_dims=true}; "
      "y/opencv_4 = Add(y/opencv_3, 0.5); y/opencv_5 = Sqrt(y/opencv_4); y/opencv_6 = RealDiv(y/opencv_1, y/opencv_5); "
      "y/opencv_7 = Mul(y/opencv_6, float32[2]{1,2}); y/opencv_8 = Add(y/opencv_7, float32[2]{3,4}); "
      "out y=y/opencv_8");
}

TEST(LegalizeNorms, LeavesABatchOfUnknownSize) {
  ExpectNoRewrite(
      kLegalizeNorms,
      "in x:float32[?,3,4,2]; y = FusedBatchNormV3(x, float32[2]{1,2}, float32[2]{3,4}, float32[0]{}, float32[0]{}) "
      "{is_training=true, epsilon=0.5}; out y",
      "");
}

TEST(LegalizeProducts, MultipliesASequenceAsAMatrix) {
  ExpectRewrite(kLegalizeProducts,
                "in x:float32[?,5,2]; y = Einsum(x, float32[2,3]{1,2,3,4,5,6}) {equation=\"abc,cd->abd\"}; out y",
                "in x:float32[?,5,2]; y/opencv = Reshape(x, int32[2]{-1,2}); "
                "y/opencv_1 = MatMul(y/opencv, float32[2,3]{1,2,3,4,5,6}); "
                "y/opencv_2 = Reshape(y/opencv_1, int32[3]{-1,5,3}); out y=y/opencv_2");
}

TEST(LegalizeBroadcasts, RepeatsOneChannelByAConvolution) {
  ExpectRewrite(kLegalizeBroadcasts, "in x:float32[?,3,4,2]; in z:float32[?,3,4,1]; y = Mul(x, z); out y",
                "in x:float32[?,3,4,2]; in z:float32[?,3,4,1]; y = Mul(x, y/opencv); y/opencv = Conv2D(z, "
                "float32[1,1,1,2]{1}) {strides=[1,1,1,1], padding=\"VALID\", data_format=\"NHWC\"}; out y");
}

TEST(LegalizeBroadcasts, RepeatsOneRowByAResize) {
  ExpectRewrite(kLegalizeBroadcasts, "in x:float32[?,3,4,2]; in z:float32[?,1,4,2]; y = Mul(x, z); out y",
                "in x:float32[?,3,4,2]; in z:float32[?,1,4,2]; y = Mul(x, y/opencv); "
                "y/opencv = ResizeNearestNeighbor(z, int32[2]{3,4}); out y");
}

TEST(LegalizeBroadcasts, LeavesAPictureOfOnePixel) {
  ExpectNoRewrite(kLegalizeBroadcasts, "in x:float32[?,3,4,2]; in z:float32[?,1,1,2]; y = Mul(x, z); out y", "");
}

TEST(LegalizeBroadcasts, DeclinesARowOfUnknownHeight) {
  ExpectNoRewrite(kLegalizeBroadcasts, "in x:float32[1,?,4,2]; in z:float32[1,1,4,2]; y = Mul(x, z); out y",
                  "cannot be spread");
}

TEST(LegalizeBroadcasts, WorksOutAVectorAsARow) {
  ExpectRewrite(kLegalizeBroadcasts, "in x:float32[6]; y = LeakyRelu(x) {alpha=0.3}; out y",
                "in x:float32[6]; y/opencv = Reshape(x, int32[2]{1,6}); y/opencv_1 = LeakyRelu(y/opencv) {alpha=0.3}; "
                "y/opencv_2 = Reshape(y/opencv_1, int32[1]{-1}); out y=y/opencv_2");
}

TEST(IsolateOutputs, GivesAVectorALayerThatComputesNothing) {
  ExpectRewrite(kIsolateOutputs, "in x:float32[6]; a = Reshape(x, int32[1]{-1}); y = Reshape(a, int32[2]{1,6}); out a, y",
                "in x:float32[6]; a = Reshape(x, int32[1]{-1}); y = Reshape(a, int32[2]{1,6}); "
                "a/output = Reshape(a, int32[1]{-1}); out a=a/output, y");
}

TEST(LegalizeLinear, TurnsAProductOfUnknownSizeAndBackBeforeAnActivation) {
  ExpectRewrite(kLegalizeLinear, "in x:float32[?,4]; in z:float32[4,?]; m = MatMul(x, z); y = Relu(m); out y",
                "in x:float32[?,4]; in z:float32[4,?]; m = MatMul(x, z); y = Relu(m/opencv_1); m/opencv = Transpose(m, "
                "int32[2]{1,0}); m/opencv_1 = Transpose(m/opencv, int32[2]{1,0}); out y");
}

TEST(LegalizeElementwise, TurnsAPictureForAConstantOfEveryPlace) {
  ExpectRewrite(kLegalizeElementwise, "in x:float32[1,1,2,2]; y = Mul(x, float32[2,2]{1,2,3,4}); out y",
                "in x:float32[1,1,2,2]; y/opencv = ClipByValue(x, -3e+38, 3e+38); y/opencv_1 = Transpose(y/opencv, "
                "int32[4]{0,3,1,2}); y/opencv_2 = Mul(y/opencv_1, float32[2,1,2]{1,3,2,4}); "
                "y/opencv_3 = Transpose(y/opencv_2, int32[4]{0,2,3,1}); out y=y/opencv_3");
}

TEST(LegalizeElementwise, SaysARepeatedConstantOnce) {
  ExpectRewrite(kLegalizeElementwise, "in x:float32[2,1,2]; y = Mul(x, float32[2,1,2]{3}); out y",
                "in x:float32[2,1,2]; y = Mul(x, 3.0); out y");
}

TEST(LegalizeReductions, ReducesTheRowsOfAMatrixByAProduct) {
  ExpectRewrite(kLegalizeReductions, "in x:float32[?,4]; y = Mean(x, int32[1]{1}) {keep_dims=true}; out y",
                "in x:float32[?,4]; y/opencv = MatMul(x, float32[4,1]{0.25}); out y=y/opencv");
}

TEST(LegalizeReductions, LeavesASumOverAnUnknownBatch) {
  ExpectNoRewrite(kLegalizeReductions, "in x:float32[?,4]; y = Sum(x, int32[1]{0}); out y", "unknown dims");
}

TEST(LegalizeDtypes, ComputesInOneFloatType) {
  RewriteOptions half_precision;
  half_precision.tolerance = 1e-2;
  ExpectRewrite(kLegalizeDtypes,
                "in x:float32[2,4]; h = Cast(x) {SrcT=float32, DstT=half}; r = Relu(h); y = Cast(r) {SrcT=half, "
                "DstT=float32}; out y",
                "in x:float32[2,4]; r = Relu(x); out y=r", half_precision);
}

// Soundness, honesty, numbers and rest on graphs that meet many of these rules at once.
TEST(LegalizingArithmetic, ChangesNothingTheSecondTimeAndKeepsTheNumbers) {
  constexpr const char* kGraphs[] = {
      "in x:float32[2,5,6]; a = Mean(x, int32[1]{-1}) {keep_dims=true}; b = SquaredDifference(x, a); c = Mean(b, "
      "int32[1]{-1}) {keep_dims=true}; d = Add(c, 0.01); e = Rsqrt(d); f = Mul(x, e); g = Mul(f, float32[5,6]~1); "
      "h = Add(g, float32[5,1]~2); out h",
      "in x:float32[2,3,4,2]; p = Mul(x, float32[3,1,2]~1); q = Maximum(p, float32[2]{0.1,-0.2}); m = Min(q, "
      "int32[2]{1,3}) {keep_dims=true}; r = Sub(q, m); l = LogSoftmax(r); f = FloorMod(l, 0.7); out f",
      "in x:float32[2,3,4]; g = Greater(x, 0.1); e = Expm1(x); s = SelectV2(g, x, e); b = BatchMatMulV2(s, x) "
      "{adj_y=true}; t = Softmax(b); v = Einsum(t, x) {equation=\"abc,acd->abd\"}; c = Cumsum(v, int32[]{1}); "
      "d = Prod(c, int32[1]{1}); out d",
      "in x:float32[2,3,4,2]; i = int32[3]{0,1,2}; m = Mean(x, i); d = SquaredDifference(x, m); v = Mean(d, i); a = "
      "Add(v, 0.01); r = Rsqrt(a); c = Sub(x, m); y = Mul(c, r); q = FakeQuantWithMinMaxArgs(y) {min=-2.0, max=2.0}; "
      "out y, q",
      "in x:float32[2,3,4,2]; z = Prod(x, int32[2]{2,3}); t = AddN(x, "
      "float32[2,3,4,2]{0.5}); u = Sign(t); n = Erfc(u); out z, n",
  };
  for (const char* text : kGraphs) {
    Graph graph = ParseOrDie(text);
    const Graph original = graph;
    for (const PassInfo* pass :
         {&kLegalizeDtypes, &kLegalizeNorms, &kLegalizeFunctions, &kLegalizeSelections, &kLegalizeProducts,
          &kLegalizeBroadcasts, &kLegalizeElementwise, &kLegalizeLinear, &kLegalizeReductions, &kLegalizeShapes}) {
      SCOPED_TRACE(StrCat(pass->name, " on\n", PrintText(graph)));
      ASSERT_TRUE(RunPass(*pass, graph, {}).ok());
      const Status sound = Verify(graph, Level::kFlat);
      EXPECT_TRUE(sound.ok()) << sound;
      Graph again = graph;
      const StatusOr<PassRun> second = RunPass(*pass, again, {});
      ASSERT_TRUE(second.ok()) << second.status();
      EXPECT_FALSE(second->changed) << "the second run gives\n" << PrintText(again);
      ExpectSameNumbers(original, graph, 1e-4);
    }
  }
}

}  // namespace
}  // namespace permafrost
