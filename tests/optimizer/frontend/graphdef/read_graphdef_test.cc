#include "optimizer/frontend/graphdef/read_graphdef.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/ir/verify.h"
#include "permafrost/graph.pb.h"
#include "tests/support/wire_writing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Binary(const std::string& text) {
  tf::GraphDef proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto)) << text;
  return proto.SerializeAsString();
}
StatusOr<Graph> TryRead(const std::string& text) { return ReadGraphDef(Binary(text), nullptr, Limits{}); }
Graph Read(const std::string& text) {
  StatusOr<Graph> graph = TryRead(text);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}
std::string ErrorOf(const std::string& text) {
  const StatusOr<Graph> graph = TryRead(text);
  EXPECT_FALSE(graph.ok()) << "accepted: " << text;
  return graph.ok() ? "" : Message(graph.status());
}
const Node& NodeOf(const Graph& graph, std::string_view name) { return graph.node(graph.Find(name).value()); }

TEST(ReadGraphDef, KeepsNodesInFileOrderWithPortsAndControls) {
  const Graph graph = Read(R"(node { name: "y" op: "Add" input: "s:1" input: "s" input: "s:0" input: "^gate" }
                              node { name: "s" op: "Split" } node { name: "gate" op: "NoOp" })");
  EXPECT_EQ(PrintText(graph), "y = Add(s:1, s, s, ^gate)\ns = Split()\ngate = NoOp()\n");
  EXPECT_TRUE(graph.inputs().empty());
  EXPECT_TRUE(graph.outputs().empty());
}

TEST(ReadGraphDef, KeepsEveryKindOfAttribute) {
  const Graph graph = Read(R"(
    node { name: "n" op: "Op"
      attr { key: "s" value { s: "te\000xt" } } attr { key: "i" value { i: -3 } } attr { key: "f" value { f: 0.25 } }
      attr { key: "b" value { b: true } } attr { key: "t" value { type: DT_HALF } }
      attr { key: "ref" value { type: DT_FLOAT_REF } }
      attr { key: "shape" value { shape { dim { size: 1 } dim { size: -1 } } } }
      attr { key: "any" value { shape { unknown_rank: true } } }
      attr { key: "tensor" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 7 int_val: 8 } } }
      attr { key: "fun" value { func { name: "body" } } }
      attr { key: "ls" value { list { s: "a" s: "b" } } } attr { key: "li" value { list { i: 1 i: 2 } } }
      attr { key: "lf" value { list { f: 0.5 } } } attr { key: "lb" value { list { b: true b: false } } }
      attr { key: "lt" value { list { type: DT_FLOAT type: DT_INT8 } } }
      attr { key: "lshape" value { list { shape { dim { size: 3 } } shape { unknown_rank: true } } } }
      attr { key: "lfun" value { list { func { name: "g" } } } }
      attr { key: "ltensor" value { list { tensor { dtype: DT_FLOAT } } } }
      attr { key: "empty" value { list { } } }
      attr { key: "_internal" value { i: 1 } } attr { key: "of_caller" value { placeholder: "T" } } })");
  const Node& node = NodeOf(graph, "n");
  EXPECT_EQ(*node.attr<std::string>("s"), std::string("te\0xt", 5));
  EXPECT_EQ(*node.attr<int64_t>("i"), -3);
  EXPECT_EQ(*node.attr<float>("f"), 0.25F);
  EXPECT_EQ(*node.attr<bool>("b"), true);
  EXPECT_EQ(*node.attr<DType>("t"), DType::kHalf);
  EXPECT_EQ(*node.attr<DType>("ref"), DType::kFloat32);
  EXPECT_EQ(node.attr<Shape>("shape")->ToString(), "[1,?]");
  EXPECT_EQ(node.attr<Shape>("any")->ToString(), "?");
  EXPECT_THAT(node.attr<Tensor>("tensor")->Values<int>(), ElementsAre(7, 8));
  EXPECT_EQ(node.attr<FunctionName>("fun")->name, "body");
  EXPECT_THAT(*node.attr<std::vector<std::string>>("ls"), ElementsAre("a", "b"));
  EXPECT_THAT(*node.attr<std::vector<int64_t>>("li"), ElementsAre(1, 2));
  EXPECT_THAT(*node.attr<std::vector<float>>("lf"), ElementsAre(0.5F));
  EXPECT_THAT(*node.attr<std::vector<bool>>("lb"), ElementsAre(true, false));
  EXPECT_THAT(*node.attr<std::vector<DType>>("lt"), ElementsAre(DType::kFloat32, DType::kInt8));
  EXPECT_EQ(node.attr<std::vector<Shape>>("lshape")->at(1).ToString(), "?");
  EXPECT_EQ(node.attr<std::vector<FunctionName>>("lfun")->at(0).name, "g");
  EXPECT_FALSE(node.attr<OpaqueAttr>("ltensor")->wire.empty());
  EXPECT_TRUE(node.attr<std::vector<int64_t>>("empty")->empty());
  EXPECT_FALSE(node.attrs.contains("_internal"));
  EXPECT_FALSE(node.attrs.contains("of_caller"));
}

TEST(ReadGraphDef, NamesTheNodeAndAttributeOfABadTensor) {
  EXPECT_THAT(ErrorOf(R"(node { name: "w" op: "Const" attr { key: "value" value { tensor {
                           dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: "123" } } } })"),
              HasSubstr("node 'w' (Const) attribute 'value'"));
  EXPECT_THAT(ErrorOf(R"(node { name: "p" op: "Placeholder" attr { key: "shape" value { shape { dim { size: -5 } } } } })"),
              HasSubstr("dim -5"));
}

TEST(ReadGraphDef, RefusesNamesThatDoNotAddUp) {
  EXPECT_THAT(ErrorOf(R"(node { name: "a" op: "X" } node { name: "a" op: "Y" })"), HasSubstr("two nodes have this name"));
  EXPECT_THAT(ErrorOf(R"(node { name: "a" op: "X" input: "nobody" })"), HasSubstr("no node provides 'nobody'"));
  EXPECT_THAT(ErrorOf(R"(node { name: "a" op: "X" input: "^nobody" })"), HasSubstr("no node provides 'nobody'"));
  EXPECT_THAT(ErrorOf(R"(node { name: "a" op: "X" input: "" })"), HasSubstr("no node provides ''"));
  for (const char* input : {"b:", "b:x", "b:-1", "b:1x", "b:99999999999999", "b:2147483647", "b:out:", "b:out:0:1"}) {
    const std::string text = StrCat(R"(node { name: "b" op: "X" } node { name: "a" op: "X" input: ")", input, "\" }");
    EXPECT_THAT(ErrorOf(text), HasSubstr("no valid port number")) << input;
  }
  EXPECT_THAT(ErrorOf(R"(node { op: "X" })"), HasSubstr("has no name"));
  EXPECT_THAT(ErrorOf(R"(node { name: "a" })"), HasSubstr("has no op"));
  EXPECT_THAT(ErrorOf("versions { producer: 22 }"), HasSubstr("holds no nodes"));
}

TEST(ReadGraphDef, RefusesMoreNodesThanTheLimit) {
  const std::string bytes = Binary(R"(node { name: "a" op: "X" } node { name: "b" op: "X" })");
  EXPECT_TRUE(ReadGraphDef(bytes, nullptr, Limits{.max_nodes = 2}).ok());
  const StatusOr<Graph> graph = ReadGraphDef(bytes, nullptr, Limits{.max_nodes = 1});
  EXPECT_THAT(Message(graph.status()), HasSubstr("--max-nodes"));
}

TEST(ReadGraphDef, LeavesCyclesToVerifyAndTakesWhileLoops) {
  const Graph cycle = Read(R"(node { name: "a" op: "Relu" input: "b" } node { name: "b" op: "Relu" input: "a" })");
  EXPECT_THAT(Message(Verify(cycle, Level::kImported)), HasSubstr("cycle"));
  const Graph loop = Read(R"(node { name: "e" op: "Enter" input: "x" } node { name: "x" op: "Placeholder" }
                             node { name: "m" op: "Merge" input: "e" input: "next" }
                             node { name: "c" op: "Less" input: "m" input: "m" } node { name: "l" op: "LoopCond" input: "c" }
                             node { name: "s" op: "Switch" input: "m" input: "l" } node { name: "exit" op: "Exit" input: "s" }
                             node { name: "next" op: "NextIteration" input: "s:1" })");
  EXPECT_TRUE(Verify(loop, Level::kImported).ok()) << Verify(loop, Level::kImported);
}

TEST(ReadGraphDef, ReadsTheFunctionLibrary) {
  const Graph graph = Read(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } } node { name: "y" op: "f" input: "x" }
    library { function {
      signature { name: "f" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "r" type: DT_FLOAT }
                  output_arg { name: "same" type: DT_FLOAT } }
      node_def { name: "pieces" op: "Split" input: "axis:output:0" input: "a" attr { key: "num_split" value { i: 2 } } }
      node_def { name: "axis" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } }
      node_def { name: "norm" op: "FusedBatchNormV3" input: "pieces:output:1" input: "a" input: "a" input: "a" input: "a"
                 input: "^axis" }
      node_def { name: "sum" op: "Add" input: "norm:y:0" input: "norm:batch_variance:0" }
      ret { key: "r" value: "sum:z:0" } ret { key: "same" value: "a" } } })");
  ASSERT_TRUE(graph.functions().contains("f"));
  EXPECT_EQ(PrintText(*graph.functions().at("f")),
            "in a:float32?\n"
            "pieces = Split(axis, a) {num_split=2}\n"
            "axis = int32[]{0}\n"
            "norm = FusedBatchNormV3(pieces:1, a, a, a, a, ^axis)\n"
            "sum = Add(norm, norm:2)\n"
            "out r=sum, same=a\n");
}

TEST(ReadGraphDef, FindsTheOutputsOfAFunctionCalledByItsNameInAnother) {
  const Graph graph = Read(R"(
    node { name: "x" op: "outer" }
    library {
      function { signature { name: "outer" output_arg { name: "r" type: DT_FLOAT } }
                 node_def { name: "call" op: "inner" } node_def { name: "neg" op: "Neg" input: "call:second:0" }
                 ret { key: "r" value: "neg:y:0" } }
      function { signature { name: "inner" output_arg { name: "first" type: DT_FLOAT } output_arg { name: "second" type: DT_FLOAT } }
                 node_def { name: "c" op: "Source" } node_def { name: "d" op: "Source" }
                 ret { key: "first" value: "c:o:0" } ret { key: "second" value: "d:o:0" } } })");
  EXPECT_THAT(PrintText(*graph.functions().at("outer")), HasSubstr("neg = Neg(call:1)"));
}

TEST(ReadGraphDef, RefusesBrokenFunctions) {
  const auto with = [](const std::string& body) {
    return R"(node { name: "n" op: "X" } library { function { signature { name: "f" input_arg { name: "a" type: DT_FLOAT }
              output_arg { name: "r" type: DT_FLOAT } } )" + body + " } }";
  };
  EXPECT_THAT(ErrorOf(with("")), HasSubstr("function 'f': result 'r' is not defined"));
  EXPECT_THAT(ErrorOf(with(R"(ret { key: "r" value: "gone:y:0" })")), HasSubstr("no node provides 'gone'"));
  EXPECT_THAT(ErrorOf(with(R"(node_def { name: "a" op: "X" } ret { key: "r" value: "a" })")), HasSubstr("two nodes"));
  EXPECT_THAT(ErrorOf(with(R"(node_def { name: "b" op: "X" input: "c:0:0" } ret { key: "r" value: "a" })")), HasSubstr("'c'"));
  EXPECT_THAT(ErrorOf(R"(node { name: "n" op: "X" } library { function { signature { name: "f"
                           input_arg { name: "a" } input_arg { name: "a" } } } })"),
              HasSubstr("argument 'a' twice"));
}

TEST(ReadGraphDef, UpToVersion21AScalarPlaceholderHasAnyShape) {
  const std::string node = R"(node { name: "p" op: "Placeholder" attr { key: "shape" value { shape { } } } } )";
  const auto shape = [&](const std::string& versions) { return NodeOf(Read(node + versions), "p").attr<Shape>("shape")->ToString(); };
  EXPECT_EQ(shape("versions { producer: 21 }"), "?");
  EXPECT_EQ(shape("versions { producer: 22 }"), "[]");
  EXPECT_EQ(shape(""), "?");
}

TEST(ReadGraphDef, TakesTheShapeOfAPlaceholderFromANoteWhereItHasNone) {
  const auto shape = [](const std::string& attrs) {
    const Graph graph = Read(R"(node { name: "p" op: "Placeholder" )" + attrs + "} versions { producer: 27 }");
    return NodeOf(graph, "p").attr_or<Shape>("shape", Shape()).ToString();
  };
  const std::string noted = R"(attr { key: "_output_shapes" value { list { shape { dim { size: 3 } } } } } )";
  EXPECT_EQ(shape(noted), "[3]");
  EXPECT_EQ(shape(noted + R"(attr { key: "shape" value { shape { unknown_rank: true } } } )"), "[3]");
  EXPECT_EQ(shape(noted + R"(attr { key: "shape" value { shape { dim { size: -1 } } } } )"), "[?]");
  EXPECT_EQ(shape(R"(attr { key: "_output_shapes" value { list { shape { } shape { } } } } )"), "?");
}

TEST(ReadGraphDef, RefusesDamagedVersionsInsteadOfForgettingTheRest) {
  const std::string before = Binary(R"(node { name: "a" op: "X" })"), after = Binary(R"(node { name: "b" op: "X" })");
  EXPECT_FALSE(ReadGraphDef(before + wire::Bytes(4, "\xff") + after, nullptr, Limits{}).ok());
}

TEST(ReadGraphDef, PutsNoBinaryNamesIntoMessages) {
  EXPECT_THAT(ErrorOf(R"(node { name: "a\033[2J" op: "X" })"), HasSubstr("binary"));
  EXPECT_THAT(ErrorOf(R"(node { op: "X\n\001" })"), HasSubstr("binary"));
  EXPECT_TRUE(TryRead(R"(node { name: "Größe/字" op: "X" })").ok());
}

TEST(ReadGraphDef, IgnoresFieldsItDoesNotKnow) {
  const std::string bytes = Binary(R"(node { name: "a" op: "X" device: "/gpu:0" })") + wire::Bytes(9, "future") +
                            wire::Number(77, 5) + wire::Fixed(78, 1.0F) + wire::Fixed(79, 1.0);
  EXPECT_TRUE(ReadGraphDef(bytes, nullptr, Limits{}).ok());
}

TEST(ReadGraphDef, RefusesOrReadsWhateverIsCutOffAtAnyByte) {
  const std::string bytes = Binary(R"(
    node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { } } } }
    node { name: "w" op: "Const" attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } }
           float_val: 1 float_val: 2 } } } }
    node { name: "y" op: "Mul" input: "x" input: "w" }
    library { function { signature { name: "f" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "r" type: DT_FLOAT } }
              node_def { name: "n" op: "Neg" input: "a" } ret { key: "r" value: "n:y:0" } } }
    versions { producer: 27 })");
  int refused = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const StatusOr<Graph> graph = ReadGraphDef(bytes.substr(0, size), nullptr, Limits{});
    if (!graph.ok()) {
      ++refused;
      EXPECT_FALSE(Message(graph.status()).empty());
    }
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) * 9 / 10);  // only cuts between top-level fields can go unseen
  for (size_t i = 0; i < bytes.size(); ++i) {                   // nor does a changed byte do harm
    for (unsigned char flip : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      const StatusOr<Graph> graph = ReadGraphDef(damaged, nullptr, Limits{});
      if (graph.ok()) (void)Verify(*graph, Level::kImported).ok();
    }
  }
}

TEST(ReadGraphDefText, ReadsCommentsAndSkipsWhatItDoesNotKnow) {
  const StatusOr<Graph> graph = ReadGraphDefText(
      "# a comment\nnode { name: 'a' op: 'X' # another\n future_field: 3 future_message { x: [1, 2] } }\n"
      "node { name: \"b\" op: \"Y\" input: \"a:1\" }", Limits{});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(PrintText(*graph), "a = X()\nb = Y(a:1)\n");
}

TEST(ReadGraphDefText, SaysWhereTheTextIsWrong) {
  const StatusOr<Graph> graph = ReadGraphDefText("node { name: 'a' op: 'X' }\nnode { name: }", Limits{});
  EXPECT_THAT(Message(graph.status()), HasSubstr("line 2"));
  EXPECT_FALSE(ReadGraphDefText("", Limits{}).ok());
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "node { ";
  EXPECT_FALSE(ReadGraphDefText(deep, Limits{}).ok());
}

}  // namespace
}  // namespace permafrost
