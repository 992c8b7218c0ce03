#include <gtest/gtest.h>

#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(ControlOps, HandOnValuesAndWhatIsKnownOfThem) {
  for (const char* op : {"Identity", "StopGradient", "PreventGradient", "CheckNumerics", "Snapshot"}) {
    ExpectGives(std::string(op) + "(float32[2]{1,2})", {"float32[2]{1,2}"});
  }
  ExpectGives("IdentityN(float32[2]{1,2}, int32[]{3})", {"float32[2]{1,2}", "int32[]{3}"});
  ExpectInfers("in x:float32[?,4]; s = Shape(x); y = Identity(s); out y", "int32[2]{?,4}");
}

TEST(ControlOps, EnsureAShape) {
  ExpectGives("EnsureShape(float32[2]{1,2}) {shape=shape[?]}", {"float32[2]{1,2}"});
  ExpectRefused("EnsureShape(float32[2]{1,2}) {shape=shape[3]}", "expected [3]");
  ExpectRefused("EnsureShape(float32[2]{1,2}) {shape=shape[2,1]}", "expected [2,1]");
  ExpectInfers("in x:float32[?,4]; y = EnsureShape(x) {shape=shape[2,?]}; out y", "float32[2,4]");
  ExpectInfers("in x:float32?; y = EnsureShape(x) {shape=shape[2,?]}; out y", "float32[2,?]");
}

TEST(ControlOps, MergeWhatBothBranchesHaveInCommon) {
  const std::string branches = "in p:bool[]; in x:float32[?,4,5]; s = Switch(x, p); a = Relu(s:1); ";
  ExpectInfers(branches + "y = Merge(s, a); out y", "float32[?,4,5]");
  ExpectInfers(branches + "y = Merge(s, a); out z=y:1", "int32[]");
  ExpectInfers(branches + "b = Pad(s, int32[3,2]{0,0,0,0,1,0}); y = Merge(a, b); out y", "float32[?,4,?]");
  ExpectInfers(branches + "b = Squeeze(s); y = Merge(a, b); out y", "float32?");
}

TEST(ControlOps, LeaveOpenWhatComesRoundALoop) {
  ExpectInfers(
      "in x:float32[2]; e = Enter(x) {frame_name=\"f\"}; m = Merge(e, n); c = LoopCond(bool[]{true});"
      " s = Switch(m, c); d = ConcatV2(s:1, s:1, int32[]{0}); n = NextIteration(d); y = Exit(s); out y",
      "float32?");
}

TEST(ControlOps, TakeTheTypesOfACallFromItsAttributesOrItsBody) {
  ExpectInfers("in x:float32[2]; y = StatefulPartitionedCall(x) {f=@g, Tout=[int32, bool]}; out z=y:1", "bool?");
  ExpectInfers(
      "in x:float32[2]; y = If(bool[]{true}, x) {then_branch=@g, else_branch=@g, Tout=[int32],"
      " output_shapes=[shape[3]]}; out y",
      "int32[3]");
  ExpectInfers("in x:float32[2]; in i:int32[]; y = While(i, x) {cond=@c, body=@b}; out z=y:1", "float32?");
  ExpectInferenceRefuses("in x:float32[2]; y = PartitionedCall(x); out y", "has no attribute 'f'");
}

TEST(ControlOps, HaveNoKernelsForWhatLoweringTakesOut) {
  ExpectRefused("Switch(1.5, bool[]{true})", "no reference kernel");
  ExpectRefused("Print(1.5)", "no reference kernel");
}

}  // namespace
}  // namespace permafrost
