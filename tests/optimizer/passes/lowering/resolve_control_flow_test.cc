#include "optimizer/passes/lowering/resolve_control_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(ResolveControlFlow, TakesTheBranchOfAConstantPredicate) {
  for (const bool predicate : {false, true}) {
    ExpectRewrite(kResolveControlFlow,
                  StrCat("in x:float32[2]; s = Switch(x, ", predicate ? "bool[]{true}" : "bool[]{false}",
                         "); a = Relu(s); b = Neg(s:1); m = Merge(a, b); y = Abs(m); out y"),
                  predicate ? "in x:float32[2]; b = Neg(x); y = Abs(b); out y"
                            : "in x:float32[2]; a = Relu(x); y = Abs(a); out y",
                  Imported());
  }
}

TEST(ResolveControlFlow, TakesTF1ConditionsApart) {
  // tf.cond as TF1 writes it: pred_id, switch_t and switch_f steer by control edges, each use has its own Switch.
  ExpectRewrite(kResolveControlFlow,
                "in x:float32[2]; is_training = bool[]{false}; sw = Switch(is_training, is_training); "
                "t = Identity(sw:1); f = Identity(sw); id = Identity(is_training); "
                "one = Identity(float32[2]{1,2}, ^t); two = Identity(float32[2]{3,4}, ^f); "
                "st = Switch(x, id); sf = Switch(x, id); a = Add(st:1, one); b = Add(sf, two); m = Merge(b, a); out y=m",
                "in x:float32[2]; is_training = bool[]{false}; f = Identity(is_training); "
                "two = Identity(float32[2]{3,4}, ^f); b = Add(x, two); out y=b",
                Imported());
}

TEST(ResolveControlFlow, WorksBeforeOutputsAreChosen) {
  Graph graph = ParseOrDie("in x:float32[2]; s = Switch(x, bool[]{true}); a = Relu(s); b = Neg(s:1); m = Merge(a, b); "
                           "y = Abs(m)");
  const StatusOr<PassRun> run = RunPass(kResolveControlFlow, graph);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(Verify(graph, Level::kImported).ok());
  EXPECT_THAT(PrintText(graph), HasSubstr("y = Abs(b)"));
  EXPECT_FALSE(graph.Find("a"));
}

TEST(ResolveControlFlow, FollowsLogicToTheConstant) {
  ExpectRewrite(kResolveControlFlow,
                "in x:float32[2]; p = LogicalNot(bool[]{true}); q = LogicalAnd(p, bool[]{true}); s = Switch(x, q); "
                "a = Relu(s); b = Neg(s:1); m = Merge(a, b); out y=m",
                "in x:float32[2]; a = Relu(x); out y=a", Imported());
}

TEST(ResolveControlFlow, TakesNestedConditionsApart) {
  ExpectRewrite(kResolveControlFlow,
                "in x:float32[2]; no = bool[]{false}; yes = bool[]{true}; s = Switch(x, yes); i = Switch(s:1, no); "
                "a = Relu(i); b = Neg(i:1); inner = Merge(a, b); c = Abs(s); m = Merge(c, inner); out y=m",
                "in x:float32[2]; a = Relu(x); out y=a", Imported());
}

TEST(ResolveControlFlow, GivesTheIndexOfTheBranchTaken) {
  ExpectRewrite(kResolveControlFlow,
                "in x:float32[2]; s = Switch(x, bool[]{true}); a = Relu(s); b = Neg(s:1); m = Merge(a, b); "
                "i = Cast(m:1) {SrcT=int32, DstT=float32}; y = Add(m, i); out y",
                "in x:float32[2]; b = Neg(x); i = Cast(int32[]{1}) {SrcT=int32, DstT=float32}; y = Add(b, i); out y",
                Imported());
}

TEST(ResolveControlFlow, LeavesAPredicateThatIsFedAndSaysWhich) {
  ExpectNoRewrite(kResolveControlFlow,
                  "in x:float32[2], p:bool[]; s = Switch(x, p); a = Relu(s); b = Neg(s:1); m = Merge(a, b); out y=m",
                  "s: its predicate 'p' is not a constant", Imported());
  ExpectNoRewrite(kResolveControlFlow,
                  "func f { in a:float32[2]; out r=a }; in x:float32[2], p:bool[]; "
                  "i = If(p, x) {then_branch=@f, else_branch=@f}; out y=i",
                  "i: its predicate 'p' is not a constant", Imported());
}

TEST(ResolveControlFlow, LeavesWhileLoops) {
  ExpectNoRewrite(kResolveControlFlow,
                  "in x:float32[]; e = Enter(x) {frame_name=\"w\"}; m = Merge(e, next); c = Less(m, 5.0); l = LoopCond(c); "
                  "s = Switch(m, l); exit = Exit(s); next = NextIteration(s:1); out y=exit",
                  "", Imported());
}

TEST(ResolveControlFlow, DropsAWhileLoopOnTheDeadBranch) {
  ExpectRewrite(kResolveControlFlow,
                "in x:float32[]; d = Switch(x, bool[]{false}); e = Enter(d:1) {frame_name=\"w\"}; m = Merge(e, next); "
                "c = Less(m, 5.0); l = LoopCond(c); s = Switch(m, l); exit = Exit(s); next = NextIteration(s:1); "
                "a = Relu(d); r = Merge(a, exit); out y=r",
                "in x:float32[]; a = Relu(x); out y=a", Imported());
}

TEST(ResolveControlFlow, ControlEdgesFromDeadBranchesGoTheirUsersDieWithThem) {
  ExpectRewrite(kResolveControlFlow,
                "in x:float32[2]; s = Switch(x, bool[]{false}); a = Relu(s); b = Neg(s:1); m = Merge(a, b, ^b); "
                "late = Abs(x, ^s); y = Add(m, late); out y",
                "in x:float32[2]; a = Relu(x); late = Abs(x, ^x); y = Add(a, late); out y", Imported());
}

TEST(ResolveControlFlow, TurnsIfAndCaseIntoTheBranchTaken) {
  constexpr std::string_view kBranches =
      "func f { in a:float32[2]; b = Relu(a); out r=b }; func g { in a:float32[2]; b = Neg(a); out r=b }; in x:float32[2]; ";
  const auto taken = [&](std::string_view call) {
    Graph graph = ParseOrDie(StrCat(kBranches, "c = ", call, "; out y=c"));
    const StatusOr<PassRun> run = RunPass(kResolveControlFlow, graph);
    return run.ok() ? graph.node(graph.outputs()[0].value.node).op : Message(run.status());
  };
  EXPECT_EQ(taken("If(bool[]{true}, x) {then_branch=@f, else_branch=@g}"), "Relu");
  EXPECT_EQ(taken("StatelessIf(bool[]{false}, x) {then_branch=@f, else_branch=@g}"), "Neg");
  EXPECT_EQ(taken("If(int32[]{7}, x) {then_branch=@f, else_branch=@g}"), "Relu");
  EXPECT_EQ(taken("Case(int32[]{0}, x) {branches=[@f,@g]}"), "Relu");
  EXPECT_EQ(taken("StatelessCase(int32[]{1}, x) {branches=[@f,@g]}"), "Neg");
  EXPECT_EQ(taken("Case(int32[]{9}, x) {branches=[@f,@g]}"), "Neg");
  EXPECT_EQ(taken("Case(int32[]{-1}, x) {branches=[@f,@g]}"), "Neg");
  EXPECT_THAT(taken("If(bool[]{true}, x) {then_branch=@gone, else_branch=@g}"), HasSubstr("'gone' is not in the file"));
  EXPECT_THAT(taken("If(bool[]{true}, x, x) {then_branch=@f, else_branch=@g}"), HasSubstr("2 arguments"));
}

TEST(ResolveControlFlow, RefusesAnOutputOnTheDeadBranch) {
  Graph graph = ParseOrDie("in x:float32[2]; s = Switch(x, bool[]{false}); a = Relu(s); b = Neg(s:1); out a, b");
  EXPECT_THAT(Message(RunPass(kResolveControlFlow, graph).status()), HasSubstr("output 'b': lies on a branch"));
}

}  // namespace
}  // namespace permafrost
