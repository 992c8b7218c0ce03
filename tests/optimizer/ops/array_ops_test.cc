#include <gtest/gtest.h>

#include "optimizer/ops/evaluate.h"
#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(ArrayOps, AnswersWhatIsAskedOfAShape) {
  ExpectGives("Shape(float32[2,0,3]{})", {"int32[3]{2,0,3}"});
  ExpectGives("Shape(1.5) {out_type=int64}", {"int64[0]{}"});
  ExpectGives("ShapeN(float32[2]{1}, float32[1,4]{1})", {"int32[1]{2}", "int32[2]{1,4}"});
  ExpectGives("Size(float32[2,3]{1})", {"int32[]{6}"});
  ExpectGives("Rank(float32[2,3]{1})", {"int32[]{2}"});
}

TEST(ArrayOps, RefusesAnOutputTypeThatCannotHoldADim) {
  ExpectRefused("Shape(float32[2]{1}) {out_type=float32}", "expected int32 or int64");
}

TEST(ArrayOps, KnowsThePartsOfAShapeWithAnUnknownBatch) {
  ExpectInfers("in x:float32[?,7,64]; y = Shape(x); out y", "int32[3]{?,7,64}");
  ExpectInfers("in x:float32?; y = Shape(x); out y", "int32[?]");
  ExpectInfers("in x:float32[?,7]; y = Size(x); out y", "int32[]");
  ExpectInfers("in x:float32?; y = Rank(x); out y", "int32[]");
  ExpectInfers(
      "in x:float32[?,7,64]; s = Shape(x); b = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1})"
      " {shrink_axis_mask=1}; p = Pack(b, int32[]{448}); y = Reshape(x, p); out y",
      "float32[?,448]");
}

TEST(ArrayOps, WorksOutTheOpenDimOfAReshape) {
  ExpectGives("Reshape(float32[2,3]{1,2,3,4,5,6}, int32[2]{3,-1})", {"float32[3,2]{1,2,3,4,5,6}"});
  ExpectGives("Reshape(float32[1]{5}, int32[0]{})", {"float32[]{5}"});
  ExpectGives("Reshape(float32[0,3]{}, int64[2]{-1,3})", {"float32[0,3]{}"});
  ExpectInfers("in x:float32[4,6]; in b:int32[]; p = Pack(b, int32[]{3}); y = Reshape(x, p); out y", "float32[8,3]");
  ExpectInfers("in x:float32[?,6]; y = Reshape(x, int32[2]{-1,3}); out y", "float32[?,3]");
  ExpectInfers("in x:float32[2]; in s:int32[3]; y = Reshape(x, s); out y", "float32[?,?,?]");
  ExpectInfers("in x:float32[2]; in s:int32[?]; y = Reshape(x, s); out y", "float32?");
}

TEST(ArrayOps, RefusesAReshapeToAnotherNumberOfElements) {
  ExpectRefused("Reshape(float32[2,3]{1}, int32[2]{4,2})", "cannot give 6 elements");
  ExpectRefused("Reshape(float32[2,3]{1}, int32[2]{4,-1})", "cannot give 6 elements");
  ExpectRefused("Reshape(float32[2,3]{1}, int32[2]{-1,-1})", "at most one -1");
  ExpectRefused("Reshape(float32[2,3]{1}, int32[2]{-2,3})", "a dim of -2");
  ExpectRefused("Reshape(float32[0]{}, int32[2]{0,-1})", "cannot");
  ExpectRefused("Reshape(float32[2]{1}, int64[3]{4611686018427387904,4611686018427387904,1})", "more elements");
  ExpectRefused("Reshape(float32[1]{1}, int32[]{1})", "expected a vector");
}

TEST(ArrayOps, DropsAndAddsAxesOfSizeOne) {
  ExpectGives("Squeeze(float32[1,2,1]{1,2})", {"float32[2]{1,2}"});
  ExpectGives("Squeeze(float32[1,2,1]{1,2}) {squeeze_dims=[-1]}", {"float32[1,2]{1,2}"});
  ExpectGives("ExpandDims(float32[2]{1,2}, int32[]{0})", {"float32[1,2]{1,2}"});
  ExpectGives("ExpandDims(float32[2]{1,2}, int32[]{-1})", {"float32[2,1]{1,2}"});
  ExpectGives("ExpandDims(1.5, int32[]{0})", {"float32[1]{1.5}"});
  ExpectRefused("Squeeze(float32[1,2]{1,2}) {squeeze_dims=[1]}", "which is not 1");
  ExpectRefused("Squeeze(float32[1,2]{1,2}) {squeeze_dims=[2]}", "axis 2");
  ExpectRefused("ExpandDims(float32[2]{1,2}, int32[]{3})", "axis 3");
  ExpectInfers("in x:float32[?,1,1,8]; y = Squeeze(x) {squeeze_dims=[1,2]}; out y", "float32[?,8]");
  ExpectInfers("in x:float32[?,1,1,8]; y = Squeeze(x); out y", "float32?");
  ExpectInfers("in x:float32[?,8]; in a:int32?; y = ExpandDims(x, a); out y", "float32[?,?,?]");
}

TEST(ArrayOps, FillsWithOneValue) {
  ExpectGives("Fill(int32[2]{2,3}, 1.5)", {"float32[2,3]{1.5}"});
  ExpectGives("Fill(int32[0]{}, int32[]{7})", {"int32[]{7}"});
  ExpectGives("Fill(int32[1]{3}, int32[]{7})", {"int32[3]{7}"});
  ExpectGives("ZerosLike(int64[2]{3,4})", {"int64[2]{0,0}"});
  ExpectGives("OnesLike(half[2]{3,4})", {"half[2]{1,1}"});
  ExpectGives("OnesLike(bool[2]{false,false})", {"bool[2]{true,true}"});
  ExpectRefused("Fill(int32[1]{-1}, 1.5)", "-1");
  ExpectRefused("Fill(int64[2]{4611686018427387904,2}, 1.5)", "more than");
  ExpectRefused("Fill(int32[1]{2}, float32[2]{1,2})", "");
}

TEST(ArrayOps, CountsUpAndDown) {
  ExpectGives("Range(int32[]{2}, int32[]{9}, int32[]{3})", {"int32[3]{2,5,8}"});
  ExpectGives("Range(int32[]{3}, int32[]{0}, int32[]{-1})", {"int32[3]{3,2,1}"});
  ExpectGives("Range(int32[]{3}, int32[]{0}, int32[]{1})", {"int32[0]{}"});
  ExpectGives("Range(0.0, 1.0, 0.25)", {"float32[4]{0,0.25,0.5,0.75}"});
  ExpectGives("Range(int64[]{-9223372036854775807}, int64[]{9223372036854775807}, int64[]{4611686018427387904})",
              {"int64[4]{-9223372036854775807,-4611686018427387903,1,4611686018427387905}"});
  ExpectRefused("Range(int32[]{0}, int32[]{1}, int32[]{0})", "the step is 0");
  ExpectRefused("Range(0.0, 1.0, 0.0)", "no end");
  ExpectRefused("Range(int64[]{0}, int64[]{9223372036854775807}, int64[]{1})", "more than");
  ExpectGives("LinSpace(0.0, 1.0, int32[]{5})", {"float32[5]{0,0.25,0.5,0.75,1}"}, 1e-6);
  ExpectGives("LinSpace(3.0, 1.0, int32[]{1})", {"float32[1]{3}"});
  ExpectRefused("LinSpace(0.0, 1.0, int32[]{0})", "at least 1");
}

TEST(ArrayOps, BroadcastsToAShape) {
  ExpectGives("BroadcastTo(float32[2,1]{1,2}, int32[3]{2,2,2})", {"float32[2,2,2]{1,1,2,2,1,1,2,2}"});
  ExpectGives("BroadcastTo(float32[1]{1}, int32[2]{0,3})", {"float32[0,3]{}"});
  ExpectGives("BroadcastArgs(int32[2]{3,1}, int32[3]{2,1,4})", {"int32[3]{2,3,4}"});
  ExpectRefused("BroadcastTo(float32[2]{1,2}, int32[1]{3})", "broadcast");
  ExpectRefused("BroadcastTo(float32[2,2]{1}, int32[1]{2})", "broadcast");
  ExpectRefused("BroadcastTo(float32[1]{1}, int32[1]{-3})", "-3");
}

TEST(ArrayOps, TakesTheTypeOfAConstantFromItsValue) {
  ExpectInfers("y = int64[2]{4,-1}; out y", "int64[2]{4,-1}");
  ExpectInfers("y = int32[]{4}; out y", "int32[]{4}");
  ExpectInfers("y = int32[1,2]{4}; out y", "int32[1,2]");
  ExpectInfers("y = Bitcast(int32[2]{4}) {type=uint8}; out y", "uint8[2,4]");
}

}  // namespace
}  // namespace permafrost
