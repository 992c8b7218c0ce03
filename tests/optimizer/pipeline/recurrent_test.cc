// Recurrent layers of Keras files, frozen loops and TensorFlow 1 become ONNX's own ops where the runtime takes them,
// and give what TensorFlow gave: the file is read back and runs on the reference kernels.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "optimizer/frontend/onnx/onnx_file.h"
#include "optimizer/ops/evaluate.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/optimize.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct RecurrentCase {
  std::string folder;
  std::map<std::string, int> ops;  // for ONNX Runtime
  int products = 0;                // MatMul and Gemm that are left
  bool open_batch = false;         // as the file leaves it; else as it is fed
};

Tensor ReadFloats(const fs::path& path) {
  const auto array = ReadNpy(path.string());
  EXPECT_TRUE(array.ok()) << array.status();
  return array.ok() ? Tensor::Of<float>(array->dims, *ToFloats(*array)) : Tensor::Of<float>({0}, {});
}

std::map<std::string, int> OpsOf(const std::string& path) {
  const std::string bytes = ReadBytes(path);
  const auto file = from_onnx::ReadOnnxFile(bytes, Limits());
  EXPECT_TRUE(file.ok()) << file.status();
  std::map<std::string, int> ops;
  if (!file.ok()) return ops;
  for (const from_onnx::FileNode& node : file->graph.nodes) ++ops[std::string(node.op)];
  return ops;
}

OptimizeOptions OptionsFor(const fs::path& folder, const std::string& output, std::string_view target) {
  OptimizeOptions options;
  for (const char* name : {"graph.pb", "model.h5", "model.keras"}) {
    if (fs::exists(folder / name)) options.model = (folder / name).string();
  }
  options.output = output;
  options.target = AsOnnx(*ParseTarget(target));
  const Json meta = Json::parse(ReadBytes((folder / "meta.json").string()));
  if (!meta.contains("shapes")) return options;
  for (size_t i = 0; i < meta["inputs"].size(); ++i) {
    options.inputs.push_back(
        {{meta["inputs"][i], 0}, Shape(meta["shapes"][i].get<std::vector<int64_t>>()), std::nullopt});
  }
  for (const Json& name : meta["outputs"]) options.outputs.push_back({name, 0});
  return options;
}

class RecurrentLayers : public testing::TestWithParam<RecurrentCase> {};

TEST_P(RecurrentLayers, AreOpsOfOnnxAndGiveTensorFlowsAnswers) {
  const fs::path folder = fs::path(SourceDir()) / "models" / GetParam().folder;
  const TemporaryFolder results;
  OptimizeOptions options = OptionsFor(folder, results.File("net.onnx"), "onnxruntime");
  if (GetParam().open_batch) options.inputs.clear();
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  const auto ops = OpsOf(options.output);
  const auto count = [&](const std::string& op) { return ops.contains(op) ? ops.at(op) : 0; };
  for (const auto& [op, expected] : GetParam().ops) EXPECT_EQ(count(op), expected) << op;
  EXPECT_EQ(count("MatMul") + count("Gemm"), GetParam().products);

  OptimizeOptions again;
  again.model = options.output;
  again.target = *ParseTarget("graphdef");
  RunOptions run;
  const auto read = LowerModel(again, run);
  ASSERT_TRUE(read.ok()) << read.status();
  const Graph& graph = read->model.graph;
  std::map<NodeId, Tensor> feeds;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const fs::path file = folder / StrCat("in", i, ".npy");
    feeds[graph.inputs()[i]] = ReadFloats(fs::exists(file) ? file : folder / "in.npy");
  }
  std::vector<Value> fetches;
  for (const GraphOutput& output : graph.outputs()) fetches.push_back(output.value);
  const auto answers = Evaluate(graph, feeds, fetches);
  ASSERT_TRUE(answers.ok()) << answers.status();
  for (size_t i = 0; i < answers->size(); ++i) {
    EXPECT_LE(RelativeError((*answers)[i], ReadFloats(folder / StrCat("out", i, ".npy"))), 2e-5)
        << graph.outputs()[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, RecurrentLayers,
                         testing::Values(RecurrentCase{"loops/keras_lstm", {{"LSTM", 1}}, 1},
                                         RecurrentCase{"loops/keras_lstm_lowered", {{"LSTM", 1}}, 1},
                                         RecurrentCase{"loops/keras_gru", {{"GRU", 1}}, 1},
                                         RecurrentCase{"loops/keras_simple_rnn", {{"RNN", 1}}, 1},
                                         RecurrentCase{"loops/keras_bidirectional", {{"LSTM", 2}}, 1},
                                         RecurrentCase{"loops/keras_bidirectional_lowered", {{"LSTM", 2}}, 1},
                                         RecurrentCase{"loops/keras_stacked", {{"LSTM", 1}, {"GRU", 1}}, 1},
                                         RecurrentCase{"loops/keras_lstm_gates", {{"LSTM", 2}}, 0, true},
                                         RecurrentCase{"loops/keras_lstm_gates", {{"LSTM", 2}}, 0},
                                         RecurrentCase{"loops/keras_lstm_gates_lowered", {{"LSTM", 2}}, 0, true},
                                         RecurrentCase{"loops/keras_lstm_gates_lowered", {{"LSTM", 2}}, 0},
                                         RecurrentCase{"loops/keras_gru_before", {{"GRU", 2}}, 0, true},
                                         RecurrentCase{"loops/keras_gru_before", {{"GRU", 2}}, 0},
                                         RecurrentCase{"loops/keras_gru_before_lowered", {{"GRU", 2}}, 0, true},
                                         RecurrentCase{"loops/keras_gru_before_lowered", {{"GRU", 2}}, 0},
                                         RecurrentCase{"loops/dynamic_rnn_lstm", {{"LSTM", 1}}, 1},
                                         RecurrentCase{"loops/dynamic_rnn_gru", {{"GRU", 1}}, 1},
                                         RecurrentCase{"loops/dynamic_rnn_two", {{"GRU", 2}}, 1},
                                         RecurrentCase{"keras_layers/keras2/lstm", {{"LSTM", 6}}, 0},
                                         RecurrentCase{"keras_layers/keras2/gru", {{"GRU", 5}}, 0},
                                         RecurrentCase{"keras_layers/keras2/cudnn_rnn", {{"LSTM", 3}, {"GRU", 2}}, 0},
                                         RecurrentCase{"keras_layers/keras3/lstm", {{"LSTM", 6}}, 0},
                                         RecurrentCase{"keras_layers/keras3/gru", {{"GRU", 5}}, 0}),
                         [](const auto& info) {
                           std::string name = info.param.folder;
                           std::replace(name.begin(), name.end(), '/', '_');
                           if (info.param.open_batch) name += "_of_any_batch";
                           return name;
                         });

TEST(RecurrentOps, AreSpelledOutForMostReleasesAndWithMasks) {
  const TemporaryFolder results;
  const fs::path loops = fs::path(SourceDir()) / "models/loops";
  const auto has = [&](const std::string& name, std::string_view target, const std::string& op) {
    const OptimizeOptions options = OptionsFor(loops / name, results.File("net.onnx"), target);
    const auto report = Optimize(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return OpsOf(options.output).contains(op);
  };
  EXPECT_TRUE(has("keras_lstm", "opencv-4.6", "LSTM"));
  EXPECT_FALSE(has("keras_lstm", "opencv-4.5.5", "LSTM"));
  EXPECT_FALSE(has("keras_lstm", "onnx", "LSTM"));
  EXPECT_FALSE(has("keras_gru", "opencv-4.14", "GRU")) << "no release takes it";
  EXPECT_FALSE(has("keras_mask", "onnxruntime", "LSTM"));
}

}  // namespace
}  // namespace permafrost
