#include <gtest/gtest.h>

#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(MovementOps, Transposes) {
  ExpectGives("Transpose(float32[2,3]{1,2,3,4,5,6}, int32[2]{1,0})", {"float32[3,2]{1,4,2,5,3,6}"});
  ExpectGives("Transpose(float32[1,2,2]{1,2,3,4}, int32[3]{2,0,1})", {"float32[2,1,2]{1,3,2,4}"});
  ExpectGives("Transpose(1.5, int32[0]{})", {"float32[]{1.5}"});
  ExpectGives("Transpose(float32[0,3]{}, int32[2]{1,0})", {"float32[3,0]{}"});
  ExpectGives("ConjugateTranspose(uint8[1,2]{1,2}, int32[2]{1,0})", {"uint8[2,1]{1,2}"});
  for (const char* bad : {"int32[2]{0,0}", "int32[2]{0,2}", "int32[2]{0,-1}", "int32[1]{0}", "int32[3]{0,1,2}"}) {
    ExpectRefused(std::string("Transpose(float32[2,3]{1}, ") + bad + ")", "permutation");
  }
  ExpectInfers("in x:float32[?,2,3]; y = Transpose(x, int32[3]{2,0,1}); out y", "float32[3,?,2]");
  ExpectInfers("in x:float32[?,2]; in p:int32[2]; y = Transpose(x, p); out y", "float32[?,?]");
  ExpectInfers("in x:float32?; y = Transpose(x, int32[2]{1,0}); out y", "float32[?,?]");
}

TEST(MovementOps, JoinsAlongAnAxis) {
  ExpectGives("ConcatV2(float32[2,1]{1,2}, float32[2,2]{3,4,5,6}, int32[]{1})", {"float32[2,3]{1,3,4,2,5,6}"});
  ExpectGives("ConcatV2(float32[1,2]{1,2}, float32[2,2]{3,4,5,6}, int32[]{-2})", {"float32[3,2]{1,2,3,4,5,6}"});
  ExpectGives("ConcatV2(float32[0,2]{}, float32[1,2]{3,4}, int32[]{0})", {"float32[1,2]{3,4}"});
  ExpectGives("Concat(int32[]{1}, float32[2,1]{1,2}, float32[2,1]{3,4})", {"float32[2,2]{1,3,2,4}"});
  ExpectRefused("ConcatV2(float32[2,1]{1}, float32[1,2]{1}, int32[]{0})", "cannot join");
  ExpectRefused("ConcatV2(float32[2]{1}, int32[2]{1}, int32[]{0})", "cannot join");
  ExpectRefused("ConcatV2(float32[2]{1}, float32[1,2]{1}, int32[]{0})", "cannot join");
  ExpectRefused("ConcatV2(float32[2]{1}, float32[2]{1}, int32[]{1})", "axis 1");
  ExpectRefused("ConcatV2(1.0, 2.0, int32[]{0})", "axis 0");
  ExpectInfers("in a:float32[?,2]; in b:float32[?,3]; y = ConcatV2(a, b, int32[]{1}); out y", "float32[?,5]");
  ExpectInfers("in a:float32[4,2]; in b:float32[?,?]; y = ConcatV2(a, b, int32[]{1}); out y", "float32[4,?]");
  ExpectInfers("in x:float32[?,5]; s = Shape(x); y = ConcatV2(s, int32[1]{3}, int32[]{0}); out y", "int32[3]{?,5,3}");
}

TEST(MovementOps, Stacks) {
  ExpectGives("Pack(float32[2]{1,2}, float32[2]{3,4})", {"float32[2,2]{1,2,3,4}"});
  ExpectGives("Pack(float32[2]{1,2}, float32[2]{3,4}) {axis=-1}", {"float32[2,2]{1,3,2,4}"});
  ExpectGives("Pack(int32[]{1}, int32[]{2}, int32[]{3})", {"int32[3]{1,2,3}"});
  ExpectRefused("Pack(float32[2]{1,2}, float32[3]{1,2,3})", "cannot stack");
  ExpectRefused("Pack(float32[2]{1,2}, float32[2]{3,4}) {axis=2}", "axis 2");
  ExpectInfers("in n:int32?; y = Pack(n, int32[]{-1}); out y", "int32[2]");
  ExpectInfers("in n:int32[]; y = Pack(n, int32[]{-1}); out y", "int32[2]{?,-1}");
}

TEST(MovementOps, Repeats) {
  ExpectGives("Tile(float32[1,2]{1,2}, int32[2]{2,2})", {"float32[2,4]{1,2,1,2,1,2,1,2}"});
  ExpectGives("Tile(float32[2]{1,2}, int32[1]{0})", {"float32[0]{}"});
  ExpectRefused("Tile(float32[2]{1,2}, int32[1]{-1})", "-1");
  ExpectRefused("Tile(float32[2]{1,2}, int32[2]{1,1})", "multiples");
  ExpectRefused("Tile(float32[4]{1}, int64[1]{4611686018427387904})", "");
  ExpectInfers("in x:float32[?,2]; y = Tile(x, int32[2]{1,3}); out y", "float32[?,6]");
}

TEST(MovementOps, PadsWithAValueOrAMirrorImage) {
  ExpectGives("Pad(float32[1,2]{1,2}, int32[2,2]{1,0,1,2})", {"float32[2,5]{0,0,0,0,0,0,1,2,0,0}"});
  ExpectGives("PadV2(float32[2]{1,2}, int32[1,2]{1,1}, 9.0)", {"float32[4]{9,1,2,9}"});
  ExpectGives("Pad(float32[0]{}, int32[1,2]{1,1})", {"float32[2]{0,0}"});
  ExpectGives("MirrorPad(float32[3]{1,2,3}, int32[1,2]{2,2}) {mode=\"REFLECT\"}", {"float32[7]{3,2,1,2,3,2,1}"});
  ExpectGives("MirrorPad(float32[3]{1,2,3}, int32[1,2]{3,2}) {mode=\"SYMMETRIC\"}", {"float32[8]{3,2,1,1,2,3,3,2}"});
  ExpectRefused("Pad(float32[2]{1,2}, int32[1,2]{-1,0})", "negative");
  ExpectRefused("Pad(float32[2]{1,2}, int32[2,2]{0})", "paddings");
  ExpectRefused("Pad(float32[2]{1,2}, int64[1,2]{9223372036854775807,9223372036854775807})", "");
  ExpectRefused("PadV2(float32[2]{1,2}, int32[1,2]{1,1}, int32[]{9})", "padding value");
  ExpectRefused("MirrorPad(float32[3]{1,2,3}, int32[1,2]{3,0}) {mode=\"REFLECT\"}", "cannot mirror");
  ExpectRefused("MirrorPad(float32[3]{1,2,3}, int32[1,2]{1,0}) {mode=\"ROUND\"}", "REFLECT");
  ExpectInfers("in x:float32[?,4]; y = Pad(x, int32[2,2]{0,0,1,1}); out y", "float32[?,6]");
  ExpectInfers("in x:float32[?,4]; in p:int32[2,2]; y = Pad(x, p); out y", "float32[?,?]");
}

TEST(MovementOps, RollsRoundAndAddsUpShifts) {
  ExpectGives("Roll(float32[4]{1,2,3,4}, int32[1]{1}, int32[1]{0})", {"float32[4]{4,1,2,3}"});
  ExpectGives("Roll(float32[4]{1,2,3,4}, int32[1]{-5}, int32[1]{-1})", {"float32[4]{2,3,4,1}"});
  ExpectGives("Roll(float32[2,3]{1,2,3,4,5,6}, int32[3]{1,2,2}, int32[3]{0,1,1})", {"float32[2,3]{6,4,5,3,1,2}"});
  ExpectGives("Roll(float32[0]{}, int32[1]{3}, int32[1]{0})", {"float32[0]{}"});
  ExpectRefused("Roll(float32[2]{1,2}, int32[1]{1}, int32[1]{1})", "axis 1");
  ExpectRefused("Roll(float32[2]{1,2}, int32[2]{1,1}, int32[1]{0})", "2 shifts for 1 axes");
}

TEST(MovementOps, ReversesTheBeginningOfEachSequence) {
  ExpectGives("ReverseSequence(float32[2,3]{1,2,3,4,5,6}, int64[2]{2,3}) {seq_dim=1, batch_dim=0}", {"float32[2,3]{2,1,3,6,5,4}"});
  ExpectGives("ReverseSequence(float32[3,2]{1,2,3,4,5,6}, int32[2]{0,2}) {seq_dim=0, batch_dim=1}", {"float32[3,2]{1,4,3,2,5,6}"});
  ExpectRefused("ReverseSequence(float32[2,3]{1,2,3,4,5,6}, int32[2]{2,4}) {seq_dim=1}", "length 4 of an axis of 3");
  ExpectRefused("ReverseSequence(float32[2,3]{1,2,3,4,5,6}, int32[1]{2}) {seq_dim=1}", "has 1 lengths for a batch of 2");
  ExpectRefused("ReverseSequence(float32[2,3]{1,2,3,4,5,6}, int32[2]{2,2}) {seq_dim=0}", "both 0");
}

TEST(MovementOps, Reverses) {
  ExpectGives("ReverseV2(float32[2,2]{1,2,3,4}, int32[1]{-1})", {"float32[2,2]{2,1,4,3}"});
  ExpectGives("ReverseV2(float32[2,2]{1,2,3,4}, int32[2]{0,1})", {"float32[2,2]{4,3,2,1}"});
  ExpectGives("Reverse(float32[2,2]{1,2,3,4}, bool[2]{true,false})", {"float32[2,2]{3,4,1,2}"});
  ExpectGives("InvertPermutation(int32[3]{2,0,1})", {"int32[3]{1,2,0}"});
  ExpectRefused("ReverseV2(float32[2]{1,2}, int32[1]{1})", "axis 1");
  ExpectRefused("ReverseV2(float32[2]{1,2}, int32[2]{0,-1})", "twice");
  ExpectRefused("Reverse(float32[2]{1,2}, bool[2]{true,true})", "one bool per axis");
  ExpectRefused("InvertPermutation(int32[2]{0,0})", "permutation");
}

}  // namespace
}  // namespace permafrost
