#include "optimizer/passes/remove_identity.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(RemoveIdentity, ForwardsItsInputToEveryConsumer) {
  ExpectRewrite(kRemoveIdentity, "in x:float32[1,4]; id = Identity(x); a = Relu(id); b = Neg(id); out a, b",
                "in x:float32[1,4]; a = Relu(x); b = Neg(x); out a, b");
}

TEST(RemoveIdentity, KeepsTheNamesOfOutputs) {
  ExpectRewrite(kRemoveIdentity, "in x:float32[1,4]; r = Relu(x); y = Identity(r); out r, y",
                "in x:float32[1,4]; r = Relu(x); out r, y=r");
}

TEST(RemoveIdentity, BypassesOneBetweenAnInputAndAnOutput) {
  ExpectRewrite(kRemoveIdentity, "in x:float32[1,4]; y = Identity(x); out y", "in x:float32[1,4]; out y=x");
}

TEST(RemoveIdentity, TakesAChainInAnyOrder) {
  ExpectRewrite(kRemoveIdentity,
                "in x:float32[1,4]; y = Relu(c); c = Snapshot(b); b = StopGradient(a); a = CheckNumerics(x) "
                "{message=\"\"}; out y",
                "in x:float32[1,4]; y = Relu(x); out y");
}

TEST(RemoveIdentity, MatchesThePortsOfIdentityN) {
  ExpectRewrite(kRemoveIdentity,
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; n = IdentityN(s:1, s, x); y = Sub(n, n:1); "
                "z = Neg(n:2); out y, z",
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; y = Sub(s:1, s); z = Neg(x); out y, z");
}

TEST(RemoveIdentity, GivesAPlaceholderWithDefaultItsDefault) {
  ExpectRewrite(kRemoveIdentity,
                "in x:float32[2,4]; r = Relu(x); p = PlaceholderWithDefault(r) {shape=shape[?,4]}; y = Neg(p); out y",
                "in x:float32[2,4]; r = Relu(x); y = Neg(r); out y");
}

TEST(RemoveIdentity, TakesEnsureShapeOnlyWhenTheShapeIsKnownToFit) {
  ExpectRewrite(kRemoveIdentity, "in x:float32[2,4]; e = EnsureShape(x) {shape=shape[?,4]}; y = Relu(e); out y",
                "in x:float32[2,4]; y = Relu(x); out y");
  ExpectNoRewrite(kRemoveIdentity, "in x:float32[?,4]; e = EnsureShape(x) {shape=shape[2,4]}; y = Relu(e); out y",
                  "not known to fit [2,4]");
}

TEST(RemoveIdentity, LeavesASharedConstantShared) {
  ExpectRewrite(kRemoveIdentity,
                "in x:float32[2,2]; w = float32[2]{1,2}; r = Identity(w); a = Mul(x, r); b = Add(x, r); out a, b",
                "in x:float32[2,2]; w = float32[2]{1,2}; a = Mul(x, w); b = Add(x, w); out a, b");
}

TEST(RemoveIdentity, DeclinesANodeThatWaitsForAnother) {
  RewriteOptions imported;
  imported.before = imported.after = Level::kImported;
  ExpectNoRewrite(kRemoveIdentity, "in x:float32[2]; n = NoOp(); i = Identity(x, ^n); y = Relu(i); out y",
                  "i: it has control inputs", imported);
}

}  // namespace
}  // namespace permafrost
