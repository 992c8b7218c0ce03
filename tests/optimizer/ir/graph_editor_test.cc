#include "optimizer/ir/graph_editor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/ir/verify.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Graph Parse(std::string_view text) {
  StatusOr<Graph> graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}
NodeId Id(const Graph& graph, std::string_view name) {
  EXPECT_TRUE(graph.Find(name).has_value()) << name;
  return graph.Find(name).value_or(kNoNode);
}

TEST(GraphEditor, MakesNamesUnique) {
  Graph graph = Parse("in x:float32[1]; out x");
  GraphEditor editor(graph);
  EXPECT_EQ(editor.node(editor.AddConst("x", Tensor::Scalar(1.0f))).name, "x_1");
  EXPECT_EQ(editor.node(editor.AddConst("x", Tensor::Scalar(1.0f))).name, "x_2");
  EXPECT_TRUE(Verify(graph, Level::kFlat).ok());
}

TEST(GraphEditor, FindsAFreeNameAmongManyOfTheSameBase) {
  Graph graph = Parse("in x:float32[1]; out x");
  GraphEditor editor(graph);
  for (int i = 1; i <= 70; ++i) {
    EXPECT_EQ(editor.node(editor.AddConst("x", Tensor::Scalar(1.0f))).name, StrCat("x_", i));
  }
}

TEST(GraphEditor, PrunesManyUsersOfAValueThatStays) {
  Graph graph = Parse("in x:float32[1]; a = Add(x, x); b = Neg(x); c = Add(b, a); d = Relu(x); out d");
  GraphEditor editor(graph);
  const NodeId x = Id(graph, "x"), d = Id(graph, "d");
  EXPECT_EQ(editor.PruneDead(), 3);
  EXPECT_THAT(editor.Users(x), ElementsAre(Use{d, 0}));
  EXPECT_EQ(PrintText(graph), "in x:float32[1]\nd = Relu(x)\nout d\n");
}

TEST(GraphEditor, ReplacesUsesOfOnePortOnly) {
  Graph graph = Parse("in x:float32[1]; s = Op(x); a = Add(s, s:1); b = Neg(s:1); out a, b, s=s:1");
  GraphEditor editor(graph);
  editor.ReplaceUses({Id(graph, "s"), 1}, {Id(graph, "x"), 0});
  EXPECT_EQ(PrintText(graph), "in x:float32[1]\ns = Op(x)\na = Add(s, x)\nb = Neg(x)\nout a, b, s=x\n");
}

TEST(GraphEditor, ANodeMayTakeThePlaceOfItsOwnInput) {
  Graph graph = Parse("in x:float32[1]; r = Relu(x); a = Neg(x); out a, r");
  GraphEditor editor(graph);
  editor.ReplaceUses({Id(graph, "x"), 0}, {Id(graph, "r"), 0});
  EXPECT_EQ(PrintText(graph), "in x:float32[1]\nr = Relu(x)\na = Neg(r)\nout a, r\n");
}

TEST(GraphEditor, KeepsItsIndexOfUsers) {
  Graph graph = Parse("in x:float32[1]; a = Add(x, x); b = Neg(a); out b, a");
  GraphEditor editor(graph);
  const NodeId x = Id(graph, "x"), a = Id(graph, "a"), b = Id(graph, "b");
  EXPECT_THAT(editor.Users(x), ElementsAre(Use{a, 0}, Use{a, 1}));
  EXPECT_FALSE(editor.HasOneUse({a, 0}));  // a user and an output
  editor.SetInput(a, 1, {b, 0});
  EXPECT_THAT(editor.Users(x), ElementsAre(Use{a, 0}));
  EXPECT_THAT(editor.Users(b), ElementsAre(Use{a, 1}));
  editor.SetInputs(a, {});
  EXPECT_THAT(editor.Users(x), IsEmpty());
}

TEST(GraphEditor, RaisesTheRevisionOnlyForChanges) {
  Graph graph = Parse("in x:float32[1]; a = Relu(x) {k=1}; out a");
  GraphEditor editor(graph);
  const NodeId a = Id(graph, "a"), x = Id(graph, "x");
  const uint64_t before = graph.revision();
  editor.SetAttr(a, "k", int64_t{1});
  editor.SetInput(a, 0, {x, 0});
  editor.SetOp(a, "Relu");
  editor.SetControls(a, {});
  editor.RemoveAttr(a, "none");
  editor.ReplaceUses({a, 0}, {a, 0});
  editor.SetGraphInputs({x});
  editor.PruneDead();
  editor.SetOutputTypes(a, {ValueType{}});
  editor.Reorder(graph.NodeIds());
  EXPECT_EQ(graph.revision(), before);
  editor.SetAttr(a, "k", int64_t{2});
  EXPECT_GT(graph.revision(), before);
}

TEST(GraphEditor, PrunesWhatNothingReaches) {
  Graph graph = Parse(
      "in x:float32[1], unused:float32[1]; gate = NoOp(); a = Relu(x, ^gate); dead = Neg(a); deader = Neg(dead); out "
      "a");
  GraphEditor editor(graph);
  EXPECT_EQ(editor.PruneDead(), 2);
  EXPECT_EQ(PrintText(graph), "in x:float32[1]\nin unused:float32[1]\ngate = NoOp()\na = Relu(x, ^gate)\nout a\n");
  EXPECT_THAT(editor.Users(Id(graph, "a")), IsEmpty());
}

TEST(GraphEditor, ReordersIdsEverywhere) {
  Graph graph = Parse("y = Add(a, x, ^a); a = Relu(x); in x:float32[1]; out y, a");
  GraphEditor editor(graph);
  editor.Reorder({Id(graph, "x"), Id(graph, "a"), Id(graph, "y")});
  EXPECT_EQ(PrintText(graph), "in x:float32[1]\na = Relu(x)\ny = Add(a, x, ^a)\nout y, a\n");
  EXPECT_TRUE(Verify(graph, Level::kImported).ok());
  EXPECT_THAT(editor.Users(Id(graph, "a")), ElementsAre(Use{Id(graph, "y"), 0}));
}

TEST(Graph, OrdersProducersFirstAndKeepsPositionsOtherwise) {
  const Graph graph = Parse("c = Neg(b); in x:float32[1]; b = Relu(x); a = Relu(x); out c, a");
  const StatusOr<std::vector<NodeId>> order = graph.TopoOrder();
  ASSERT_TRUE(order.ok());
  EXPECT_THAT(*order, ElementsAre(Id(graph, "x"), Id(graph, "b"), Id(graph, "c"), Id(graph, "a")));
}

TEST(Verify, NamesTheNodeThatBreaksAPromise) {
  const auto error = [](std::string_view text, Level level) {
    const Graph graph = Parse(text);
    return Message(Verify(graph, level));
  };
  EXPECT_THAT(error("a = Op(b); b = Op(a); out a", Level::kFlat), HasSubstr("depends on itself"));
  EXPECT_THAT(error("a = Op(b); b = Op(a); out a", Level::kImported), HasSubstr("depends on itself"));
  EXPECT_THAT(
      error("in x:float32[1]; m = Merge(x, n); n = NextIteration(m); a = Op(b, m); b = Op(a); out a", Level::kImported),
      HasSubstr("not a while loop"));
  EXPECT_EQ(error("in x:float32[1]; m = Merge(x, n); n = NextIteration(m); out m", Level::kImported), "");
  EXPECT_EQ(error("in x:float32[1]; m = Merge(x, n); c = NoOp(^m); n = NextIteration(m, ^c); out m", Level::kImported),
            "");
  EXPECT_THAT(error("in x:float32[1]; m = Merge(x, n); n = NextIteration(m); out m", Level::kFlat),
              HasSubstr("node 'm' (Merge): control flow in a flat graph"));
  EXPECT_THAT(error("n = NoOp(); a = Op(^n); out a", Level::kFlat), HasSubstr("node 'a' (Op): has a control input"));
  EXPECT_THAT(error("c = Const(); out c", Level::kFlat), HasSubstr("node 'c' (Const): has no value"));
  EXPECT_THAT(error("func f { in a:float32? ; out a }; in x:float32[1]; out x", Level::kFlat), HasSubstr("functions"));
}

TEST(Verify, SeesWhatAnEditorLeftDangling) {
  Graph graph = Parse("in x:float32[1]; a = Relu(x); b = Neg(a); out b");
  GraphEditor editor(graph);
  editor.RemoveNode(Id(graph, "a"));
  EXPECT_THAT(Message(Verify(graph, Level::kFlat)), HasSubstr("node 'b' (Neg): input 0 is not defined"));
  editor.SetGraphOutputs({{"a", {Id(graph, "x"), 0}}, {"a", {Id(graph, "x"), 0}}});
  editor.PruneDead();
  EXPECT_THAT(Message(Verify(graph, Level::kFlat)), HasSubstr("output 'a': is asked for twice"));
  editor.SetGraphOutputs({});
  editor.SetOp(Id(graph, "x"), "Relu");
  EXPECT_THAT(Message(Verify(graph, Level::kFlat)), HasSubstr("input 'x': is a Relu"));
}

}  // namespace
}  // namespace permafrost
