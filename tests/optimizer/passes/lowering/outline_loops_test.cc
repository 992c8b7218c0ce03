#include "optimizer/passes/lowering/outline_loops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  Graph graph = ParseOrDie(text);
  return Message(RunPass(kOutlineLoops, graph).status());
}

// A loop that adds one to x until it is 5.
constexpr std::string_view kCounter =
    "in x:float32[]; e = Enter(x) {frame_name=\"w\"}; m = Merge(e, next); c = Less(m, 5.0); l = LoopCond(c); "
    "s = Switch(m, l); exit = Exit(s); step = Add(s:1, 1.0); next = NextIteration(step); out y=exit";

TEST(OutlineLoops, TurnsAFrameIntoAWhileWithFunctions) {
  ExpectRewrite(kOutlineLoops,
                "in x:float32[]; e = Enter(x) {frame_name=\"w\"}; m = Merge(e, next); c = IsFinite(m); l = LoopCond(c); "
                "s = Switch(m, l); exit = Exit(s); step = Exp(s:1); next = NextIteration(step); out y=exit",
                "func \"w/cond\" { in loop_variable_0:float32?; c = IsFinite(loop_variable_0); out result_0=c }; "
                "func \"w/body\" { in loop_variable_0:float32?; step = Exp(loop_variable_0); out result_0=step }; "
                "in x:float32[]; w = While(x) {body=@w/body, cond=@w/cond}; out y=w",
                Imported());
}

TEST(OutlineLoops, CapturesInvariantsAndValuesFromOutside) {
  Graph graph = ParseOrDie(
      "in x:float32[], k:float32[]; limit = Abs(k); e = Enter(x) {frame_name=\"w\"}; i = Enter(k) {frame_name=\"w\", "
      "is_constant=true}; m = Merge(e, next); c = Less(m, limit); l = LoopCond(c); s = Switch(m, l); exit = Exit(s); "
      "step = Add(s:1, i); next = NextIteration(step); out y=exit");
  const auto run = RunPass(kOutlineLoops, graph);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_THAT(PrintText(graph), HasSubstr("w = While(x, limit, k)"));
  EXPECT_EQ(graph.functions().at("w/body")->outputs().size(), 3u);
  EXPECT_EQ(graph.functions().at("w/body")->inputs().size(), 3u);
}

TEST(OutlineLoops, TakesInnerLoopsFirst) {
  Graph graph = ParseOrDie(
      "in x:float32[]; e = Enter(x) {frame_name=\"a\"}; m = Merge(e, n); c = Less(m, 5.0); l = LoopCond(c); "
      "s = Switch(m, l); exit = Exit(s); e2 = Enter(s:1) {frame_name=\"b\"}; m2 = Merge(e2, n2); c2 = Less(m2, 3.0); "
      "l2 = LoopCond(c2); s2 = Switch(m2, l2); exit2 = Exit(s2); step2 = Add(s2:1, 2.0); n2 = NextIteration(step2); "
      "step = Add(exit2, 1.0); n = NextIteration(step); out y=exit");
  const auto run = RunPass(kOutlineLoops, graph);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(graph.functions().size(), 4u);
  EXPECT_THAT(PrintText(*graph.functions().at("a/body")), HasSubstr("b = While(loop_variable_0, "));
  EXPECT_TRUE(Verify(graph, Level::kImported).ok());
}

TEST(OutlineLoops, LeavesALoopThatNoOutputNeeds) {
  Graph graph = ParseOrDie(StrCat(kCounter, "; z = Abs(x); out z"));
  GraphEditor(graph).SetGraphOutputs({{"z", {*graph.Find("z"), 0}}});
  const auto run = RunPass(kOutlineLoops, graph);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(graph.functions().empty());
}

TEST(OutlineLoops, RefusesFramesThatAreMixedUp) {
  const auto replaced = [](std::string_view what, std::string_view by) {
    std::string text(kCounter);
    text.replace(text.find(what), what.size(), by);
    return text;
  };
  EXPECT_THAT(ErrorOf(replaced("l = LoopCond(c)", "l = LogicalNot(c)")), HasSubstr("while loop 'w', node 'e' (Enter): the loop has no LoopCond"));
  EXPECT_THAT(ErrorOf(replaced("out y=exit", "k = LoopCond(c); s2 = Switch(m, k); y2 = Exit(s2); out y=exit, y2")),
              HasSubstr("a second condition"));
  EXPECT_THAT(ErrorOf(replaced("exit = Exit(s)", "exit = Exit(c)")), HasSubstr("leaves from 'c'"));
  EXPECT_THAT(ErrorOf(replaced("out y=exit", "out y=exit, step")), HasSubstr("output 'step' lies inside the loop"));
  EXPECT_THAT(ErrorOf(replaced("step = Add(s:1, 1.0)", "step = Add(s, 1.0)")), HasSubstr("where only values of the current turn are"));
  EXPECT_THAT(ErrorOf(replaced("m = Merge(e, next)", "m = Merge(e, next, e)")), HasSubstr("has 3 inputs, expected 2"));
  EXPECT_THAT(ErrorOf(replaced("step = Add(s:1, 1.0)", "again = Enter(s:1) {frame_name=\"w\"}; step = Add(s:1, again)")),
              HasSubstr("entered from inside itself"));
}

TEST(OutlineLoops, RefusesFramesInsideEachOther) {
  EXPECT_THAT(ErrorOf("in x:float32[]; e = Enter(x) {frame_name=\"a\"}; f = Enter(e) {frame_name=\"b\"}; g = Enter(f) "
                      "{frame_name=\"a\"}; h = Add(e, g); out y=h"),
              HasSubstr("inside"));
}

}  // namespace
}  // namespace permafrost
