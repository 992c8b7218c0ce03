#include "optimizer/frontend/onnx/read_onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "optimizer/ir/verify.h"
#include "optimizer/pipeline/evaluate.h"
#include "tests/support/onnx_writing.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::OnnxParts;

const std::vector<int64_t> kPicture = {1, 2, 3, 3};

// x -> Relu -> y, to be spoiled.
OnnxParts Plain() {
  return {{wire::OnnxNode("Relu", {"x"}, {"y"})}, {}, {wire::OnnxValue("x", kPicture)}, {wire::OnnxValue("y", kPicture)}};
}

StatusOr<ImportedOnnx> Read(const std::string& bytes) { return ReadOnnx(bytes, nullptr, Limits()); }
StatusOr<ImportedOnnx> Read(const OnnxParts& parts) { return Read(wire::OnnxModelBytes(parts)); }
std::string ErrorOf(const OnnxParts& parts) {
  const auto model = Read(parts);
  return model.ok() ? "was read" : Message(model.status());
}

int CountOf(const Graph& graph, std::string_view op) {
  int count = 0;
  for (const NodeId id : graph.NodeIds()) count += graph.node(id).op == op ? 1 : 0;
  return count;
}

TEST(ReadOnnx, KeepsNamesAndTheOrderOfAxes) {
  const auto model = Read(Plain());
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph& graph = model->graph;
  ASSERT_EQ(graph.inputs().size(), 1U);
  EXPECT_EQ(graph.node(graph.inputs()[0]).name, "x");
  ASSERT_EQ(graph.outputs().size(), 1U);
  EXPECT_EQ(graph.outputs()[0].name, "y");
  EXPECT_EQ(graph.type(graph.outputs()[0].value).shape, Shape(kPicture));
  EXPECT_TRUE(model->notes.empty());
}

TEST(ReadOnnx, IsToldByContent) {
  EXPECT_TRUE(IsOnnxModel(wire::OnnxModelBytes(Plain())));
  EXPECT_FALSE(IsOnnxModel(""));
  EXPECT_FALSE(IsOnnxModel(ReadBytes(SourceDir() + "/models/classic_tf1/graph.pb")));
  EXPECT_FALSE(IsOnnxModel(wire::Number(1, 1) + wire::Bytes(2, "a SavedModel")));
}

TEST(ReadOnnx, PutsNoTransposeBetweenConvolutions) {
  const std::string path = SourceDir() + "/models/onnx/small_net/model.onnx";
  const auto model = Read(ReadBytes(path));
  ASSERT_TRUE(model.ok()) << model.status();
  // Where the picture comes in, and where the last map is flattened.
  EXPECT_LE(CountOf(model->graph, "Transpose"), 2);
  EXPECT_EQ(CountOf(model->graph, "DepthwiseConv2dNative"), 1);
}

TEST(ReadOnnx, SaysHowNamesChange) {
  const auto model = Read({{wire::OnnxNode("Relu", {"x:0"}, {"/head/out"})},
                           {},
                           {wire::OnnxValue("x:0", kPicture)},
                           {wire::OnnxValue("/head/out", kPicture)}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.node(model->graph.inputs()[0]).name, "x");
  EXPECT_EQ(model->graph.outputs()[0].name, "head/out");
  EXPECT_THAT(model->notes, ElementsAre(HasSubstr("input 'x:0'"), HasSubstr("output '/head/out'")));
}

TEST(ReadOnnx, TakesNodesInAnyOrder) {
  OnnxParts parts = Plain();
  parts.nodes = {wire::OnnxNode("Neg", {"r"}, {"y"}), wire::OnnxNode("Relu", {"x"}, {"r"})};
  EXPECT_TRUE(Read(parts).ok()) << ErrorOf(parts);
}

TEST(ReadOnnx, LeavesSymbolsOpenAndTakesShapesThatAreGiven) {
  OnnxParts parts = Plain();
  parts.inputs = {wire::OnnxValue("x", {-1, 2, 3, 3})};
  const std::string bytes = wire::OnnxModelBytes(parts);
  auto model = Read(bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.type(model->graph.outputs()[0].value).shape, Shape({kUnknownDim, 2, 3, 3}));
  model = ReadOnnx(bytes, nullptr, Limits(), {{"x", Shape({4, 2, 3, 3})}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.type(model->graph.outputs()[0].value).shape, Shape({4, 2, 3, 3}));
}

TEST(ReadOnnx, NamesNodeAndOpOfWhatItDoesNotKnow) {
  OnnxParts parts = Plain();
  parts.nodes = {wire::OnnxNode("Scan", {"x"}, {"y"})};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("node 'y' (Scan): Permafrost does not know this op"));
  parts.nodes = {wire::OnnxNode("Relu", {"x"}, {"y"}, {}, "com.example")};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("the operator set 'com.example'"));
}

// An LSTM of 2 units over 3 steps of 4 numbers, to be spoiled.
struct Lstm {
  std::vector<int64_t> x = {3, 1, 4}, weights = {1, 8, 4}, recurrent = {1, 8, 2}, biases = {1, 16};
  std::vector<std::string> inputs = {"x", "w", "r", "b"}, attrs = {wire::OnnxIntAttr("hidden_size", 2)};
  std::vector<std::string> more;  // initializers

  OnnxParts Parts() const {
    const auto tensor = [](std::string_view name, const std::vector<int64_t>& dims) {
      return wire::OnnxFloats(name, dims, std::vector<float>(static_cast<size_t>(CheckedElements(dims)), 0.1F));
    };
    OnnxParts parts{{wire::OnnxNode("LSTM", inputs, {"y"}, attrs)},
                    {tensor("w", weights), tensor("r", recurrent), tensor("b", biases)},
                    {wire::OnnxValue("x", x)},
                    {wire::OnnxValue("y", {3, 1, 1, 2})}};
    parts.initializers.insert(parts.initializers.end(), more.begin(), more.end());
    return parts;
  }
};
std::string OnnxStringAttr(std::string_view name, std::string_view value) {
  return wire::Bytes(1, name) + wire::Bytes(4, value) + wire::Number(20, 3);
}

std::string OnnxIntsAttr(std::string_view name, const std::vector<uint64_t>& values) {
  std::string bytes = wire::Bytes(1, name);
  for (const uint64_t value : values) bytes += wire::Number(8, value);
  return bytes + wire::Number(20, 7);
}

TEST(ReadOnnx, WritesRecurrentLayersStepByStep) {
  const auto model = Read(Lstm().Parts());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.type(model->graph.outputs()[0].value).shape, Shape({3, 1, 1, 2}));
  EXPECT_EQ(CountOf(model->graph, "MatMul"), 5) << "the first step has no state";
}

TEST(ReadOnnx, RefusesRecurrentLayersThatItCannotWriteOut) {
  const auto error = [](const std::function<void(Lstm&)>& spoil) {
    Lstm lstm;
    spoil(lstm);
    return ErrorOf(lstm.Parts());
  };
  EXPECT_THAT(error([](Lstm& l) { l.x = {-1, 1, 4}; }), HasSubstr("number of time steps or features of its input [?,1,4] is not known"));
  EXPECT_THAT(error([](Lstm& l) { l.x = {5000, 1, 4}; }), HasSubstr("5000 time steps, which are written out one by one; at most 4096"));
  EXPECT_THAT(error([](Lstm& l) { l.weights = {1, 8, 5}; }), HasSubstr("its input 1 is [1,8,5], expected [1,8,4]"));
  EXPECT_THAT(error([](Lstm& l) { l.biases = {1, 8}; }), HasSubstr("its input 3 is [1,8], expected [1,16]"));
  EXPECT_THAT(error([](Lstm& l) { l.recurrent = {1, 8, 3}; }), HasSubstr("has 3 units"));
  EXPECT_THAT(error([](Lstm& l) { l.inputs[1] = "x"; }), HasSubstr("its input 1 is computed"));
  EXPECT_THAT(error([](Lstm& l) { l.attrs.push_back(OnnxStringAttr("direction", "sideways")); }), HasSubstr("its direction is 'sideways'"));
  EXPECT_THAT(error([](Lstm& l) { l.attrs.push_back(wire::OnnxIntAttr("input_forget", 1)); }), HasSubstr("couples"));
  EXPECT_THAT(error([](Lstm& l) { l.attrs.push_back(wire::OnnxIntAttr("clip", 1)); }), HasSubstr("clips its gates"));
  EXPECT_THAT(error([](Lstm& l) {
                std::string names = wire::Bytes(1, "activations");
                for (const char* name : {"Sigmoid", "Tanh", "Softmax"}) names += wire::Bytes(9, name);
                l.attrs.push_back(names + wire::Number(20, 8));
              }),
              HasSubstr("its activation 'Softmax' is not supported"));
  EXPECT_THAT(error([](Lstm& l) {
                l.inputs.push_back("lengths");
                l.more = {wire::OnnxInts("lengths", {1}, {2})};
              }),
              HasSubstr("sequence_lens are not known or not all 3"));
  EXPECT_THAT(error([](Lstm& l) {
                l.inputs.insert(l.inputs.end(), {"", "h"});
                l.more = {wire::OnnxFloats("h", {2, 1, 2}, {1, 2, 3, 4})};
              }),
              HasSubstr("expected a state for each of 1 directions"));
}

TEST(ReadOnnx, LeavesOutWhatNoOutputNeeds) {
  OnnxParts parts = Plain();
  parts.nodes.push_back(wire::OnnxNode("Scan", {"x"}, {"state"}));
  EXPECT_TRUE(Read(parts).ok()) << ErrorOf(parts);
}

TEST(ReadOnnx, RefusesVersionsItDoesNotRead) {
  EXPECT_THAT(Message(Read(wire::OnnxModelBytes(Plain(), 6)).status()), HasSubstr("opset 6, expected 7 or later"));
  EXPECT_THAT(Message(Read(wire::OnnxModelBytes(Plain(), 13, 2)).status()), HasSubstr("IR version 2"));
}

TEST(ReadOnnx, RefusesGraphsThatAreNone) {
  OnnxParts parts = Plain();
  parts.nodes = {wire::OnnxNode("Add", {"x", "z"}, {"y"}), wire::OnnxNode("Relu", {"y"}, {"z"})};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("cycle"));
  parts.nodes = {wire::OnnxNode("Relu", {"x"}, {"y"}), wire::OnnxNode("Neg", {"x"}, {"y"})};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("gives 'y', and so does"));
  parts.nodes = {wire::OnnxNode("Relu", {"ghost"}, {"y"})};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("takes 'ghost', which nothing in the graph gives"));
  parts.nodes = {wire::OnnxNode("Relu", {"x"}, {"x"})};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("which is an input or initializer"));
  parts = Plain();
  parts.inputs.push_back(parts.inputs[0]);
  EXPECT_THAT(ErrorOf(parts), HasSubstr("input 'x': two have this name"));
  parts = Plain();
  parts.outputs.push_back(parts.outputs[0]);
  EXPECT_THAT(ErrorOf(parts), HasSubstr("output 'y': two have this name"));
  parts = Plain();
  parts.outputs = {};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("no outputs"));
}

TEST(ReadOnnx, RefusesInitializersThatLie) {
  const auto error = [](const std::string& tensor) {
    OnnxParts parts = Plain();
    parts.nodes = {wire::OnnxNode("Add", {"x", "w"}, {"y"})};
    parts.initializers = {tensor};
    return ErrorOf(parts);
  };
  EXPECT_EQ(error(wire::OnnxFloats("w", {3}, {1, 2, 3})), "was read");
  EXPECT_THAT(error(wire::OnnxFloats("w", {4}, {1, 2, 3})), HasSubstr("has 12 bytes, expected 16"));
  EXPECT_THAT(error(wire::OnnxTensor("w", {int64_t{1} << 40, int64_t{1} << 40}, "")), HasSubstr("--max-tensor-bytes"));
  EXPECT_THAT(error(wire::OnnxTensor("w", {-3}, "")), HasSubstr("--max-tensor-bytes"));
  EXPECT_THAT(error(wire::OnnxTensor("w", {1 << 20}, "")), HasSubstr("another number of values"));
  EXPECT_THAT(error(wire::OnnxTensor("w", {3}, wire::Bytes(4, wire::Raw(1.0F)))), HasSubstr("another number of values"));
  EXPECT_THAT(error(wire::OnnxTensor("w", {3}, "", 99)), HasSubstr("element type 99"));
}

TEST(ReadOnnx, RefusesEveryTruncation) {
  const std::string bytes = ReadBytes(SourceDir() + "/models/onnx/small_net/model.onnx");
  for (size_t size = 3; size < bytes.size() - 10; size += 7) {
    SCOPED_TRACE(size);
    const auto model = Read(bytes.substr(0, size));
    ASSERT_FALSE(model.ok());
    EXPECT_FALSE(absl::IsInternal(model.status())) << model.status();
  }
}

TEST(ReadOnnx, SurvivesDamageAnywhere) {
  for (const std::string name : {"small_net", "moves", "transposed_convolutions", "resize_nearest"}) {
    const std::string bytes = ReadBytes(SourceDir() + "/models/onnx/" + name + "/model.onnx");
    for (size_t at = 0; at < bytes.size(); at += 3) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (at % 2 == 0 ? 0x80 : 0x11));
      const auto model = ReadOnnx(damaged, nullptr, Limits{.max_tensor_bytes = 1 << 20, .max_nodes = 2000});
      if (!model.ok()) {
        EXPECT_FALSE(absl::IsInternal(model.status())) << name << " " << at << ": " << model.status();
      } else {
        EXPECT_TRUE(Verify(model->graph, Level::kImported).ok()) << name << " " << at;
      }
    }
  }
}

std::string External(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string bytes;
  for (const auto& [key, value] : entries) bytes += wire::Bytes(13, wire::Bytes(1, key) + wire::Bytes(2, value));
  return bytes + wire::Number(14, 1);
}

class ExternalData : public testing::Test {
 protected:
  StatusOr<ImportedOnnx> ReadWith(const std::vector<std::pair<std::string, std::string>>& entries) {
    OnnxParts parts = Plain();
    parts.nodes = {wire::OnnxNode("Add", {"x", "w"}, {"y"})};
    parts.initializers = {wire::OnnxTensor("w", {3}, External(entries))};
    std::filesystem::create_directories(folder_.File("model"));
    const std::string path = folder_.Write("model/net.onnx", wire::OnnxModelBytes(parts));
    const auto file = MappedFile::Open(path);
    EXPECT_TRUE(file.ok());
    return ReadOnnx((*file)->bytes(), *file, Limits());
  }
  std::string Error(const std::vector<std::pair<std::string, std::string>>& entries) {
    const auto model = ReadWith(entries);
    return model.ok() ? "was read" : Message(model.status());
  }
  const std::string numbers_ = wire::Raw(0.0F) + wire::Raw(1.0F) + wire::Raw(2.0F) + wire::Raw(3.0F);
  const TemporaryFolder folder_;
};

TEST_F(ExternalData, IsReadWhereItLies) {
  std::filesystem::create_directories(folder_.File("model/weights"));
  folder_.Write("model/weights/net.bin", numbers_);
  const auto model = ReadWith({{"location", "weights/net.bin"}, {"offset", "4"}, {"length", "12"}});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->files.size(), 1U);
  EXPECT_THAT(model->files[0], testing::EndsWith("weights/net.bin"));
  const Tensor* weights = nullptr;
  for (const NodeId id : model->graph.NodeIds()) {
    if (model->graph.node(id).IsConst()) weights = ConstValue(model->graph, {id, 0});
  }
  ASSERT_NE(weights, nullptr);
  EXPECT_THAT(weights->Values<float>(), ElementsAre(1, 2, 3));
}

TEST_F(ExternalData, NeverLeavesTheFolder) {
  folder_.Write("secret.bin", numbers_);
  std::filesystem::create_directories(folder_.File("model"));
  std::filesystem::create_symlink(folder_.File("secret.bin"), folder_.File("model/link.bin"));
  std::filesystem::create_directory_symlink(folder_.path(), folder_.File("model/up"));
  EXPECT_THAT(Error({{"location", "../secret.bin"}}), HasSubstr("no path inside the model's folder"));
  EXPECT_THAT(Error({{"location", "a/../../secret.bin"}}), HasSubstr("no path inside the model's folder"));
  EXPECT_THAT(Error({{"location", folder_.File("secret.bin")}}), HasSubstr("no path inside the model's folder"));
  EXPECT_THAT(Error({{"location", ""}}), HasSubstr("no path inside the model's folder"));
  EXPECT_THAT(Error({{"location", "link.bin"}}), HasSubstr("leads out of the model's folder"));
  EXPECT_THAT(Error({{"location", "up/secret.bin"}}), HasSubstr("leads out of the model's folder"));
  EXPECT_THAT(Error({{"location", "none.bin"}}), HasSubstr("missing beside the model"));
}

TEST_F(ExternalData, StaysInsideTheFile) {
  std::filesystem::create_directories(folder_.File("model"));
  folder_.Write("model/net.bin", numbers_);
  EXPECT_EQ(Error({{"location", "net.bin"}}), "was read");
  EXPECT_THAT(Error({{"location", "net.bin"}, {"offset", "8"}}), HasSubstr("which has 16"));
  EXPECT_THAT(Error({{"location", "net.bin"}, {"offset", "9223372036854775807"}}), HasSubstr("which has 16"));
  EXPECT_THAT(Error({{"location", "net.bin"}, {"offset", "-1"}}), HasSubstr("no offset or length"));
  EXPECT_THAT(Error({{"location", "net.bin"}, {"length", "16"}}), HasSubstr("has 16 bytes in 'net.bin', expected 12"));
  EXPECT_THAT(Error({{"location", "net.bin"}, {"length", "x"}}), HasSubstr("no offset or length"));
}

// cond ? then : else, in each other.
std::string Nested(int depth) {
  const std::string inner = depth == 0 ? wire::OnnxNode("Neg", {"x"}, {"z0"}) : Nested(depth - 1);
  const std::string name = "z" + std::to_string(depth);
  const std::string graph = wire::OnnxGraphBytes({{inner}, {}, {}, {wire::OnnxValue(name, kPicture)}});
  const auto attr = [&](const char* branch) { return wire::Bytes(1, branch) + wire::Bytes(6, graph) + wire::Number(20, 5); };
  return wire::OnnxNode("If", {"yes"}, {"z" + std::to_string(depth + 1)}, {attr("then_branch"), attr("else_branch")});
}

TEST(ReadOnnx, TakesTheBranchOfAKnownCondition) {
  OnnxParts parts = Plain();
  parts.initializers = {wire::OnnxTensor("yes", {}, wire::Bytes(9, std::string(1, '\1')), 9)};
  parts.nodes = {Nested(1), wire::OnnxNode("Relu", {"z2"}, {"y"})};
  const auto model = Read(parts);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(CountOf(model->graph, "Neg"), 1);
  parts.initializers = {};
  parts.inputs.push_back(wire::OnnxValue("yes", {}));
  EXPECT_THAT(ErrorOf(parts), HasSubstr("its condition depends on data"));
}

TEST(ReadOnnx, BoundsGraphsInGraphs) {
  OnnxParts parts = Plain();
  parts.initializers = {wire::OnnxTensor("yes", {}, wire::Bytes(9, std::string(1, '\1')), 9)};
  std::string node = wire::OnnxNode("Neg", {"x"}, {"z0"});
  for (int depth = 0; depth < 40; ++depth) {  // one branch each, or the file doubles
    const std::string graph =
        wire::OnnxGraphBytes({{node}, {}, {}, {wire::OnnxValue("z" + std::to_string(depth), kPicture)}});
    node = wire::OnnxNode("If", {"yes"}, {"z" + std::to_string(depth + 1)},
                          {wire::Bytes(1, "then_branch") + wire::Bytes(6, graph) + wire::Number(20, 5)});
  }
  parts.nodes = {node, wire::OnnxNode("Relu", {"z40"}, {"y"})};
  EXPECT_THAT(ErrorOf(parts), HasSubstr("more than 16 deep"));
}

TEST(ReadOnnx, KeepsOpsThatTensorFlowLacks) {
  OnnxParts parts = Plain();
  parts.inputs.push_back(wire::OnnxValue("grid", {1, 4, 5, 2}));
  parts.nodes = {wire::OnnxNode("GridSample", {"x", "grid"}, {"y"})};
  parts.outputs = {wire::OnnxValue("y", {1, 2, 4, 5})};
  const auto model = Read(parts);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(CountOf(model->graph, "onnx::GridSample"), 1);
  EXPECT_EQ(model->graph.type(model->graph.outputs()[0].value).shape, Shape({1, 2, 4, 5}));
}

// TensorFlow's GatherNd takes no index below 0.
TEST(ReadOnnx, CountsIndicesFromTheFront) {
  const auto picked = [](const std::vector<int64_t>& x, const std::vector<int64_t>& dims, const std::vector<int64_t>& indices,
                         const std::vector<std::string>& attrs) {
    const auto model = Read(OnnxParts{{wire::OnnxNode("GatherND", {"x", "i"}, {"y"}, attrs)},
                                      {wire::OnnxInts("i", dims, indices)},
                                      {wire::OnnxValue("x", x)},
                                      {wire::OnnxValue("y", {-1})}});
    if (!model.ok()) return Message(model.status());
    std::vector<float> numbers(static_cast<size_t>(CheckedElements(x)));
    std::iota(numbers.begin(), numbers.end(), 0.0F);
    const auto given = EvaluateOutputs(model->graph, {{"x", Tensor::Of<float>(x, numbers)}});
    return given.ok() ? testing::PrintToString(given->front().value.Values<float>()) : Message(given.status());
  };
  EXPECT_EQ(picked({2, 3}, {2, 2}, {-1, -2, 0, 1}, {}), "{ 4, 1 }");
  EXPECT_EQ(picked({2, 3}, {2, 1}, {-1, -3}, {wire::OnnxIntAttr("batch_dims", 1)}), "{ 2, 3 }");
  EXPECT_THAT(picked({2, 3}, {1, 2}, {1, -4}, {}), HasSubstr("index -1 of 3 elements"));
}

// What a window covers at the end depends on the size, also where windows do not overlap.
TEST(ReadOnnx, LeavesThePaddingOfUnknownSizesToWhoeverRunsIt) {
  const auto read = [](const char* mode, int64_t counts_pads) {
    return Read(OnnxParts{{wire::OnnxNode("AveragePool", {"x"}, {"y"}, {OnnxStringAttr("auto_pad", mode), OnnxIntsAttr("kernel_shape", {2, 2}), OnnxIntsAttr("strides", {2, 2}),
                                                                       wire::OnnxIntAttr("count_include_pad", counts_pads)})},
                          {},
                          {wire::OnnxValue("x", {1, 2, -1, -1})},
                          {wire::OnnxValue("y", {1, 2, -1, -1})}});
  };
  const auto model = read("SAME_UPPER", 0);
  ASSERT_TRUE(model.ok()) << model.status();
  std::string padding;
  for (const NodeId id : model->graph.NodeIds()) {
    if (model->graph.node(id).op == "AvgPool") padding = model->graph.node(id).attr_or<std::string>("padding", "");
  }
  EXPECT_EQ(padding, "SAME");
  EXPECT_THAT(Message(read("SAME_LOWER", 0).status()), HasSubstr("auto_pad SAME_LOWER of an unknown size"));
  EXPECT_THAT(Message(read("SAME_UPPER", 1).status()), HasSubstr("a mean over padding of an unknown size"));
}

// 2 x 3 at most 5 x 4: by 4 / 3, which the rounded height of 3 is not.
TEST(ReadOnnx, ResizesAllAxesByTheScaleThatKeepsTheAspectRatio) {
  const auto model = Read(wire::OnnxModelBytes(
      {{wire::OnnxNode("Resize", {"x", "", "", "sizes"}, {"y"},
                       {OnnxStringAttr("mode", "linear"), OnnxStringAttr("keep_aspect_ratio_policy", "not_larger"), OnnxIntsAttr("axes", {2, 3})})},
       {wire::OnnxInts("sizes", {2}, {5, 4})},
       {wire::OnnxValue("x", {1, 1, 2, 3})},
       {wire::OnnxValue("y", {1, 1, 3, 4})}},
      18));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto given = EvaluateOutputs(model->graph, {{"x", Tensor::Of<float>({1, 1, 2, 3}, {0, 0, 0, 1, 1, 1})}});
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_THAT(given->front().value.Values<float>(), testing::Pointwise(testing::FloatNear(1e-6F), {0.0F, 0.0F, 0.0F, 0.0F, 0.625F, 0.625F, 0.625F,
                                                                                                  0.625F, 1.0F, 1.0F, 1.0F, 1.0F}));
}

TEST(ReadOnnx, RefusesToBringAnUnknownSizeToOneThatIsGiven) {
  for (const std::string mode : {"linear", "cubic", "nearest"}) {
    const auto model = Read(wire::OnnxModelBytes({{wire::OnnxNode("Resize", {"x", "", "", "sizes"}, {"y"}, {OnnxStringAttr("mode", mode)})},
                                                  {wire::OnnxInts("sizes", {4}, {1, 1, 5, 4})},
                                                  {wire::OnnxValue("x", {1, 1, -1, 3})},
                                                  {wire::OnnxValue("y", {1, 1, 5, 4})}},
                                                 13));
    EXPECT_THAT(Message(model.status()), HasSubstr("resizes an unknown size to 5; --inputs can give")) << mode;
  }
}

TEST(ReadOnnx, SpellsQuantizedProductsInFloats) {
  OnnxParts parts = Plain();
  parts.initializers = {wire::OnnxFloats("s", {}, {0.5}), wire::OnnxTensor("z", {}, wire::Bytes(9, std::string(1, '\3')), 2),
                        wire::OnnxTensor("w", {1, 2, 1, 1}, wire::Bytes(9, std::string(2, '\1')), 2)};
  parts.nodes = {wire::OnnxNode("QuantizeLinear", {"x", "s", "z"}, {"q"}),
                 wire::OnnxNode("QLinearConv", {"q", "s", "z", "w", "s", "z", "s", "z"}, {"r"}),
                 wire::OnnxNode("DequantizeLinear", {"r", "s", "z"}, {"y"})};
  parts.outputs = {wire::OnnxValue("y", {1, 1, 3, 3})};
  const auto model = Read(parts);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(CountOf(model->graph, "Conv2D"), 1);
  parts.nodes[1] = wire::OnnxNode("QLinearConv", {"q", "s", "z", "w", "s", "z", "s"}, {"r"});
  EXPECT_THAT(ErrorOf(parts), HasSubstr("node 'r' (QLinearConv): has 7 inputs, expected 8 to 9"));
}

TEST(ReadOnnx, NamesTheNodeWhoseNumbersDoNotFit) {
  const auto error = [](const std::string& node) {
    OnnxParts parts = Plain();
    parts.initializers = {wire::OnnxFloats("w", {1, 1, 1, 1}, {2}), wire::OnnxInts("far", {2}, {1, int64_t{1} << 40})};
    parts.nodes = {node};
    return ErrorOf(parts);
  };
  EXPECT_THAT(error(wire::OnnxNode("Conv", {"x", "w"}, {"y"})), HasSubstr("node 'y' (Conv): weights"));
  EXPECT_THAT(error(wire::OnnxNode("Reshape", {"x", "far"}, {"y"})), HasSubstr("node 'y' (Reshape): a dim of 1099511627776"));
  EXPECT_THAT(error(wire::OnnxNode("Concat", {"x", "x"}, {"y"}, {wire::OnnxIntAttr("axis", 7)})),
              HasSubstr("node 'y' (Concat): axis 7"));
  EXPECT_THAT(error(wire::OnnxNode("Relu", {"x", "x"}, {"y"})), HasSubstr("has 2 inputs, expected 1"));
  EXPECT_THAT(error(wire::OnnxNode("LeakyRelu", {"x"}, {"y"}, {wire::OnnxIntAttr("alpha", 1)})),
              HasSubstr("attribute 'alpha' has the wrong type"));
}

}  // namespace
}  // namespace permafrost
