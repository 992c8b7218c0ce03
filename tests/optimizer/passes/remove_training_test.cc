#include "optimizer/passes/remove_training.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

RewriteOptions Random() {
  RewriteOptions options;
  options.same_numbers = false;  // dropout is random, what is left is not
  return options;
}

// tf.nn.dropout as TensorFlow 1 wrote it, between two nodes.
std::string DropoutTf1(std::string_view keep, std::string_view head = "in x:float32[2,4]; ") {
  return StrCat(head, "keep = ", keep,
                "; a = Relu(x); shape = Shape(a); u = RandomUniform(shape) {dtype=float32}; min = 0; max = 1; "
                "range = Sub(max, min); um = Mul(u, range); ua = Add(um, min); sum = Add(keep, ua); mask = Floor(sum); "
                "scaled = RealDiv(a, keep); d = Mul(scaled, mask); y = Neg(d); z = Abs(d); out y, z");
}

TEST(RemoveTraining, TakesOutDropoutOfTensorFlow1WhateverItsProbability) {
  constexpr std::string_view kAfter = "in x:float32[2,4]; a = Relu(x); y = Neg(a); z = Abs(a); out y, z";
  for (std::string_view keep : {"0.6", "1", "0.5"}) {
    const PassContext told = ExpectRewrite(kRemoveTraining, DropoutTf1(keep), kAfter, Random());
    ASSERT_EQ(told.notes().size(), 1u);
    EXPECT_NE(told.notes()[0].find("dropout 'd'"), std::string::npos);
  }
}

TEST(RemoveTraining, TakesOutDropoutWhoseProbabilityIsFed) {
  ExpectRewrite(kRemoveTraining, DropoutTf1("Identity(k)", "in x:float32[2,4], k:float32?; "),
                "in x:float32[2,4], k:float32?; a = Relu(x); y = Neg(a); z = Abs(a); out y, z", Random());
}

TEST(RemoveTraining, TakesOutDropoutWhoseFormulaWasFolded) {
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4]; u = RandomUniform(int32[2]{2,4}) {dtype=float32}; sum = AddV2(u, 0.5); "
                "mask = Floor(sum); scaled = Mul(x, 2); d = Mul(mask, scaled); y = Neg(d); out y",
                "in x:float32[2,4]; y = Neg(x); out y", Random());
}

TEST(RemoveTraining, TakesOutDropoutOfTensorFlow113) {
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4]; scaled = Mul(x, 1.4285715); u = RandomUniform(int32[2]{2,4}) {dtype=float32}; "
                "ge = GreaterEqual(u, 0.3); mask = Cast(ge) {DstT=float32}; d = Mul(scaled, mask); y = Neg(d); out y",
                "in x:float32[2,4]; y = Neg(x); out y", Random());
}

TEST(RemoveTraining, TakesOutDropoutOfTensorFlow2) {
  for (std::string_view select : {"Select", "SelectV2"}) {
    ExpectRewrite(kRemoveTraining,
                  StrCat("in x:float32[?,4]; shape = Shape(x); u = RandomUniform(shape) {dtype=float32}; "
                         "ge = GreaterEqual(u, 0.3); scaled = Mul(x, 1.4285715); zero = ZerosLike(scaled); d = ",
                         select, "(ge, scaled, zero); y = Neg(d); out y"),
                  "in x:float32[?,4]; y = Neg(x); out y", Random());
  }
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4], k:float32[]; rate = Sub(1, k); keep = Sub(1, rate); scaled = RealDiv(x, keep); "
                "u = StatelessRandomUniformV2(int32[2]{2,4}, int64[1]{1}, int64[2]{1,2}, int32[]{1}) {dtype=float32}; "
                "ge = GreaterEqual(u, rate); d = SelectV2(ge, scaled, 0); y = Neg(d); out y",
                "in x:float32[2,4], k:float32[]; y = Neg(x); out y", Random());
}

TEST(RemoveTraining, TakesOutAMaskThatDropsWholeChannels) {
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,3,3,4]; u = RandomUniform(int32[4]{2,1,1,4}) {dtype=float32}; "
                "ge = GreaterEqual(u, 0.5); scaled = Mul(x, 2); d = SelectV2(ge, scaled, 0); y = Neg(d); out y",
                "in x:float32[2,3,3,4]; y = Neg(x); out y", Random());
}

TEST(RemoveTraining, TakesOutDroppedPathsWhoseProbabilityIsComputed) {
  ExpectRewrite(
      kRemoveTraining,
      "in x:float32[2,3,3,4]; step = int32[]{100}; done = Cast(step) {DstT=float32}; part = RealDiv(done, 80); "
      "ratio = Minimum(part, 1); drop = Mul(ratio, 0.4); keep = Sub(1, drop); "
      "u = RandomUniform(int32[4]{2,1,1,1}) {dtype=float32}; sum = Add(keep, u); mask = Floor(sum); "
      "scaled = RealDiv(x, keep); d = Mul(scaled, mask); y = Neg(d); out y",
      "in x:float32[2,3,3,4]; y = Neg(x); out y", Random());
}

TEST(RemoveTraining, TakesOutDropoutInHalfPrecision) {
  ExpectRewrite(
      kRemoveTraining,
      "in x:half[2,4]; scaled = Mul(x, half[]{1.4287109}); u = RandomUniform(int32[2]{2,4}) {dtype=half}; "
      "ge = GreaterEqual(u, half[]{0.3}); mask = Cast(ge) {DstT=half}; d = Mul(scaled, mask); y = Neg(d); out y",
      "in x:half[2,4]; y = Neg(x); out y", Random());
}

TEST(RemoveTraining, TakesOutTheDropoutOp) {
  RewriteOptions no_kernel;
  no_kernel.same_numbers = false;  // Dropout is no op of TensorFlow's
  ExpectRewrite(kRemoveTraining, "in x:float32[2,4]; a = Relu(x); d = Dropout(a) {rate=0.5}; y = Neg(d); out y, d=d",
                "in x:float32[2,4]; a = Relu(x); y = Neg(a); out y, d=a", no_kernel);
}

TEST(RemoveTraining, BypassesPrintAndGradientMultipliers) {
  RewriteOptions no_kernel;
  no_kernel.same_numbers = false;  // Print has none
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4]; p = Print(x, x) {message=\"x\"}; a = Mul(p, 0.1); b = Mul(p, 0.9); "
                "s = StopGradient(b); m = Add(a, s); y = Relu(m); out y",
                "in x:float32[2,4]; y = Relu(x); out y", no_kernel);
}

TEST(RemoveTraining, KeepsTheNumbersOfAGradientMultiplier) {
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4]; a = Mul(x, 0.1); b = Mul(0.9, x); s = StopGradient(b); m = AddV2(s, a); "
                "y = Relu(m); out y",
                "in x:float32[2,4]; y = Relu(x); out y");
}

TEST(RemoveTraining, KeepsASumThatIsNoGradientMultiplier) {
  ExpectNoRewrite(kRemoveTraining,
                  "in x:float32[2,4]; a = Mul(x, 0.1); b = Mul(x, 0.8); s = StopGradient(b); m = Add(a, s); out m", "");
  ExpectNoRewrite(kRemoveTraining, "in x:float32[2,4]; a = Mul(x, 0.1); b = Mul(x, 0.9); m = Add(a, b); out m", "");
}

TEST(RemoveTraining, DeclinesAMaskWithAnotherScale) {
  ExpectNoRewrite(kRemoveTraining,
                  "in x:float32[2,4]; scaled = Mul(x, 3); u = RandomUniform(int32[2]{2,4}) {dtype=float32}; "
                  "ge = GreaterEqual(u, 0.5); mask = Cast(ge) {DstT=float32}; d = Mul(scaled, mask); out d",
                  "d: a random mask, but its scale is not the inverse", Random());
  ExpectNoRewrite(kRemoveTraining,
                  "in x:float32[2,4]; scaled = Mul(x, 2); u = RandomUniform(int32[2]{2,4}) {dtype=float32}; "
                  "ge = GreaterEqual(u, 0.5); d = SelectV2(ge, scaled, 7); out d",
                  "d: a random choice between two values", Random());
}

TEST(RemoveTraining, DeclinesAMaskThatMakesTheResultLarger) {
  ExpectNoRewrite(kRemoveTraining,
                  "in x:float32[1,4]; scaled = Mul(x, 2); u = RandomUniform(int32[2]{3,4}) {dtype=float32}; "
                  "ge = GreaterEqual(u, 0.5); d = SelectV2(ge, scaled, 0); out d",
                  "d: a random mask that changes the shape", Random());
}

TEST(RemoveTraining, KeepsAndNotesRandomNumbersThatAreNoDropout) {
  ExpectNoRewrite(kRemoveTraining,
                  "in x:float32[2,4]; n = RandomStandardNormal(int32[2]{2,4}) {dtype=float32}; y = Add(x, n); out y",
                  "'n' (RandomStandardNormal) still feeds an output", Random());
}

TEST(RemoveTraining, KeepsAProbabilityThatSomethingElseUses) {
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4]; keep = 0.5; u = RandomUniform(int32[2]{2,4}) {dtype=float32}; sum = Add(keep, u); "
                "mask = Floor(sum); scaled = RealDiv(x, keep); d = Mul(scaled, mask); y = Mul(d, keep); out y, scaled",
                "in x:float32[2,4]; keep = 0.5; scaled = RealDiv(x, keep); y = Mul(x, keep); out y, scaled", Random());
}

TEST(RemoveTraining, ReadsOneOutputOfManyBehindDropout) {
  ExpectRewrite(kRemoveTraining,
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; scaled = Mul(s:1, 2); "
                "u = RandomUniform(int32[2]{2,2}) {dtype=float32}; ge = GreaterEqual(u, 0.5); "
                "d = SelectV2(ge, scaled, 0); y = Neg(d); out y",
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; y = Neg(s:1); out y", Random());
}

}  // namespace
}  // namespace permafrost
