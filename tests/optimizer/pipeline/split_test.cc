#include "optimizer/pipeline/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

std::vector<std::string> Names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Component& component : FindComponents(graph)) names.push_back(component.name);
  return names;
}

TEST(FindComponents, AreNotJoinedByAConstantThatBothRead) {
  const Graph graph = ParseOrDie(
      "in x:float32[1,2], y:float32[1,2]; w = float32[2,2]~3; i = Identity(w); \"a/m\" = MatMul(x, i); \"b/m\" = "
      "MatMul(y, i); "
      "out \"a/m\", \"b/m\"");
  const std::vector<Component> components = FindComponents(graph);
  ASSERT_EQ(components.size(), 2U);
  EXPECT_EQ(components[0].name, "a");
  EXPECT_EQ(components[1].inputs, std::vector<NodeId>{*graph.Find("y")});
  const Graph part = TakeComponent(graph, components[1]);
  EXPECT_FALSE(part.Find("x"));
  EXPECT_EQ(part.outputs().size(), 1U);
}

TEST(FindComponents, AreOneWhereAnInputIsShared) {
  EXPECT_EQ(Names(ParseOrDie("in x:float32[1,2]; a = Relu(x); b = Neg(x); out a, b")).size(), 1U);
}

TEST(FindComponents, AreNamedByTheirFirstOutputsWhereScopesAreTheSame) {
  EXPECT_THAT(
      Names(ParseOrDie("in x:float32[1,2], y:float32[1,2]; \"s/a\" = Relu(x); \"s/b\" = Neg(y); out \"s/a\", \"s/b\"")),
      testing::ElementsAre("s_a", "s_b"));
}

TEST(FindComponents, TakesAnOutputThatNoInputReachesWithTheFirst) {
  const Graph graph =
      ParseOrDie("in x:float32[1,2], y:float32[1,2]; c = float32[2]{1}; a = Relu(x); b = Neg(y); out c, a, b");
  const std::vector<Component> components = FindComponents(graph);
  ASSERT_EQ(components.size(), 2U);
  EXPECT_EQ(components[0].outputs.size(), 2U);
}

TEST(ComponentPath, PutsTheNameBeforeTheSuffix) {
  EXPECT_EQ(ComponentPath("a.b/model.pb", "pnet"), "a.b/model_pnet.pb");
  EXPECT_EQ(ComponentPath("a.b/model", "pnet"), "a.b/model_pnet");
  EXPECT_EQ(ComponentPath(".pb", "pnet"), ".pb_pnet");
}

}  // namespace
}  // namespace permafrost
