#include "optimizer/passes/lowering/settle_updates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/passes/lowering/refuse_state.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

// The graph after settling, what died taken out.
std::string Settled(std::string_view text, PassContext& context) {
  Graph graph = ParseOrDie(text);
  GraphEditor editor(graph);
  EXPECT_TRUE(SettleUpdates(editor, context).ok());
  editor.PruneDead();
  return PrintText(graph);
}

void ExpectSettled(std::string_view before, std::string_view after) {
  PassContext context;
  EXPECT_EQ(Settled(before, context), PrintText(ParseOrDie(after)));
}

constexpr char kVariable[] = "in x:float32[2]; v = VariableV2() {dtype=float32, shape=[2]};";

TEST(SettleUpdates, TakesTheVariableWhereAnAverageIsUpdated) {
  ExpectSettled(StrCat(kVariable, "u = AssignSub(v, x); y = Mul(x, u); out y"),
                StrCat(kVariable, "y = Mul(x, v); out y"));
}

TEST(SettleUpdates, TakesTheVariableWhereAnAssignmentHangsOnIt) {
  ExpectSettled(StrCat(kVariable, "s = Add(v, x); u = Assign(v, s); y = Mul(x, u); out y"),
                StrCat(kVariable, "y = Mul(x, v); out y"));
}

TEST(SettleUpdates, TakesWhatIsAssignedOtherwise) {
  ExpectSettled(StrCat(kVariable, "s = Neg(x); u = Assign(v, s); y = Mul(x, u); out y"),
                "in x:float32[2]; s = Neg(x); y = Mul(x, s); out y");
}

TEST(SettleUpdates, TakesTheVariableWhereARandomInitialValueIsAssigned) {
  ExpectSettled(StrCat(kVariable, "r = RandomUniform(int32[1]{2}) {dtype=float32}; u = Assign(v, r); y = Mul(x, u); out y"),
                StrCat(kVariable, "y = Mul(x, v); out y"));
}

TEST(SettleUpdates, KnowsThatVariablesHaveValues) {
  PassContext context;
  EXPECT_THAT(Settled(StrCat(kVariable, "i = IsVariableInitialized(v); y = Select(i, v, x); out y"), context),
              ::testing::AllOf(HasSubstr("bool[]{true}"), ::testing::Not(HasSubstr("IsVariableInitialized"))));
}

TEST(SettleUpdates, LeavesUpdatesAloneThatNoOutputReads) {
  PassContext context;
  Settled(StrCat(kVariable, "u = AssignSub(v, x); y = Mul(x, v); out y"), context);
  EXPECT_TRUE(context.notes().empty());
  Settled(StrCat(kVariable, "u = AssignSub(v, x); y = Mul(x, u); out y"), context);
  EXPECT_THAT(context.notes().back(), HasSubstr("update 'u' (AssignSub) of variable 'v' is not run"));
}

TEST(RefuseState, NamesTheTableAndTheOutputThatNeedsIt) {
  const Graph graph = ParseOrDie(
      "in x:float32[2]; a = Neg(x); t = HashTableV2(); l = LookupTableFindV2(t, x, x) {Tout=float32}; out a, l");
  EXPECT_THAT(Message(RefuseState(graph)), HasSubstr("node 't' (HashTableV2): output 'l' needs a lookup table"));
}

TEST(RefuseState, NamesTemporaryVariablesAndUpdatesOfOtherThings) {
  EXPECT_THAT(Message(RefuseState(ParseOrDie("t = TemporaryVariable() {dtype=float32, shape=[2]}; out t"))),
              HasSubstr("node 't' (TemporaryVariable): output 't' needs a temporary variable"));
  EXPECT_THAT(Message(RefuseState(ParseOrDie("in x:float32[2]; y = AssignAdd(x, x); out y"))),
              HasSubstr("an update of what is no variable"));
  EXPECT_TRUE(RefuseState(ParseOrDie("in x:float32[2]; y = Neg(x); out y")).ok());
}

}  // namespace
}  // namespace permafrost
