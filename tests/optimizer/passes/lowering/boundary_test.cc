#include "optimizer/passes/lowering/boundary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/ops/infer.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

// The graph after `change`, pruned, as text; or the error.
template <class Change>
std::string After(std::string_view text, Change change) {
  Graph graph = ParseOrDie(text);
  GraphEditor editor(graph);
  if (const Status status = change(editor); !status.ok()) return Message(status);
  editor.PruneDead();
  if (const auto order = graph.TopoOrder(); order.ok()) editor.Reorder(*order);
  EXPECT_TRUE(InferTypes(editor).ok());
  EXPECT_TRUE(Verify(graph, Level::kImported).ok()) << Verify(graph, Level::kImported);
  return PrintText(graph);
}
std::string Cut(std::string_view text, const std::vector<InputSpec>& inputs) {
  return After(text, [&](GraphEditor& editor) { return CutInputs(editor, inputs); });
}
std::string Set(std::string_view text, std::string_view name, const Tensor& value) {
  return After(text, [&](GraphEditor& editor) { return SetPlaceholder(editor, name, value); });
}

TEST(CutInputs, CutsInTheMiddleAndKeepsTheName) {
  EXPECT_EQ(Cut("in x:float32[1,4]; m = Relu(x); y = Neg(m); out y", {{{"m", 0}, {}, {}}}),
            "in m:float32[1,4]\ny = Neg(m)\nout y\n");
}

TEST(CutInputs, OverridesShapeAndDtype) {
  EXPECT_EQ(Cut("in x:float32[?,4]; y = Neg(x); out y", {{{"x", 0}, Shape{2, 4}, {}}}),
            "in x:float32[2,4]\ny = Neg(x)\nout y\n");
  EXPECT_EQ(Cut("in x:float32[?,4]; y = Neg(x); out y", {{{"x", 0}, Shape(), DType::kHalf}}),
            "in x:half?\ny = Neg(x)\nout y\n");
}

TEST(CutInputs, CutsAtPorts) {
  constexpr std::string_view kSplit = "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; y = Sub(s, s:1); out y";
  EXPECT_EQ(Cut(kSplit, {{{"s", 0}, {}, {}}, {{"s", 1}, {}, {}}}), "in s:float32[2,2]\nin s_1:float32[2,2]\ny = Sub(s, s_1)\nout y\n");
  EXPECT_EQ(Cut(kSplit, {{{"s", 1}, {}, {}}, {{"s", 0}, {}, {}}}), "in s_1:float32[2,2]\nin s:float32[2,2]\ny = Sub(s, s_1)\nout y\n");
  EXPECT_THAT(Cut(kSplit, {{{"s", 2}, {}, {}}}), HasSubstr("has 2 outputs"));
}

TEST(CutInputs, RefusesTheSameTensorTwice) {
  constexpr std::string_view kSplit = "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; y = Sub(s, s:1); out y";
  EXPECT_THAT(Cut(kSplit, {{{"s", 0}, {}, {}}, {{"s", 0}, {}, {}}}), HasSubstr("named twice"));
  EXPECT_THAT(Cut(kSplit, {{{"s", 1}, {}, {}}, {{"s", 1}, {}, {}}}), HasSubstr("named twice"));
}

TEST(CutInputs, NamesWhatExistsInstead) {
  constexpr std::string_view kText = "in image:float32[1,4]; conv1 = Relu(image); y = Neg(conv1); out y";
  EXPECT_THAT(Cut(kText, {{{"conv", 0}, {}, {}}}), HasSubstr("similar names: 'conv1'"));
  EXPECT_THAT(Cut(kText, {{{"zzz", 0}, {}, {}}}), HasSubstr("placeholders: 'image'"));
}

TEST(CutInputs, RefusesStrings) {
  EXPECT_THAT(Cut("in path:string[]; y = ReadFile(path); out y", {{{"path", 0}, {}, {}}}), HasSubstr("expected numbers"));
}

TEST(SetOutputs, TakesPortsAndRefusesWhatIsNotThere) {
  constexpr std::string_view kSplit = "in x:float32[2,4]; s = Split(int32[]{1}, x) {num_split=2}; y = Neg(s); out y";
  const auto set = [&](const std::vector<TensorName>& names) {
    return After(kSplit, [&](GraphEditor& editor) { return SetOutputs(editor, names); });
  };
  EXPECT_THAT(set({{"s", 1}, {"y", 0}}), HasSubstr("out \"s:1\"=s:1, y"));
  EXPECT_THAT(set({{"s", 2}}), HasSubstr("has 2 outputs"));
  EXPECT_THAT(set({{"nobody", 0}}), HasSubstr("no node has this name"));
  EXPECT_THAT(set({{"y", 0}, {"y", 0}}), HasSubstr("named twice"));
}

TEST(SetPlaceholder, BecomesAConstantOfItsDtypeAndShape) {
  EXPECT_EQ(Set("in x:float32[2], k:float32[]; y = Mul(x, k); out y", "k", Tensor::Scalar<double>(0.5)),
            "in x:float32[2]\ny = Mul(x, 0.5)\nout y\n");
  EXPECT_EQ(Set("in x:float32[2,1], k:int32[2]; y = Tile(x, k); out y", "k", Tensor::Scalar<double>(3)),
            "in x:float32[2,1]\ny = Tile(x, int32[2]{3})\nout y\n");
  EXPECT_EQ(Set("in x:float32[2], k:float32[?]; y = Mul(x, k); out y", "k", Tensor::Vector<double>({1, 2})),
            "in x:float32[2]\ny = Mul(x, float32[2]{1,2})\nout y\n");
  EXPECT_EQ(Set("in x:float32[2]; d = bool[]{true}; k = PlaceholderWithDefault(d) {dtype=bool, shape=shape[]}; "
                "s = Switch(x, k); y = Neg(s); out y", "k", Tensor::Scalar<bool>(false)),
            "in x:float32[2]\ns = Switch(x, bool[]{false})\ny = Neg(s)\nout y\n");
}

TEST(SetPlaceholder, RefusesWhatDoesNotFit) {
  EXPECT_THAT(Set("in x:float32[2]; y = Neg(x); out y", "x", Tensor::Vector<double>({1, 2, 3})), HasSubstr("has shape [3]"));
  EXPECT_THAT(Set("in x:float32[2]; y = Neg(x); out y", "y", Tensor::Scalar<double>(1)), HasSubstr("expected a placeholder"));
  EXPECT_THAT(Set("in x:float32[2]; y = Neg(x); out y", "z", Tensor::Scalar<double>(1)), HasSubstr("no node has this name"));
  EXPECT_THAT(Set("in x:string[]; y = ReadFile(x); out y", "x", Tensor::Scalar<double>(1)), HasSubstr("string"));
  EXPECT_THAT(Set("in x:float32[4611686018427387904]; y = Neg(x); out y", "x", Tensor::Scalar<double>(1)), HasSubstr("large"));
}

TEST(SetPlaceholder, LetsGoOfControlEdges) {
  EXPECT_EQ(Set("in x:float32[2], k:float32[]; y = Neg(x, ^k); z = Mul(y, k); out z", "k", Tensor::Scalar<double>(2)),
            "in x:float32[2]\ny = Neg(x)\nz = Mul(y, 2)\nout z\n");
}

}  // namespace
}  // namespace permafrost
