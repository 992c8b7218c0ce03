#include "optimizer/passes/lowering/inline_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTwice = "func twice { in a:float32[2]; b = Add(a, a); out r=b }; ";

// The graph after inlining, without its function library.
std::string Inlined(std::string_view text) {
  Graph graph = ParseOrDie(text);
  const StatusOr<PassRun> run = RunPass(kInlineFunctions, graph);
  if (!run.ok()) return Message(run.status());
  EXPECT_TRUE(Verify(graph, Level::kImported).ok()) << Verify(graph, Level::kImported);
  GraphEditor(graph).ClearFunctions();
  return PrintText(graph);
}

TEST(InlineFunctions, PutsTheBodyInPlaceOfACall) {
  for (const char* call : {"PartitionedCall(x) {f=@twice}", "StatefulPartitionedCall(x) {f=@twice}", "twice(x)"}) {
    EXPECT_EQ(Inlined(StrCat(kTwice, "in x:float32[2]; c = ", call, "; y = Neg(c); out y")),
              "in x:float32[2]\ny = Neg(c/b)\nc/b = Add(x, x)\nout y\n");
  }
}

TEST(InlineFunctions, OpensCallsInsideBodies) {
  EXPECT_EQ(Inlined(StrCat(kTwice, "func four { in a:float32[2]; p = twice(a); q = twice(p); out r=q }; "
                                   "in x:float32[2]; c = four(x); out y=c")),
            "in x:float32[2]\nc/p/b = Add(x, x)\nc/q/b = Add(c/p/b, c/p/b)\nout y=c/q/b\n");
}

TEST(InlineFunctions, HandsEveryResultToItsUsers) {
  EXPECT_EQ(Inlined("func f { in a:float32[2], b:float32[2]; s = Sub(a, b); out first=s, same=b }; "
                    "in x:float32[2], y:float32[2]; c = f(x, y); z = Mul(c, c:1); out z, w=c:1"),
            "in x:float32[2]\nin y:float32[2]\nz = Mul(c/s, y)\nc/s = Sub(x, y)\nout z, w=y\n");
}

TEST(InlineFunctions, KeepsTheOrderThatControlEdgesAskFor) {
  EXPECT_EQ(Inlined("func f { in a:float32[2]; n = NoOp(^a); b = Relu(a, ^n); out r=b }; "
                    "in x:float32[2]; first = NoOp(); c = f(x, ^first); last = Neg(x, ^c); out last"),
            "in x:float32[2]\nfirst = NoOp()\nlast = Neg(x, ^c/b)\nc/n = NoOp(^first, ^x)\nc/b = Relu(x, ^first, ^c/n)\nout last\n");
}

TEST(InlineFunctions, RefusesRecursionDirectAndMutual) {
  EXPECT_THAT(Inlined("func f { in a:float32[2]; b = f(a); out r=b }; in x:float32[2]; c = f(x); out y=c"),
              HasSubstr("function 'f' calls itself"));
  EXPECT_THAT(Inlined("func f { in a:float32[2]; b = g(a); out r=b }; func g { in a:float32[2]; b = f(a); out r=b }; "
                      "in x:float32[2]; c = f(x); out y=c"),
              HasSubstr("calls itself"));
}

TEST(InlineFunctions, RefusesCallsThatDoNotFit) {
  EXPECT_THAT(Inlined(StrCat(kTwice, "in x:float32[2]; c = twice(x, x); out y=c")),
              HasSubstr("node 'c' (twice): has 2 arguments, the function takes 1"));
  EXPECT_THAT(Inlined(StrCat(kTwice, "in x:float32[2]; c = PartitionedCall(x) {f=@gone}; out y=c")), HasSubstr("'gone'"));
  EXPECT_THAT(Inlined(StrCat(kTwice, "in x:float32[2]; c = twice(x); z = Neg(c:1); out z")), HasSubstr("only 1"));
}

TEST(InlineFunctions, RefusesResultsThatTheFunctionDoesNotHave) {
  const std::string_view said = "node 'c': output 1 or higher is used, the function has only 1";
  EXPECT_THAT(Inlined(StrCat(kTwice, "in x:float32[2]; c = twice(x); y = Neg(c:1); out y")), HasSubstr(said));
  EXPECT_THAT(Inlined(StrCat(kTwice, "in x:float32[2]; c = twice(x); out y=c, z=c:1")), HasSubstr(said));
}

TEST(InlineFunctions, DoesNotOpenWhatNoOutputNeeds) {
  EXPECT_EQ(Inlined("func f { in a:float32[2]; b = f(a); out r=b }; in x:float32[2]; c = f(x); y = Neg(x); out y"),
            "in x:float32[2]\ny = Neg(x)\nout y\n");
}

TEST(InlineFunctions, IsQuickWhereFunctionsDoubleEachOther) {
  std::string text = "func f0 { in a:float32[2]; b = Neg(a); out r=b }; ";
  for (int i = 1; i <= 14; ++i) {
    text += StrCat("func f", i, " { in a:float32[2]; p = f", i - 1, "(a); q = f", i - 1, "(p); out r=q }; ");
  }
  Graph graph = ParseOrDie(text + "in x:float32[2]; c = f14(x); out y=c");
  ASSERT_TRUE(RunPass(kInlineFunctions, graph).ok());
  EXPECT_EQ(graph.node_count(), 1 + (1 << 14));
}

TEST(InlineFunctions, NamesAPortThatTheFunctionsNodeDoesNotHave) {
  Graph graph = ParseOrDie(
      "func f { in a:float32[4]; n = Split(int32[]{0}, a) {num_split=2}; out r=n:2 }\n"
      "in x:float32[4]; y = PartitionedCall(x) {f=@f}; z = Relu(y); out z");
  const auto run = RunPass(kInlineFunctions, graph);
  ASSERT_FALSE(run.ok());
  EXPECT_THAT(Message(run.status()), testing::HasSubstr("output 2 of 'y/n' (Split), which has 2"));
}

}  // namespace
}  // namespace permafrost
