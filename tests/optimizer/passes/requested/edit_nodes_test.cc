// What transform_graph had for editing graphs by hand, held against what its documentation says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/passes/requested/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using testing::HasSubstr;

RewriteOptions With(std::vector<PassArgument> arguments, bool same_numbers = true) {
  RewriteOptions options;
  options.pass.arguments = PassArguments(std::move(arguments));
  options.same_numbers = same_numbers;
  return options;
}

std::string ErrorOf(const PassInfo& pass, std::string_view text, std::vector<PassArgument> arguments) {
  Graph graph = ParseOrDie(text);
  PassOptions options;
  options.arguments = PassArguments(std::move(arguments));
  return Message(RunPass(pass, graph, options).status());
}

// Output names may change here, so ExpectRewrite cannot be used.
std::string Renamed(std::string_view text, std::string from, std::string to) {
  Graph graph = ParseOrDie(text);
  PassOptions options;
  options.arguments = PassArguments({{"old_node_name", std::move(from)}, {"new_node_name", std::move(to)}});
  const auto run = RunPass(kRenameNode, graph, options);
  EXPECT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(Verify(graph, Level::kFlat).ok());
  return PrintText(graph);
}

TEST(RemoveNodes, BypassesEveryOpThatIsNamed) {
  ExpectRewrite(kRemoveNodes,
                "in x:float32[2]; a = Identity(x); b = CheckNumerics(a) {message=\"\"}; c = Identity(b); y = Relu(c); out y",
                "in x:float32[2]; y = Relu(x); out y", With({{"op", "Identity"}, {"op", "CheckNumerics"}}));
}

TEST(RemoveNodes, TakesWhatComputesSomethingToo) {
  ExpectRewrite(kRemoveNodes, "in x:float32[2]; a = Relu(x); y = Neg(a); out y", "in x:float32[2]; y = Neg(x); out y",
                With({{"op", "Relu"}}, false));
}

TEST(RemoveNodes, KeepsOutputsAndOpsWithMoreInputs) {
  ExpectNoRewrite(kRemoveNodes, "in x:float32[2]; y = Identity(x); out y", "input or output of the graph",
                  With({{"op", "Identity"}}));
  ExpectNoRewrite(kRemoveNodes, "in x:float32[2]; a = Add(x, 1.0); y = Relu(a); out y", "it has 2 inputs",
                  With({{"op", "Add"}}));
  ExpectRewrite(kRemoveNodes, "in x:float32[2]; a = Add(x, 1.0); y = Relu(a); out y",
                "in x:float32[2]; y = Relu(x); out y", With({{"op", "Add"}, {"max_inputs", "2"}}, false));
}

TEST(RemoveNodes, KeepsANodeOfSeveralOutputs) {
  ExpectNoRewrite(kRemoveNodes, "in x:float32[2,4]; s = Unpack(x) {num=2, axis=0}; y = Relu(s:1); out y",
                  "several outputs", With({{"op", "Unpack"}}));
}

TEST(RenameNode, RenamesEveryReference) {
  EXPECT_EQ(Renamed("in x:float32[2]; a = Relu(x); y = Neg(a); z = Abs(a); out y, z", "a", "inner/relu"),
            PrintText(ParseOrDie("in x:float32[2]; inner/relu = Relu(x); y = Neg(inner/relu); z = Abs(inner/relu); out y, z")));
}

TEST(RenameNode, RenamesOutputsAndInputsOfTheGraph) {
  EXPECT_EQ(Renamed("in x:float32[2]; super/deep/output = Relu(x); out super/deep/output", "super/deep/output", "output"),
            PrintText(ParseOrDie("in x:float32[2]; output = Relu(x); out output")));
  EXPECT_EQ(Renamed("in x:float32[2]; y = Relu(x); out y", "x", "image"),
            PrintText(ParseOrDie("in image:float32[2]; y = Relu(image); out y")));
}

TEST(RenameNode, RefusesNamesThatAreTakenOrMissing) {
  constexpr const char* kText = "in x:float32[2]; a = Relu(x); y = Neg(a); out y";
  EXPECT_THAT(ErrorOf(kRenameNode, kText, {{"old_node_name", "a"}, {"new_node_name", "y"}}), HasSubstr("'y' already"));
  EXPECT_THAT(ErrorOf(kRenameNode, kText, {{"old_node_name", "b"}, {"new_node_name", "c"}}), HasSubstr("no node 'b'"));
}

TEST(RenameOp, ChangesEveryNodeOfTheOp) {
  ExpectRewrite(kRenameOp, "in x:float32[2]; a = Add(x, 1.0); y = Add(a, x); out y",
                "in x:float32[2]; a = AddV2(x, 1.0); y = AddV2(a, x); out y",
                With({{"old_op_name", "Add"}, {"new_op_name", "AddV2"}}));
  for (const char* op : {"Const", "Placeholder", "Switch"}) {
    EXPECT_THAT(ErrorOf(kRenameOp, "in x:float32[2]; y = Relu(x); out y", {{"old_op_name", "Relu"}, {"new_op_name", op}}),
                HasSubstr("part of what a graph is"));
  }
}

TEST(RenameAttribute, ChangesAllOpsOrOne) {
  constexpr const char* kText = "in x:float32[2]; a = Relu(x) {_tag=\"1\"}; y = Neg(a) {_tag=\"2\"}; out y";
  ExpectRewrite(kRenameAttribute, kText,
                "in x:float32[2]; a = Relu(x) {_label=\"1\"}; y = Neg(a) {_label=\"2\"}; out y",
                With({{"old_attribute_name", "_tag"}, {"new_attribute_name", "_label"}}));
  ExpectRewrite(kRenameAttribute, kText, "in x:float32[2]; a = Relu(x) {_label=\"1\"}; y = Neg(a) {_tag=\"2\"}; out y",
                With({{"old_attribute_name", "_tag"}, {"new_attribute_name", "_label"}, {"op_name", "Relu"}}));
}

TEST(RemoveAttribute, TakesItFromAllOpsOrOne) {
  constexpr const char* kText = "in x:float32[2]; a = Relu(x) {_tag=\"1\"}; y = Neg(a) {_tag=\"2\"}; out y";
  ExpectRewrite(kRemoveAttribute, kText, "in x:float32[2]; a = Relu(x); y = Neg(a); out y",
                With({{"attribute_name", "_tag"}}));
  ExpectRewrite(kRemoveAttribute, kText, "in x:float32[2]; a = Relu(x) {_tag=\"1\"}; y = Neg(a); out y",
                With({{"attribute_name", "_tag"}, {"op_name", "Neg"}}));
  EXPECT_THAT(ErrorOf(kRemoveAttribute, "in x:float32[2]; w = float32[20]~1; y = Relu(x); z = Neg(w); out y, z",
                      {{"attribute_name", "value"}}),
              HasSubstr("cannot be without attribute 'value'"));
}

TEST(ObfuscateNames, GivesShortNamesToAllButInputsAndOutputs) {
  ExpectRewrite(kObfuscateNames,
                "in x:float32[2]; scope/conv = Relu(x); scope/w = float32[20]~1; n = Neg(scope/w); s = Sum(n, int32[]{0}); "
                "scope/b = Mul(scope/conv, s); y = Neg(scope/b); out y",
                "in x:float32[2]; \"0\" = Relu(x); \"1\" = float32[20]~1; \"2\" = Neg(\"1\"); \"4\" = Sum(\"2\", int32[]{0}); "
                "\"5\" = Mul(\"0\", \"4\"); y = Neg(\"5\"); out y");
}

TEST(ObfuscateNames, StaysOutOfTheWayOfInputsAndOutputs) {
  ExpectRewrite(kObfuscateNames, "in \"0\":float32[2]; a = Relu(\"0\"); b = Neg(a); \"1\" = Abs(b); out \"1\"",
                "in \"0\":float32[2]; \"2\" = Relu(\"0\"); \"3\" = Neg(\"2\"); \"1\" = Abs(\"3\"); out \"1\"");
}

TEST(ObfuscateNames, CountsInSixtyTwoDigits) {
  std::string text = "in x:float32[2]; n0 = Relu(x)";
  for (int i = 1; i < 70; ++i) text += StrCat("; n", i, " = Relu(n", i - 1, ")");
  Graph graph = ParseOrDie(text + "; y = Relu(n69); out y");
  ASSERT_TRUE(RunPass(kObfuscateNames, graph).ok());
  EXPECT_TRUE(graph.Find("Z"));
  EXPECT_TRUE(graph.Find("19")) << "69 is 17, and x and y are taken";
  EXPECT_FALSE(graph.Find("1a"));
}

TEST(BackportConcat, PutsTheAxisFirst) {
  ExpectRewrite(kBackportConcat, "in a:float32[1,2], b:float32[1,3]; y = ConcatV2(a, b, int32[]{1}) {N=2, T=float32, Tidx=int32}; out y",
                "in a:float32[1,2], b:float32[1,3]; y = Concat(int32[]{1}, a, b) {N=2, T=float32}; out y");
  ExpectNoRewrite(kBackportConcat, "in a:float32[1,2], b:float32[1,3]; y = ConcatV2(a, b, int64[]{1}); out y", "not int32");
}

TEST(AddDefaultAttributes, WritesWhatANodeLeavesOut) {
  Graph graph = ParseOrDie("in x:float32[1,2,2,1]; y = MaxPool(x) {ksize=[1,2,2,1], strides=[1,2,2,1], padding=\"VALID\"}; out y");
  ASSERT_TRUE(RunPass(kAddDefaultAttributes, graph).ok());
  EXPECT_EQ(graph.node(*graph.Find("y")).attr_or<std::string>("data_format", ""), "NHWC");
  EXPECT_FALSE(RunPass(kAddDefaultAttributes, graph)->changed);
}

constexpr const char* kAtrous =
    "in x:float32[1,8,7,3]; b = SpaceToBatchND(x, int32[2]{2,2}, int32[2,2]{2,2,2,3}); "
    "c = Conv2D(b, float32[3,3,3,4]~5) {strides=[1,1,1,1], padding=\"VALID\", data_format=\"NHWC\"}; "
    "s = BatchToSpaceND(c, int32[2]{2,2}, int32[2,2]{0,0,0,1}); y = Relu(s); out y";

TEST(FlattenAtrousConv, MakesOneConvolutionWithALargerKernel) {
  Graph graph = ParseOrDie(kAtrous);
  const Graph original = graph;
  ASSERT_TRUE(RunPass(kFlattenAtrousConv, graph).ok());
  ASSERT_TRUE(Verify(graph, Level::kFlat).ok());
  for (NodeId id : graph.NodeIds()) {
    EXPECT_NE(graph.node(id).op, "SpaceToBatchND");
    if (graph.node(id).op != "Conv2D") continue;
    EXPECT_EQ(graph.type(graph.node(id).inputs[1]).shape, Shape({5, 5, 3, 4}));
    EXPECT_EQ(graph.node(id).attr_or<std::string>("padding", ""), "SAME");
  }
  ExpectSameNumbers(original, graph);
  EXPECT_FALSE(RunPass(kFlattenAtrousConv, graph)->changed);
}

TEST(FlattenAtrousConv, TakesPaddingThatIsNoneForValid) {
  std::string text = kAtrous;
  text.replace(text.find("{2,2,2,3}"), 9, "{0,0,0,1}");
  Graph graph = ParseOrDie(text);
  const Graph original = graph;
  ASSERT_TRUE(RunPass(kFlattenAtrousConv, graph)->changed);
  ExpectSameNumbers(original, graph);
}

TEST(FlattenAtrousConv, DeclinesOtherPaddingAndEnormousGaps) {
  std::string text = kAtrous;
  text.replace(text.find("{2,2,2,3}"), 9, "{4,4,2,3}");
  ExpectNoRewrite(kFlattenAtrousConv, text, "neither SAME nor VALID");
  RewriteOptions small;
  small.pass.fold_growth_bytes = 100;
  ExpectNoRewrite(kFlattenAtrousConv, kAtrous, "too large", small);
}

}  // namespace
}  // namespace permafrost
