#include "optimizer/passes/sort_by_execution_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> SortedNames(std::string_view text) {
  Graph graph = ParseOrDie(text);
  const StatusOr<PassRun> run = RunPass(kSortByExecutionOrder, graph);
  EXPECT_TRUE(run.ok()) << run.status();
  std::vector<std::string> names;
  for (NodeId id : graph.NodeIds()) names.push_back(graph.node(id).name);
  return names;
}

TEST(SortByExecutionOrder, PutsProducersFirst) {
  ExpectRewrite(kSortByExecutionOrder, "y = Add(a, b); a = Relu(x); in x:float32[1,4]; b = Neg(x); out y",
                "in x:float32[1,4]; a = Relu(x); b = Neg(x); y = Add(a, b); out y");
}

TEST(SortByExecutionOrder, PutsEachConstantRightBeforeItsFirstUser) {
  EXPECT_THAT(SortedNames("w2 = float32[2]{1,2}; w1 = float32[2]{3,4}; lone = float32[]{1}; in x:float32[2,2]; "
                          "a = Mul(x, w1); b = Add(a, w2); c = Sub(b, w1); out c, lone"),
              ElementsAre("x", "w1", "a", "w2", "b", "c", "lone"));
}

TEST(SortByExecutionOrder, PutsInputsFirstInTheirOrder) {
  EXPECT_THAT(SortedNames("in a:float32[2]; r = Relu(a); in b:float32[2]; y = Add(r, b); inputs b, a; out y"),
              ElementsAre("b", "a", "r", "y"));
}

TEST(SortByExecutionOrder, KeepsTheOrderOfIndependentNodes) {
  EXPECT_THAT(
      SortedNames("in x:float32[2,4]; z = Neg(s:1); b = Abs(x); s = Split(int32[]{1}, x) {num_split=2}; a = Abs(s); "
                  "y = Add(a, z); out y, b"),
      ElementsAre("x", "b", "s/const", "s", "z", "a", "y"));
}

TEST(SortByExecutionOrder, LeavesASortedGraph) {
  ExpectNoRewrite(kSortByExecutionOrder, "in x:float32[1,4]; w = float32[4]~1; a = Mul(x, w); y = Add(a, w); out y",
                  "");
}

TEST(SortByExecutionOrder, NamesANodeOfACycle) {
  Graph graph = ParseOrDie("in x:float32[2]; a = Unknown(b, x); b = Unknown(a); out b");
  const StatusOr<PassRun> run = RunPass(kSortByExecutionOrder, graph);
  ASSERT_FALSE(run.ok());
  EXPECT_THAT(Message(run.status()), ::testing::HasSubstr("cycle"));
}

}  // namespace
}  // namespace permafrost
