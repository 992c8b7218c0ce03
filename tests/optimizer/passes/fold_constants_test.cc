#include "optimizer/passes/fold_constants.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(FoldConstants, WorksOutWhatOnlyConstantsFeed) {
  ExpectRewrite(
      kFoldConstants,
      "in x:float32[2,2]; a = float32[2]{1,2}; b = Mul(a, 3); c = Add(b, float32[2]{0.5,0.25}); y = Mul(x, c); "
      "out y",
      "in x:float32[2,2]; y = Mul(x, float32[2]{3.5,6.25}); out y");
}

TEST(FoldConstants, SeesConstantsThroughIdentity) {
  ExpectRewrite(
      kFoldConstants,
      "in x:float32[2,2]; w = float32[2]{1,2}; r = Identity(w); n = Neg(r); y = Mul(x, n); z = Sub(x, r); out y, z",
      "in x:float32[2,2]; w = float32[2]{1,2}; y = Mul(x, float32[2]{-1,-2}); z = Sub(x, w); out y, z");
}

TEST(FoldConstants, FoldsEveryPortThatIsUsed) {
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,2]; s = Split(int32[]{0}, float32[4]{1,2,3,4}) {num_split=2}; y = Mul(x, s); z = "
                "Sub(x, s:1); out y, z",
                "in x:float32[2,2]; y = Mul(x, float32[2]{1,2}); z = Sub(x, float32[2]{3,4}); out y, z");
}

TEST(FoldConstants, FoldsTheDimsOfAStaticShape) {
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,3,4]; s = Shape(x); n = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1}) "
                "{shrink_axis_mask=1}; p = Pack(n, int32[]{12}) {axis=0}; y = Reshape(x, p); out y",
                "in x:float32[2,3,4]; y = Reshape(x, int32[2]{2,12}); out y");
}

TEST(FoldConstants, KeepsTheTypeOfAShape) {
  ExpectRewrite(kFoldConstants, "in x:float32[2,3]; s = Shape(x) {out_type=int64}; out s",
                "in x:float32[2,3]; s = int64[2]{2,3}; out s");
}

TEST(FoldConstants, LeavesDimsThatAreNotKnown) {
  ExpectNoRewrite(kFoldConstants,
                  "in x:float32[?,3,4]; s = Shape(x); n = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1}) "
                  "{shrink_axis_mask=1}; p = Pack(n, int32[]{12}) {axis=0}; y = Reshape(x, p); out y",
                  "");
}

TEST(FoldConstants, DropsArithmeticThatChangesNothing) {
  ExpectRewrite(kFoldConstants,
                "in x:float32[?,4]; a = Mul(x, 1); b = Add(float32[4]{0}, a); c = Sub(b, float32[1]{0}); "
                "d = RealDiv(c, 1); e = BiasAdd(d, float32[4]{0}); y = Relu(e); out y",
                "in x:float32[?,4]; y = Relu(x); out y");
}

TEST(FoldConstants, DropsWhatZerosAreMultipliedWithIfItIsFinite) {
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,4]; in y:float32[2,2]; s = Sigmoid(x); a = Split(int32[]{1}, s) {num_split=2}; "
                "b = Mul(a:1, float32[2,2]{0,0,0,0}); c = Add(b, y); z = Neg(c); out z",
                "in x:float32[2,4]; in y:float32[2,2]; z = Neg(y); out z");
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,2]; c = Minimum(x, 1.0); r = Relu(c); m = Mul(float32[2,2]{0,0,0,0}, r); y = Add(x, m); "
                "z = Neg(y); out z",
                "in x:float32[2,2]; z = Neg(x); out z");
}

TEST(FoldConstants, KeepsZerosTimesWhatMayBeInfiniteOrIsSpread) {
  ExpectNoRewrite(kFoldConstants, "in x:float32[2,2]; y = Mul(x, float32[2,2]{0,0,0,0}); out y", "");
  ExpectNoRewrite(kFoldConstants, "in x:float32[2,2]; r = Relu(x); y = Mul(r, float32[2,2]{0,0,0,0}); out y", "");
  ExpectNoRewrite(kFoldConstants, "in x:float32[2,2]; s = Sigmoid(x); y = Mul(s, 0.0); out y", "");
}

TEST(FoldConstants, KeepsArithmeticThatBroadcasts) {
  ExpectNoRewrite(kFoldConstants, "in x:float32[1,4]; y = Mul(x, float32[3,1]{1}); out y", "");
  ExpectNoRewrite(kFoldConstants, "in x:float32[4]; y = Mul(x, float32[1,1]{1}); out y", "");
  ExpectNoRewrite(kFoldConstants, "in x:float32[?,4]; y = Add(x, float32[2,4]{0}); out y", "");
  ExpectNoRewrite(kFoldConstants, "in x:float32?; y = Add(x, float32[1]{0}); out y", "");
}

TEST(FoldConstants, KeepsConstantsOnTheWrongSide) {
  ExpectNoRewrite(kFoldConstants, "in x:float32[2,4]; y = Sub(0, x); z = RealDiv(1, x); out y, z", "");
}

TEST(FoldConstants, DropsLayoutOpsThatChangeNothing) {
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,3,4]; a = Reshape(x, int32[3]{2,-1,4}); b = Transpose(a, int32[3]{0,1,2}); "
                "c = Pad(b, int32[3,2]{0}); d = Tile(c, int32[3]{1}); e = Slice(d, int32[3]{0}, int32[3]{2,-1,4}); "
                "f = StridedSlice(e, int32[2]{0,0}, int32[2]{2,99}, int32[2]{1}); g = ConcatV2(f, int32[]{1}); "
                "h = Cast(g) {DstT=float32}; y = Relu(h); out y",
                "in x:float32[2,3,4]; y = Relu(x); out y");
}

TEST(FoldConstants, DropsReshapesThatComeBackToTheirShape) {
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,3,4]; a = Reshape(x, int32[2]{6,4}); b = ExpandDims(a, int32[]{0}); "
                "c = Reshape(b, int32[3]{2,3,4}); y = Relu(c); out y",
                "in x:float32[2,3,4]; y = Relu(x); out y");
}

TEST(FoldConstants, TakesAnElementOfAStackFromWhereItCame) {
  ExpectRewrite(kFoldConstants,
                "in a:float32[2,3], b:float32[2,3]; p = Pack(a, b) {axis=0, N=2}; t = Transpose(p, int32[3]{1,0,2}); "
                "s = StridedSlice(t, int32[2]{0,-1}, int32[2]{0,0}, int32[2]{1,1}) {begin_mask=1, end_mask=1, "
                "shrink_axis_mask=2}; y = Relu(s); out y",
                "in a:float32[2,3], b:float32[2,3]; y = Relu(b); out y");
  ExpectNoRewrite(kFoldConstants,
                  "in a:float32[2,3], b:float32[2,3]; p = Pack(a, b) {axis=0, N=2}; "
                  "s = StridedSlice(p, int32[2]{0,1}, int32[2]{0,0}, int32[2]{1,1}) {begin_mask=1, end_mask=1, "
                  "shrink_axis_mask=2}; y = Relu(s); out y",
                  "");
}

TEST(FoldConstants, DropsAReshapeThatOneUnknownDimSettles) {
  ExpectRewrite(kFoldConstants, "in x:float32[?,4]; r = Reshape(x, int32[2]{-1,4}); y = Relu(r); out y",
                "in x:float32[?,4]; y = Relu(x); out y");
  ExpectNoRewrite(kFoldConstants, "in x:float32[?,?]; r = Reshape(x, int32[2]{-1,4}); y = Relu(r); out y", "");
  ExpectNoRewrite(kFoldConstants, "in x:float32[?,4]; r = Reshape(x, int32[2]{2,4}); y = Relu(r); out y", "");
}

TEST(FoldConstants, KeepsLayoutOpsThatChangeSomething) {
  ExpectNoRewrite(kFoldConstants,
                  "in x:float32[2,3,3]; a = Transpose(x, int32[3]{0,2,1}); b = StridedSlice(a, int32[3]{0}, "
                  "int32[3]{2,3,3}, int32[3]{1,1,-1}) {begin_mask=7, end_mask=7}; "
                  "c = Slice(b, int32[3]{0,1,0}, int32[3]{-1}); d = Tile(c, int32[3]{1,1,2}); "
                  "e = Pad(d, int32[3,2]{0,0,0,0,0,1}); y = Cast(e) {DstT=int32}; out y",
                  "");
}

TEST(FoldConstants, CountsTheGrowthOfConstants) {
  RewriteOptions small;
  small.pass.fold_growth_bytes = 100;
  ExpectNoRewrite(kFoldConstants,
                  "in x:float32[40]; w = float32[1]{2}; t = Tile(w, int32[1]{40}); y = Mul(x, t); out y",
                  "t: its result adds 152 bytes", small);
  // What dies is deducted.
  ExpectRewrite(kFoldConstants, "in x:float32[40]; w = float32[40]{2}; t = Neg(w); y = Mul(x, t); out y",
                "in x:float32[40]; t = float32[40]{-2}; y = Mul(x, t); out y", small);
  // Another user keeps the constant alive.
  ExpectNoRewrite(kFoldConstants,
                  "in x:float32[40]; w = float32[40]{2}; t = Neg(w); y = Mul(x, t); z = Sub(y, w); out z",
                  "t: its result adds 160 bytes", small);
}

TEST(FoldConstants, FillsWithoutKnowingMoreThanTheShape) {
  ExpectRewrite(
      kFoldConstants,
      "in x:float32[2,3]; z = ZerosLike(x); o = OnesLike(x); s = Shape(x); f = Fill(s, 7); y = AddN(x, z, o, f); out y",
      "in x:float32[2,3]; y = AddN(x, float32[2,3]{0}, float32[2,3]{1}, float32[2,3]{7}); out y");
  RewriteOptions none;
  none.pass.fold_growth_bytes = 8;
  ExpectNoRewrite(kFoldConstants, "in x:float32[2,3]; z = ZerosLike(x); y = Sub(x, z); out y",
                  "z: its result adds 24 bytes", none);
  ExpectNoRewrite(kFoldConstants, "in x:float32[?,3]; z = ZerosLike(x); y = Sub(x, z); out y", "");
}

TEST(FoldConstants, UnfoldsCompressedWeightsWhateverTheBudget) {
  RewriteOptions none;
  none.pass.fold_growth_bytes = 0;
  ExpectRewrite(kFoldConstants,
                "in x:float32[2,2]; w = half[2,2]{1,2,3,-0.5}; c = Cast(w) {DstT=float32}; "
                "t = Transpose(c, int32[2]{1,0}); y = Mul(x, t); out y",
                "in x:float32[2,2]; y = Mul(x, float32[2,2]{1,3,2,-0.5}); out y", none);
  ExpectRewrite(
      kFoldConstants,
      "in x:float32[2]; w = quint8[2]{0,255}; d = Dequantize(w, 0, 510) {mode=\"MIN_FIRST\"}; y = Mul(x, d); out y",
      "in x:float32[2]; y = Mul(x, float32[2]{0,510}); out y", none);
}

TEST(FoldConstants, DoesNotCopyALargeWeightToReadItOtherwise) {
  Graph graph = ParseOrDie(
      "in x:float32[2,64]; w = half[64,64]~1; c = Cast(w) {DstT=float32}; t = Transpose(c, int32[2]{1,0}); "
      "y = MatMul(x, t); out y");
  const Graph original = graph;
  ASSERT_TRUE(RunPass(kFoldConstants, graph).ok());
  const Tensor* weight = ConstValue(graph, graph.node(*graph.Find("y")).inputs[1]);
  ASSERT_NE(weight, nullptr);
  EXPECT_TRUE(weight->is_recipe());
  ExpectSameNumbers(original, graph);
}

TEST(FoldConstants, SurvivesAConstantThatClaimsToBeHuge) {
  RewriteOptions no_numbers;
  no_numbers.same_numbers = false;  // nobody could work these out
  ExpectNoRewrite(
      kFoldConstants,
      "in x:float32[1]; w = float32[1073741824,1024]{1}; n = Neg(w); m = Slice(n, int32[2]{0}, int32[2]{1,1}); "
      "y = Add(x, m); out y",
      "n: ", no_numbers);
  Graph graph = ParseOrDie(
      "in x:float32[1]; w = half[1073741824,1024]{1}; c = Cast(w) {DstT=float32}; t = Transpose(c, int32[2]{1,0}); "
      "m = Slice(t, int32[2]{0}, int32[2]{1,1}); y = Add(x, m); out y");
  EXPECT_TRUE(RunPass(kFoldConstants, graph).ok());
}

TEST(FoldConstants, LeavesRandomAndUnknownOps) {
  RewriteOptions random;
  random.same_numbers = false;
  ExpectNoRewrite(
      kFoldConstants,
      "in x:float32[2]; r = RandomUniform(int32[1]{2}) {dtype=float32}; m = Mystery(2); y = AddN(x, r); out y, m", "",
      random);
}

TEST(FoldConstants, DeclinesWhenTheKernelRefuses) {
  RewriteOptions broken;
  broken.same_numbers = false;  // the graph cannot be evaluated
  ExpectNoRewrite(kFoldConstants,
                  "in x:float32[2]; g = GatherV2(float32[2]{1,2}, int32[1]{7}, int32[]{0}); y = Mul(x, g); out y",
                  "g: node 'g' (GatherV2)", broken);
}

TEST(FoldConstants, FoldsAnOutputThatDependsOnNothing) {
  ExpectRewrite(kFoldConstants, "in x:float32[2]; a = Neg(float32[2]{1,2}); y = Relu(x); out y, a",
                "in x:float32[2]; a = float32[2]{-1,-2}; y = Relu(x); out y, a");
}

}  // namespace
}  // namespace permafrost
