#include "runner/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "optimizer/support/sha256.h"
#include "tests/runner/tiny_graph.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SessionTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // x [1,1,2,2] -> conv (swaps and scales the channels, and adds their sum as a third) -> two outputs of one value.
  std::string SaveTwoOutputs() const {
    TinyGraph graph;
    graph.Placeholder("x", {1, 1, 2, 2});
    graph.Const("kernel", {1, 1, 2, 3}, {0, 10, 1, 1, 0, 1});
    graph.Convolve("conv", "x", "kernel");
    graph.Const("three", {}, {3});
    graph.Add("relu", "Relu", {"conv"});
    graph.Add("tripled", "Mul", {"conv", "three"});
    return graph.Save(Path("model.pb"));
  }
  static NamedArray Input() { return {"x", FloatArray({1, 1, 2, 2}, {1, 2, -3, 4})}; }

  void Describe(const std::string& model, const std::vector<TensorInfo>& inputs,
                const std::vector<TensorInfo>& outputs) const {
    ModelInfo info;
    info.file = "model.pb";
    info.file_sha256 = *Sha256OfFile(model);
    info.inputs = inputs;
    info.outputs = outputs;
    ASSERT_TRUE(WriteModelInfo(ModelInfoPath(model), info).ok());
  }
  static TensorInfo Tensor(const std::string& name, const std::vector<int64_t>& shape, const std::string& layout,
                           const std::string& cv_name, const std::vector<int64_t>& cv_shape,
                           const std::string& cv_layout) {
    TensorInfo tensor;
    tensor.name = name;
    tensor.dtype = "float32";
    tensor.shape = shape;
    tensor.layout = layout;
    tensor.cv_name = cv_name;
    tensor.cv_shape = cv_shape;
    tensor.cv_layout = cv_layout;
    return tensor;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(SessionTest, TellsWhereTheTimeOfARunGoes) {
  auto session = Session::Open(SaveTwoOutputs(), {});
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->LastTimes().net_ms, 0);
  ASSERT_TRUE(session->Run({{"", Input().array}}).ok());
  EXPECT_GT(session->LastTimes().in_ms, 0);
  EXPECT_GT(session->LastTimes().net_ms, 0);
  EXPECT_GT(session->LastTimes().out_ms, 0);
  const auto layers = session->LayerTimes();
  ASSERT_TRUE(layers.ok()) << layers.status();
  double sum = 0;
  std::vector<std::string> types;
  for (const LayerTime& layer : *layers) {
    sum += layer.ms;
    types.push_back(layer.type);
  }
  EXPECT_THAT(types, ::testing::Contains("Convolution"));
  EXPECT_GT(sum, 0);
  EXPECT_LE(sum, session->LastTimes().net_ms) << "in milliseconds, too";
}

TEST_F(SessionTest, FetchesSeveralOutputsByNameInTensorFlowsOrderOfAxes) {
  auto session = Session::Open(SaveTwoOutputs(), {.input_names = {"x"}, .output_names = {"tripled", "relu"}});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto outputs = session->Run({Input()});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_EQ(outputs->size(), 2U);
  EXPECT_EQ((*outputs)[0].name, "tripled");
  EXPECT_THAT((*outputs)[0].array.dims, ElementsAre(1, 1, 2, 3));
  EXPECT_THAT(*ToFloats((*outputs)[0].array), ElementsAre(6, 30, 9, 12, -90, 3));
  EXPECT_EQ((*outputs)[1].name, "relu");
  EXPECT_THAT(*ToFloats((*outputs)[1].array), ElementsAre(2, 10, 3, 4, 0, 1));
}

TEST_F(SessionTest, RunsAFileThatNothingIsToldAbout) {
  auto session = Session::Open(SaveTwoOutputs(), {});
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->outputs().size(), 2U);
  const auto outputs = session->Run({{"", Input().array}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].array.dims, ElementsAre(1, 1, 2, 3));
}

TEST_F(SessionTest, TranslatesNamesShapesAndLayoutsAsModelJsonSays) {
  const std::string model = SaveTwoOutputs();
  Describe(model, {Tensor("image:0", {1, 1, 2, 2}, "NHWC", "x", {1, 2, 1, 2}, "NCHW")},
           {Tensor("flat", {1, 6}, "", "tripled", {1, 3, 1, 2}, ""),
            Tensor("picture", {2, 3}, "WC", "tripled", {1, 3, 1, 2}, "NCHW")});
  auto session = Session::Open(model, {});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto outputs = session->Run({{"image:0", Input().array}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ((*outputs)[0].name, "flat");
  EXPECT_THAT((*outputs)[0].array.dims, ElementsAre(1, 6));
  EXPECT_THAT(*ToFloats((*outputs)[0].array), ElementsAre(6, 12, 30, -90, 9, 3));  // as cv::dnn has it
  EXPECT_THAT((*outputs)[1].array.dims, ElementsAre(2, 3));
  EXPECT_THAT(*ToFloats((*outputs)[1].array), ElementsAre(6, 30, 9, 12, -90, 3));

  EXPECT_THAT(Message(session->Run({{"image:0", FloatArray({1, 2, 1, 2}, {1, 2, 3, 4})}}).status()),
              HasSubstr("input \"image:0\": has the shape [1,2,1,2], expected [1,1,2,2]"));
}

TEST_F(SessionTest, TakesAnInputOfUnknownRankForAPicture) {
  const std::string model = SaveTwoOutputs();
  TensorInfo input = Tensor("x", {}, "", "x", {}, ""), output = Tensor("out", {}, "", "tripled", {}, "");
  input.rank_known = output.rank_known = false;
  Describe(model, {input}, {output});
  auto session = Session::Open(model, {});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto outputs = session->Run({Input()});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(*ToFloats((*outputs)[0].array), ElementsAre(6, 30, 9, 12, -90, 3));
}

TEST_F(SessionTest, NeverGuessesWhenTheShapeIsNotTheOneOfModelJson) {
  const std::string model = SaveTwoOutputs();
  Describe(model, {Tensor("x", {1, 1, 2, 2}, "NHWC", "x", {1, 2, 1, 2}, "NCHW")},
           {Tensor("out", {1, 1, 2, 3}, "NHWC", "tripled", {1, 2, 1, 3}, "NCHW")});
  auto session = Session::Open(model, {});
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_THAT(Message(session->Run({Input()}).status()),
              HasSubstr("output \"out\": cv::dnn gives the shape [1,3,1,2], model.json says [1,2,1,3]"));
}

TEST_F(SessionTest, RefusesAFileThatModelJsonDoesNotDescribe) {
  const std::string model = SaveTwoOutputs();
  Describe(model, {Tensor("x", {1, 1, 2, 2}, "NHWC", "x", {1, 2, 1, 2}, "NCHW")},
           {Tensor("out", {1, 1, 2, 3}, "NHWC", "tripled", {1, 3, 1, 2}, "NCHW")});
  TinyGraph other;
  other.Placeholder("x", {1, 1, 2, 2});
  other.Add("tripled", "Relu", {"x"});
  other.Save(model);
  EXPECT_THAT(Message(Session::Open(model, {}).status()), HasSubstr("SHA-256"));
  EXPECT_TRUE(Session::Open(model, {.check_hash = false}).ok());
  EXPECT_TRUE(Session::Open(model, {.use_model_json = false}).ok());
}

TEST_F(SessionTest, NamesTheOutputOrInputThatIsMissing) {
  const std::string model = SaveTwoOutputs();
  const auto no_output = Session::Open(model, {.output_names = {"relu", "softmax"}});
  EXPECT_TRUE(absl::IsNotFound(no_output.status()));
  EXPECT_THAT(Message(no_output.status()), HasSubstr("model.pb: cv::dnn has no layer \"softmax\""));
  EXPECT_THAT(Message(no_output.status()), HasSubstr("tripled"));
  EXPECT_THAT(Message(Session::Open(model, {.input_names = {"y"}}).status()), HasSubstr("no input \"y\""));

  auto session = Session::Open(model, {.input_names = {"x"}});
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_THAT(Message(session->Run({}).status()), HasSubstr("input \"x\" was not given"));
  EXPECT_THAT(Message(session->Run({Input(), {"z", Input().array}}).status()), HasSubstr("no input \"z\""));
}

TEST_F(SessionTest, ReportsAForwardThatFails) {
  auto session = Session::Open(SaveTwoOutputs(), {});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto outputs = session->Run({{"", FloatArray({1, 1, 1, 3}, {1, 2, 3})}});  // the kernel wants two channels
  EXPECT_THAT(Message(outputs.status()), HasSubstr("model.pb: forward: OpenCV"));
  EXPECT_TRUE(session->Run({{"", Input().array}}).ok()) << "still usable";
  EXPECT_FALSE(session->Run({{"", FloatArray({1, 0, 2, 2}, {})}}).ok());
}

TEST_F(SessionTest, ReportsFilesThatAreNoModel) {
  EXPECT_THAT(Message(Session::Open(Path("none.pb"), {}).status()), HasSubstr("none.pb"));
  EXPECT_FALSE(Session::Open(folder_, {}).ok());
  std::ofstream(Path("page.pb")) << "<html><body>404</body></html>";
  EXPECT_THAT(Message(Session::Open(Path("page.pb"), {}).status()), HasSubstr("page.pb: loading: OpenCV"));
  std::ofstream(Path("page.onnx")) << "<html><body>404</body></html>";
  EXPECT_FALSE(Session::Open(Path("page.onnx"), {}).ok());
}

TEST_F(SessionTest, SurvivesEveryTruncationOfAModel) {
  const std::string bytes = [&] {
    TinyGraph graph;
    graph.Placeholder("x", {1, 1, 2, 2});
    graph.Const("kernel", {1, 1, 2, 3}, {0, 10, 1, 1, 0, 1});
    graph.Convolve("conv", "x", "kernel");
    return graph.Bytes();
  }();
  int refused = 0;
  for (size_t part = 1; part < 16; ++part) {
    std::ofstream(Path("cut.pb"), std::ios::binary) << bytes.substr(0, bytes.size() * part / 16);
    auto session = Session::Open(Path("cut.pb"), {.output_names = {"conv"}});
    refused += session.ok() ? 0 : 1;
  }
  EXPECT_EQ(refused, 15);
}

TEST_F(SessionTest, OutlivesAFileThatCrashesTheImporter) {
  TinyGraph graph;
  graph.Placeholder("x", {1, 1, 1, 2});
  graph.Add("squeeze", "Squeeze", {"x"}).mutable_attr()->insert({"squeeze_dims", {}});
  const auto session = Session::Open(graph.Save(Path("crash.pb")), {});
  EXPECT_TRUE(absl::IsDataLoss(session.status())) << session.status();
  EXPECT_THAT(Message(session.status()), HasSubstr("crash.pb: OpenCV's importer crashed ("));
}

TEST_F(SessionTest, OutlivesAFileThatHangsTheImporter) {
  TinyGraph graph;  // OpenCV 4.6 follows identities for ever; later ones refuse
  graph.Placeholder("x", {1, 1, 2, 2});
  graph.Add("a", "Identity", {"b"});
  graph.Add("b", "Identity", {"a"});
  graph.Add("c", "Relu", {"b"});
  const auto session = Session::Open(graph.Save(Path("loop.pb")), {.load_seconds = 1});
  EXPECT_FALSE(session.ok());
}

// x -> the largest of its channels, which cv::dnn computes at the first shape only.
std::string SaveLargestChannel(const std::string& path) {
  TinyGraph graph;
  graph.Placeholder("x", {-1, -1, -1, 2});
  graph.IntConst("axis", 3);
  auto& attr = *graph.Add("out", "Max", {"x", "axis"}).mutable_attr();
  attr["keep_dims"].set_b(true);
  return graph.Save(path);
}

Array Picture(int64_t batch, int64_t height, int64_t width) {
  std::vector<float> values(batch * height * width * 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return FloatArray({batch, height, width, 2}, values);
}

std::vector<float> OddNumbers(int64_t count) {
  std::vector<float> odd;
  for (int64_t i = 0; i < count; ++i) odd.push_back(static_cast<float>(2 * i + 1));
  return odd;
}

TEST_F(SessionTest, ReadsTheFileAgainForAnotherShapeAndOnlyThen) {
  auto session = Session::Open(SaveLargestChannel(Path("model.pb")), {.input_names = {"x"}, .output_names = {"out"}});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto expect_answer = [&](int64_t batch, int64_t height, int64_t width, size_t loads) {
    SCOPED_TRACE(std::to_string(batch) + "x" + std::to_string(height) + "x" + std::to_string(width));
    const auto outputs = session->Run({{"x", Picture(batch, height, width)}});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_EQ(*ToFloats((*outputs)[0].array), OddNumbers(batch * height * width));
    EXPECT_EQ(session->loads(), loads);
  };
  expect_answer(1, 4, 6, 1);
  expect_answer(1, 4, 6, 1);
  expect_answer(1, 5, 7, 2);
  expect_answer(3, 5, 7, 3);
  expect_answer(3, 5, 7, 3);
  expect_answer(1, 4, 6, 4);
}

TEST_F(SessionTest, ReadsTheBytesItHasWhenTheFileWasReplaced) {
  const std::string path = SaveLargestChannel(Path("model.pb"));
  auto session = Session::Open(path, {.input_names = {"x"}, .output_names = {"out"}});
  ASSERT_TRUE(session.ok()) << session.status();
  ASSERT_TRUE(session->Run({{"x", Picture(1, 2, 2)}}).ok());
  std::filesystem::remove(path);
  const auto outputs = session->Run({{"x", Picture(1, 3, 3)}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ(*ToFloats((*outputs)[0].array), OddNumbers(9));
}

TEST_F(SessionTest, PadsASizeOfAnotherParityAsItsOwn) {
  TinyGraph graph;  // every second place: an even size is padded at its end, an odd one at both
  graph.Placeholder("x", {-1, -1, -1, 1});
  graph.Const("kernel", {3, 3, 1, 1}, {0, 0, 0, 0, 1, 10, 0, 0, 0});
  graph.Convolve("out", "x", "kernel", 2);
  auto session = Session::Open(graph.Save(Path("model.pb")), {.input_names = {"x"}, .output_names = {"out"}});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto row = [&](int64_t width) {
    std::vector<float> values(width);
    for (int64_t i = 0; i < width; ++i) values[i] = static_cast<float>(i + 1);
    const auto outputs = session->Run({{"x", FloatArray({1, 1, width, 1}, values)}});
    return outputs.ok() ? *ToFloats((*outputs)[0].array) : std::vector<float>();
  };
  EXPECT_THAT(row(4), ElementsAre(2 + 30, 4));
  EXPECT_THAT(row(5), ElementsAre(1 + 20, 3 + 40, 5));
  EXPECT_THAT(row(4), ElementsAre(2 + 30, 4));
}

TEST_F(SessionTest, KeepsOutputsApartFromLaterRuns) {
  auto session = Session::Open(SaveTwoOutputs(), {.input_names = {"x"}, .output_names = {"relu"}});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto first = session->Run({Input()});
  ASSERT_TRUE(session->Run({{"x", FloatArray({1, 1, 2, 2}, {9, 9, 9, 9})}}).ok());
  EXPECT_THAT(*ToFloats((*first)[0].array), ElementsAre(2, 10, 3, 4, 0, 1));
}

TEST_F(SessionTest, TakesNumbersOfAnyType) {
  auto session = Session::Open(SaveTwoOutputs(), {.input_names = {"x"}, .output_names = {"relu"}});
  ASSERT_TRUE(session.ok()) << session.status();
  const Array bytes{ElementType::kUint8, {1, 1, 2, 2}, std::string("\1\2\3\4", 4)};
  const auto outputs = session->Run({{"x", bytes}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(*ToFloats((*outputs)[0].array), ElementsAre(2, 10, 3, 4, 30, 7));
  EXPECT_FALSE(session->Run({{"x", {ElementType::kFloat, {1, 1, 2, 2}, "short"}}}).ok());
}

TEST_F(SessionTest, HasNoLayerElsewhereOnItsOwnBackend) {
  auto session = Session::Open(SaveTwoOutputs(), {});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto layers = session->CpuLayers();
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_TRUE(layers->empty());
}

TEST_F(SessionTest, RefusesABackendThatIsNotBuiltIn) {
  const std::string model = SaveTwoOutputs();
  EXPECT_THAT(Message(Session::Open(model, {.backend = "abacus"}).status()), HasSubstr("there are: opencv"));
  EXPECT_THAT(Message(Session::Open(model, {.backend = "cuda", .target = "cpu"}).status()), HasSubstr("opencv/cpu"));
  EXPECT_TRUE(Session::Open(model, {.backend = "opencv", .target = "cpu", .threads = 1}).ok());
}

}  // namespace
}  // namespace permafrost
