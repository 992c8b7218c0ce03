#include "optimizer/pipeline/set_boundary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kCall =
    "func f { in a:float32[2]; r = Relu(a); n = Neg(r); out first=n, second=r }; "
    "in serve_x:float32[2]; call = PartitionedCall(serve_x) {f=@f}; end = Abs(call)";

Signature Serving(std::vector<SignatureTensor> inputs, std::vector<SignatureTensor> outputs) {
  return {"serving_default", "", std::move(inputs), std::move(outputs)};
}
SignatureTensor Float(const std::string& alias, const std::string& tensor) {
  return {alias, tensor, DType::kFloat32, Shape({2})};
}

// What is left of the graph when everything outside the boundary is gone.
std::string After(std::string_view text, const Signature* signature, const std::vector<InputSpec>& inputs = {},
                  const std::vector<TensorName>& outputs = {}, BoundaryReport* report = nullptr) {
  Graph graph = ParseOrDie(text);
  BoundaryReport own;
  GraphEditor editor(graph);
  const Status status = SetBoundary(editor, signature, inputs, outputs, report != nullptr ? *report : own);
  if (!status.ok()) return Message(status);
  editor.PruneDead();
  editor.ClearFunctions();
  EXPECT_TRUE(Verify(graph, Level::kImported).ok()) << Verify(graph, Level::kImported);
  return PrintText(graph);
}

TEST(SetBoundary, CallsEndsByTheirAliases) {
  const Signature serving = Serving({Float("x", "serve_x:0")}, {Float("abs", "end:0"), Float("relu", "call:1")});
  EXPECT_EQ(After(kCall, &serving),
            "end = Abs(call/n)\nin x:float32[2]\ncall/r = Relu(x)\ncall/n = Neg(call/r)\nout abs=end, relu=call/r\n");
}

TEST(SetBoundary, FindsCallsAndWhatIsInsideThem) {
  EXPECT_EQ(After(kCall, nullptr, {{{"call/r", 0}, std::nullopt, std::nullopt}}, {{"call", 0}, {"call/n", 0}}),
            "call/n = Neg(call/r)\nin call/r:float32[2]\nout call=call/n, call/n\n");
  EXPECT_EQ(After(kCall, nullptr, {{{"call", 0}, std::nullopt, std::nullopt}}, {{"end", 0}}),
            "end = Abs(call)\nin call:float32?\nout end\n");
  EXPECT_THAT(After(kCall, nullptr, {}, {{"call/gone", 0}}), StartsWith("output 'call/gone': no node has this name"));
  EXPECT_THAT(After(kCall, nullptr, {{{"gone", 0}, std::nullopt, std::nullopt}}, {}),
              StartsWith("input 'gone': no node"));
}

TEST(SetBoundary, PrefersAnAliasToANodeOfItsName) {
  const Signature serving = Serving({Float("end", "serve_x:0")}, {Float("serve_x", "end:0")});
  EXPECT_EQ(
      After(kCall, &serving, {{{"end", 0}, std::nullopt, std::nullopt}}, {{"serve_x", 0}}),
      "end/inner = Abs(call/n)\nin end:float32[2]\ncall/r = Relu(end)\ncall/n = Neg(call/r)\nout serve_x=end/inner\n");
}

TEST(SetBoundary, KeepsApartAnInputAndAnOutputOfOneName) {
  BoundaryReport report;
  const Signature serving = Serving({Float("x", "serve_x:0")}, {Float("x", "end:0")});
  EXPECT_THAT(After(kCall, &serving, {}, {}, &report), HasSubstr("out x_output=end"));
  EXPECT_THAT(report.notes, Contains("output 'x' is called 'x_output': an input has its name"));
  EXPECT_EQ(report.output_tensors.at("x_output"), "end");
}

TEST(SetBoundary, LeavesSwitchesOfASignatureToTheLowering) {
  const Signature serving =
      Serving({Float("x", "x:0"), {"keep", "k:0", DType::kFloat32, Shape({})}}, {Float("y", "y:0")});
  Graph graph = ParseOrDie("in x:float32[2], k:float32[]; y = Mul(x, k)");
  GraphEditor editor(graph);
  BoundaryReport report;
  ASSERT_TRUE(SetBoundary(editor, &serving, {}, {}, report).ok());
  ASSERT_EQ(graph.inputs().size(), 1u);
  EXPECT_EQ(graph.node(graph.inputs()[0]).name, "x");
  EXPECT_TRUE(graph.Find("keep").has_value()) << "by its alias the switch may tell what it is";
}

TEST(SetBoundary, RefusesWhatIsNoDenseTensor) {
  const Signature serving = Serving({Float("x", "serve_x:0"), Float("sparse", "")}, {Float("y", "end:0")});
  EXPECT_THAT(After(kCall, &serving),
              HasSubstr("signature 'serving_default': 'sparse' is a sparse or composite tensor"));
  const Signature words = Serving({}, {{"classes", "end:0", DType::kString, Shape({2})}});
  EXPECT_THAT(After(kCall, &words), HasSubstr("has no outputs that are numbers"));
  const Signature port = Serving({}, {Float("y", "end:x")});
  EXPECT_THAT(After(kCall, &port), HasSubstr("'y' names 'end:x', expected node:port"));
  const Signature gone = Serving({}, {Float("y", "end:7")});
  EXPECT_THAT(After(kCall, &gone),
              StartsWith("signature 'serving_default': output 'end:7': the node (Abs) has 1 outputs"));
}

TEST(SetBoundary, LeavesTheChoiceToOthersWhenNothingIsNamed) {
  EXPECT_THAT(After(kCall, nullptr), testing::Not(HasSubstr("out ")));
}

TEST(DropUnusedInputs, NotesEach) {
  Graph graph = ParseOrDie("in x:float32[2], unused:float32[3]; y = Relu(x); out y");
  GraphEditor editor(graph);
  BoundaryReport report;
  DropUnusedInputs(editor, report);
  EXPECT_EQ(PrintText(graph), "in x:float32[2]\ny = Relu(x)\nout y\n");
  EXPECT_THAT(report.notes, testing::ElementsAre("input 'unused' is not needed by the outputs"));
}

}  // namespace
}  // namespace permafrost
