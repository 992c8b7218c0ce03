#include "optimizer/passes/strip_unused.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(StripUnused, RemovesWhatNoOutputReaches) {
  ExpectRewrite(kStripUnused,
                "in x:float32[2,3]; p = Placeholder() {dtype=float32}; w = float32[3]{1,2,3}; a = Relu(x); "
                "b = Mul(x, w); c = Sub(b, p); out a",
                "in x:float32[2,3]; a = Relu(x); out a");
}

TEST(StripUnused, KeepsAndNotesAnInputThatNobodyUses) {
  const PassContext told =
      ExpectNoRewrite(kStripUnused, "in x:float32[2], keep:float32[]; a = Relu(x); out a", "'keep'");
  EXPECT_EQ(told.notes().size(), 1u);
}

TEST(StripUnused, KeepsANodeOfWhichOneOfManyOutputsIsUsed) {
  ExpectRewrite(kStripUnused,
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; a = Relu(s:1); b = Neg(s); out a",
                "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; a = Relu(s:1); out a");
}

TEST(StripUnused, KeepsAWeightThatAnotherUserShares) {
  ExpectRewrite(kStripUnused, "in x:float32[2,2]; w = float32[2]{1,2}; a = Mul(x, w); b = Add(x, w); out a",
                "in x:float32[2,2]; a = Mul(x, float32[2]{1,2}); out a");
}

TEST(StripUnused, KeepsWhatOnlyControlEdgesReach) {
  RewriteOptions imported;
  imported.before = imported.after = Level::kImported;
  ExpectRewrite(kStripUnused, "in x:float32[2]; a = Relu(x); b = Neg(x); n = NoOp(^a); y = Abs(x, ^n); out y",
                "in x:float32[2]; a = Relu(x); n = NoOp(^a); y = Abs(x, ^n); out y", imported);
}

TEST(StripUnused, DropsFunctionsThatNobodyCalls) {
  RewriteOptions imported;
  imported.before = imported.after = Level::kImported;
  ExpectRewrite(kStripUnused,
                "func dead { in a:float32?; r = Relu(a); out r }; func inner { in a:float32?; out a }; "
                "func body { in a:float32?; c = PartitionedCall(a) {f=@inner}; out c }; "
                "in x:float32[2]; y = Map(x) {fs=[@body]}; z = Map(x) {f=@dead}; out y",
                "func inner { in a:float32?; out a }; func body { in a:float32?; c = PartitionedCall(a) {f=@inner}; "
                "out c }; in x:float32[2]; y = Map(x) {fs=[@body]}; out y",
                imported);
}

TEST(StripUnused, AnInputThatIsAnOutputIsUsed) {
  const PassContext told = ExpectNoRewrite(kStripUnused, "in x:float32[2]; out y=x", "");
  EXPECT_TRUE(told.notes().empty());
}

TEST(StripUnused, RefusesAGraphWithoutOutputs) {
  Graph graph = ParseOrDie("in x:float32[2]; a = Relu(x)");
  const StatusOr<PassRun> run = RunPass(kStripUnused, graph);
  ASSERT_FALSE(run.ok());
  EXPECT_THAT(Message(run.status()), ::testing::HasSubstr("no outputs"));
}

}  // namespace
}  // namespace permafrost
