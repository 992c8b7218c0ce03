#include "optimizer/passes/merge_duplicates.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(MergeDuplicates, KeepsTheFirstOfEqualNodes) {
  ExpectRewrite(kMergeDuplicates, "in x:float32[2,4]; a = Relu(x); b = Relu(x); y = Sub(a, b); out y",
                "in x:float32[2,4]; a = Relu(x); y = Sub(a, a); out y");
}

TEST(MergeDuplicates, MergesWholeBranchesInOneSweep) {
  ExpectRewrite(kMergeDuplicates,
                "in x:float32[2,2]; w = float32[2]{1,2}; v = float32[2]{1,2}; a = Mul(x, w); b = Mul(v, x); "
                "c = Relu(a); d = Relu(b); y = Sub(c, d); out y",
                "in x:float32[2,2]; a = Mul(x, float32[2]{1,2}); c = Relu(a); y = Sub(c, c); out y");
}

TEST(MergeDuplicates, KeepsTheFirstInPositionEvenWhereItComesLastInOrder) {
  ExpectRewrite(kMergeDuplicates,
                "in x:float32[2,2]; b = Relu(n); m = Neg(x); a = Relu(m); n = Neg(x); y = Sub(a, b); out y",
                "in x:float32[2,2]; b = Relu(m); m = Neg(x); y = Sub(b, b); out y");
}

TEST(MergeDuplicates, MergesConstantsOfTheSameBitsOnly) {
  ExpectRewrite(kMergeDuplicates,
                "in x:float32[8,8]; a = float32[8,8]~1; b = float32[8,8]~1; c = float32[8,8]~2; d = float32[64]~1; "
                "p = Mul(x, a); q = Sub(p, b); r = Mul(q, c); z = Reshape(d, int32[2]{8,8}); y = Mul(r, z); out y",
                "in x:float32[8,8]; a = float32[8,8]~1; c = float32[8,8]~2; d = float32[64]~1; "
                "p = Mul(x, a); q = Sub(p, a); r = Mul(q, c); z = Reshape(d, int32[2]{8,8}); y = Mul(r, z); out y");
}

TEST(MergeDuplicates, ComparesConstantsBeyondTheirFirstElements) {
  std::string values, other;
  for (int i = 0; i < 100; ++i) {
    values += (i > 0 ? "," : "") + std::to_string(i);
    other += (i > 0 ? "," : "") + std::to_string(i == 99 ? 0 : i);
  }
  ExpectNoRewrite(kMergeDuplicates,
                  "in x:float32[100]; a = float32[100]{" + values + "}; b = float32[100]{" + other +
                      "}; p = Mul(x, a); y = Sub(p, b); out y",
                  "");
}

TEST(MergeDuplicates, KeepsBothNamesOfOutputs) {
  ExpectRewrite(kMergeDuplicates, "in x:float32[2]; a = Relu(x); b = Relu(x); out a, b",
                "in x:float32[2]; a = Relu(x); out a, b=a");
}

TEST(MergeDuplicates, MovesEveryPort) {
  ExpectRewrite(kMergeDuplicates,
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; t = Split(int32[]{1}, x) {num_split=2}; y "
                "= Sub(s, t:1); "
                "z = Sub(t, s:1); out y, z",
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; y = Sub(s, s:1); out y, z=y");
}

TEST(MergeDuplicates, LooksPastAnnotationsAndDefaults) {
  ExpectRewrite(kMergeDuplicates,
                "in x:float32[2]; a = Relu(x) {T=float32, _class=[\"loc:a\"]}; b = Relu(x) {_device=\"/gpu:0\"}; "
                "y = Sub(a, b); out y",
                "in x:float32[2]; a = Relu(x) {T=float32, _class=[\"loc:a\"]}; y = Sub(a, a); out y");
}

TEST(MergeDuplicates, LeavesWhatDiffersInOpAttributesOrOrder) {
  ExpectNoRewrite(kMergeDuplicates,
                  "in x:float32[2], z:float32[2]; a = Sub(x, z); b = Sub(z, x); c = LeakyRelu(x) {alpha=0.1}; "
                  "d = LeakyRelu(x) {alpha=0.2}; e = Relu(x); f = Relu6(x); out a, b, c, d, e, f",
                  "");
}

TEST(MergeDuplicates, LeavesPlaceholdersRandomAndUnknownOps) {
  RewriteOptions no_numbers;
  no_numbers.same_numbers = false;  // random
  ExpectNoRewrite(kMergeDuplicates,
                  "in x:float32[2], z:float32[2]; n = int32[1]{2}; a = RandomUniform(n) {dtype=float32}; "
                  "b = RandomUniform(n) {dtype=float32}; c = Mystery(x); d = Mystery(x); "
                  "y = AddN(x, z, a, b); out y, c, d",
                  "", no_numbers);
}

TEST(MergeDuplicates, StaysFastOnManyConstantsThatStartAlike) {
  std::string text = "in x:float32[70]\n", sum = "y = AddN(x";
  for (int i = 0; i < 2000; ++i) {
    text += "c" + std::to_string(i) + " = float32[70]{";
    for (int k = 0; k < 69; ++k) text += "0,";
    text += std::to_string(i) + "}\n";
    sum += ", c" + std::to_string(i);
  }
  ExpectNoRewrite(kMergeDuplicates, text + sum + ")\nout y\n", "");
}

}  // namespace
}  // namespace permafrost
