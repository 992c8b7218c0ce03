#include "optimizer/ir/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/ir/verify.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

Graph Parse(std::string_view text) {
  StatusOr<Graph> graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}
std::string RoundTrip(std::string_view text) { return PrintText(Parse(text)); }
std::string ErrorOf(std::string_view text) {
  StatusOr<Graph> graph = ParseText(text);
  EXPECT_FALSE(graph.ok()) << "accepted: " << text;
  return graph.ok() ? "" : Message(graph.status());
}

TEST(Text, PrintsWhatItParsed) {
  constexpr std::string_view kText =
      "in x:float32[1,?,4]\n"
      "in free:int64?\n"
      "w = float32[2,2]{1,2,3,-4.5}\n"
      "y = Conv2D(x, w) {data_format=\"NHWC\", padding=\"SAME\", strides=[1,1,1,1]}\n"
      "z = AddN(y, y:1, 1.5, int32[3]{1,2,3}, w, ^y)\n"
      "out y, answer=z:1\n";
  EXPECT_EQ(RoundTrip(kText), kText);
}

TEST(Text, KeepsEveryKindOfAttribute) {
  constexpr std::string_view kText =
      "a = Op() {bools=[true,false], d=half, ds=[float32,int8], e=[], f=0.25, fs=[1.0,-inf,1e+20], fun=@body, "
      "funs=[@a,@\"b c\"], i=-3, nothing=?, o=opaque\"\\x00\\xff\", s=shape[1,?], ss=[shape?,shape[]], "
      "t=float64[2]{1,0.1}, text=\"say \\\"hi\\\"\\x0a\", texts=[\"a\",\"b\"]}\n"
      "out a\n";
  EXPECT_EQ(RoundTrip(kText), kText);
  const Graph graph = Parse(kText);
  const Node& node = graph.node(*graph.Find("a"));
  EXPECT_EQ(*node.attr<float>("f"), 0.25f);
  EXPECT_EQ(*node.attr<std::string>("text"), "say \"hi\"\n");
  EXPECT_EQ(node.attr<OpaqueAttr>("o")->wire, std::string("\0\xff", 2));
  EXPECT_EQ(node.attr<std::vector<Shape>>("ss")->size(), 2u);
}

TEST(Text, KeepsEveryTypeOfConstant) {
  constexpr std::string_view kText =
      "a = Op(float64[]{0.1}, float32[]{inf}, float32[2]{-nan,1}, half[2]{0.5,-2}, bfloat16[]{3}, int8[2]{-128,127}, "
      "uint8[]{255}, int16[]{-9}, uint16[]{65535}, int32[]{7}, uint32[]{4294967295}, int64[]{-9223372036854775808}, "
      "uint64[]{18446744073709551615}, bool[2]{true,false}, quint8[]{3}, string[2]{\"a\",\"\\x00\"}, float32[0]{})\n"
      "out a\n";
  EXPECT_EQ(RoundTrip(kText), kText);
}

TEST(Text, SaysOneValueForAllAndShortensTheRest) {
  EXPECT_EQ(RoundTrip("w = float32[100,100]{2}; a = Op(w, int32[4]{5,5,5,5}); out a"),
            "w = float32[100,100]{2}\na = Op(w, int32[4]{5})\nout a\n");
  const std::string long_text = RoundTrip("r = float32[5,5]~7; out r");
  EXPECT_THAT(long_text, HasSubstr("r = float32[5,5]{"));
  EXPECT_THAT(long_text, HasSubstr(", ... #"));
  EXPECT_NE(long_text, RoundTrip("r = float32[5,5]~8; out r"));
  EXPECT_EQ(long_text, RoundTrip("r = float32[5,5]~7; out r"));
  EXPECT_THAT(ErrorOf(long_text), HasSubstr("found a shortened constant"));
}

TEST(Text, RandomConstantsLieBetweenMinusOneAndOneAndDiffer) {
  const Graph graph = Parse("r = float32[1000]~3; h = half[20]~3; out r, h");
  const std::vector<float> values = ConstValue(graph, {*graph.Find("r"), 0})->Values<float>();
  float low = 1, high = -1, sum = 0;
  for (float value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
  }
  EXPECT_GE(low, -1);
  EXPECT_LT(low, -0.9);
  EXPECT_GT(high, 0.9);
  EXPECT_LT(high, 1);
  EXPECT_NEAR(sum / 1000, 0, 0.1);
  EXPECT_EQ(ConstValue(graph, {*graph.Find("h"), 0})->dtype(), DType::kHalf);
}

TEST(Text, KeepsAConstantThatIsSharedOrAskedForApart) {
  constexpr std::string_view kText =
      "c = 1.5\n"
      "a = Mul(c, c)\n"
      "d = 2\n"
      "b = Neg(d)\n"
      "out a, b, d\n";
  EXPECT_EQ(RoundTrip(kText), "c = float32[]{1.5}\na = Mul(c, c)\nd = float32[]{2}\nb = Neg(d)\nout a, b, d\n");
}

TEST(Text, QuotesNamesThatAreNotPlain) {
  constexpr std::string_view kText =
      "in \"1st\":float32[2]\n"
      "\"out\" = \"my op\"(\"1st\", \"1st\":3)\n"
      "b = cv::Crop(\"out\", ^\"1st\")\n"
      "out \"out\", \"a:0\"=b\n";
  EXPECT_EQ(RoundTrip(kText), kText);
}

TEST(Text, SaysTheOrderOfInputsWhenPositionsDoNot) {
  constexpr std::string_view kText =
      "in a:float32[1]\n"
      "in b:float32[1]\n"
      "p = Placeholder() {dtype=float32}\n"
      "y = AddN(a, b, p)\n"
      "inputs b, a\n"
      "out y\n";
  EXPECT_EQ(RoundTrip(kText), kText);
  const Graph graph = Parse(kText);
  ASSERT_EQ(graph.inputs().size(), 2u);
  EXPECT_EQ(graph.node(graph.inputs()[0]).name, "b");
}

TEST(Text, HoldsFunctionsLoopsAndControlEdges) {
  constexpr std::string_view kText =
      "func f {\n"
      "  in a:float32?\n"
      "  r = Relu(a)\n"
      "  out r\n"
      "}\n"
      "in x:float32[1]\n"
      "m = Merge(x, n)\n"
      "n = NextIteration(m, ^x)\n"
      "y = PartitionedCall(m) {f=@f}\n"
      "out y\n";
  EXPECT_EQ(RoundTrip(kText), kText);
  const Graph graph = Parse(kText);
  EXPECT_TRUE(Verify(graph, Level::kImported).ok());
  EXPECT_EQ(graph.functions().at("f")->inputs().size(), 1u);
}

TEST(Text, TakesCommentsAndStatementsOnOneLine) {
  EXPECT_EQ(RoundTrip("# a graph\nin x:f32[1], z:i64[2] ; y = AddN(x, # first\n  z)\n\n; out y # the end"),
            "in x:float32[1]\nin z:int64[2]\ny = AddN(x, z)\nout y\n");
}

TEST(Text, NamesLineAndColumnOfWhatIsWrong) {
  EXPECT_EQ(ErrorOf("in x:float32[1]\ny = Relu(q); out y"),
            "line 2, column 10: found 'q', expected the name of a node of this graph");
  EXPECT_EQ(ErrorOf("y = Relu(x"), "line 1, column 11: found the end of the text, expected ')'");
  EXPECT_THAT(ErrorOf("x = Op(); x = Op()"), HasSubstr("column 11: found node 'x' again"));
  EXPECT_THAT(ErrorOf("x = Op() y = Op()"), HasSubstr("found 'y', expected ';' or a new line"));
  EXPECT_THAT(ErrorOf("in x:floaty[1]"), HasSubstr("found 'floaty', expected a dtype"));
  EXPECT_THAT(ErrorOf("x = Op() {a=[1,\"b\"]}"), HasSubstr("one kind of value in a list"));
  EXPECT_THAT(ErrorOf("x = Op() {a=1, a=2}"), HasSubstr("attribute 'a' again"));
  EXPECT_THAT(ErrorOf("x = Op(); out a=x, a=x"), HasSubstr("output 'a' again"));
  EXPECT_THAT(ErrorOf("x = Op(); inputs x"), HasSubstr("expected a Placeholder"));
  EXPECT_THAT(ErrorOf("x = Op(\"a\nb\")"), HasSubstr("end of the line"));
  EXPECT_THAT(ErrorOf("x = Op() {a=\"\\q\"}"), HasSubstr("after a backslash"));
}

TEST(Text, RefusesConstantsThatCannotBe) {
  EXPECT_THAT(ErrorOf("w = float32[2,2]{1,2,3}"), HasSubstr("found 3 values, expected 4 or 1"));
  EXPECT_THAT(ErrorOf("w = float32[0]{1}"), HasSubstr("found 1 values, expected 0"));
  EXPECT_THAT(ErrorOf("w = float32[2]{}"), HasSubstr("found 0 values, expected 2 or 1"));
  EXPECT_THAT(ErrorOf("w = int8[]{300}"), HasSubstr("found 300, expected an integer that the dtype can hold"));
  EXPECT_THAT(ErrorOf("w = int32[]{1.5}"), HasSubstr("expected an integer"));
  EXPECT_THAT(ErrorOf("w = float32[?]{1}"), HasSubstr("known dims"));
  EXPECT_THAT(ErrorOf("w = float32[-1]{1}"), HasSubstr("not negative"));
  EXPECT_THAT(ErrorOf("w = float32[4294967296,4294967296]{1}"), HasSubstr("known dims whose product fits"));
  EXPECT_THAT(ErrorOf("w = float32[1000000,1000000]~1"), HasSubstr("at most 2^24"));
  EXPECT_THAT(ErrorOf("w = string[1000000000]{\"a\"}"), HasSubstr("at most 2^20"));
  EXPECT_THAT(ErrorOf("w = int32[3]~1"), HasSubstr("a floating type"));
  EXPECT_THAT(ErrorOf("w = complex64[1]{1}"), HasSubstr("a type that text can hold"));
  EXPECT_THAT(ErrorOf("w = float32[]{1e99}"), HasSubstr("out of range"));
}

TEST(Text, RefusesDeepFunctionsAndHugeText) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "func f {";
  EXPECT_THAT(ErrorOf(deep), HasSubstr("nested deeper"));
  EXPECT_THAT(ErrorOf("x = Op() {a=" + std::string(100000, '[') + "}"), HasSubstr("expected the value"));
  EXPECT_THAT(ErrorOf(std::string((size_t{64} << 20) + 1, ' ')), HasSubstr("expected at most"));
}

TEST(Text, SurvivesEveryTruncationAndManyMutations) {
  const std::string text =
      "func f {\n in a:float32?\n out a\n}\nin x:float32[1,?]\nw = half[2]~7\n"
      "y = cv::Op(x, w:1, 1.5, int8[2]{1,2}, ^x) {a=[1,2], b=\"q\\x00\", c=shape[1,?], d=@f}\nout y, z=x\n";
  for (size_t size = 0; size < text.size(); ++size) {
    StatusOr<Graph> graph = ParseText(text.substr(0, size));
    if (!graph.ok()) continue;
    const std::string printed = PrintText(*graph);
    EXPECT_TRUE(ParseText(printed).ok() || printed.find("...") != std::string::npos) << printed;
  }
  uint32_t state = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string mutant = text;
    for (int edits = 0; edits < 3; ++edits) {
      state = state * 1664525 + 1013904223;
      mutant[(state >> 8) % mutant.size()] = text[(state >> 16) % text.size()];
    }
    StatusOr<Graph> graph = ParseText(mutant);
    if (!graph.ok()) continue;
    const std::string printed = PrintText(*graph);
    StatusOr<Graph> again = ParseText(printed);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << printed;
    ASSERT_EQ(PrintText(*again), printed);
  }
}

TEST(Text, ConstantsOfAHostileGraphStillPrint) {
  Graph graph;
  GraphEditor editor(graph);
  Node node;
  node.name = "c";
  node.op = "Const";
  const NodeId bare = editor.AddNode(node);  // no value
  const NodeId literal = editor.AddConst("w", Tensor::Scalar(1.0f));
  Node user;
  user.name = "u";
  user.op = "Op";
  user.inputs = {{literal, 2}, {bare, 0}};  // a port that a Const does not have
  editor.SetGraphOutputs({{"u", {editor.AddNode(user), 0}}});
  EXPECT_EQ(PrintText(graph), "c = Const()\nw = float32[]{1}\nu = Op(w:2, c)\nout u\n");
}

}  // namespace
}  // namespace permafrost
