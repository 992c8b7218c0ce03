#include "optimizer/passes/lowering/training_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> NotesOf(std::string_view text) {
  Graph graph = ParseOrDie(text);
  GraphEditor editor(graph);
  PassContext context;
  DecideTrainingConditions(editor, context);
  return context.notes();
}

constexpr char kNet[] =
    "in x:float32[4,3]; m = VariableV2() {dtype=float32, shape=[3]}; r = Identity(m); p = VariableV2() {dtype=bool, shape=[]};"
    "b = Mean(x, int32[1]{0}) {keep_dims=false}; id = Identity(p);";

TEST(DecideTrainingConditions, TakesTheKeptStatisticsOnEitherSide) {
  EXPECT_THAT(NotesOf(StrCat(kNet, "s = Switch(b, id); k = Switch(r, id); y = Merge(k, s:1); out y")),
              ElementsAre(HasSubstr("'p' chooses between a norm's statistics of the batch and kept ones: set to false")));
  EXPECT_THAT(NotesOf(StrCat(kNet, "s = Switch(b, id); k = Switch(r, id); y = Merge(s, k:1); out y")),
              ElementsAre(HasSubstr("set to true")));
}

TEST(DecideTrainingConditions, TellsFusedNormsByTheirMode) {
  const std::string net =
      "in x:float32[2,2,2,1]; p = VariableV2() {dtype=bool, shape=[]}; s = Switch(x, p); one = float32[1]{1}; none = float32[0]{};"
      "a = FusedBatchNormV3(s:1, one, one, none, none) {is_training=true}; b = FusedBatchNormV3(s, one, one, one, one) ";
  EXPECT_THAT(NotesOf(StrCat(net, "{is_training=false}; y = Merge(b, a); out y")),
              ElementsAre(HasSubstr("set to false")));
  EXPECT_THAT(NotesOf(StrCat(net, "{is_training=true}; y = Merge(b, a); out y")), IsEmpty());
}

TEST(DecideTrainingConditions, LeavesOtherConditionsAndThoseOfTheUserAlone) {
  EXPECT_THAT(NotesOf(StrCat(kNet, "s = Switch(x, id); k = Switch(r, id); y = Merge(k, s:1); out y")), IsEmpty());
  EXPECT_THAT(NotesOf(StrCat(kNet, "t = bool[]{true}; s = Switch(b, t); k = Switch(r, t); y = Merge(k, s:1); out y")), IsEmpty());
}

}  // namespace
}  // namespace permafrost
