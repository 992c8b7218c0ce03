// The programs on whole models: the ones of models/, those that scripts/get_models installs, and those of
// ../shared/models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "permafrost/graph.pb.h"
#include "shared_io/array.h"
#include "shared_io/model_json.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kSource = SourceDir();

// One folder: model, in*.npy, out*.npy, meta.json.
struct Case {
  fs::path folder, model;
  Json meta;
};

Json ReadJson(const fs::path& path) { return Json::parse(ReadBytes(path.string())); }

Case OpenCase(const fs::path& folder) {
  Case found{folder, {}, ReadJson(folder / "meta.json")};
  if (found.meta.contains("model")) {
    const std::string name = found.meta["model"];
    found.model = fs::exists(folder / name) ? folder / name : kSource / "build/models" / name;
  } else {
    const std::set<std::string> endings = {".pb", ".meta", ".h5", ".hdf5", ".keras"};
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename() == "model" || endings.count(entry.path().extension().string()) > 0) found.model = entry.path();
    }
  }
  return found;
}

std::string ShapeText(const Json& shape) {
  if (shape.size() < 2) return shape.dump();
  std::string text;
  for (const Json& dim : shape) text += (text.empty() ? "" : "x") + dim.dump();
  return text;
}

// The flags that meta.json asks for.
std::vector<std::string> OptimizeArguments(const Case& model, const std::string& output) {
  std::string inputs, outputs;
  for (size_t i = 0; i < model.meta["inputs"].size(); ++i) {
    inputs +=
        (i == 0 ? "" : ",") + model.meta["inputs"][i].get<std::string>() + ":" + ShapeText(model.meta["shapes"][i]);
  }
  for (const Json& name : model.meta["outputs"]) outputs += (outputs.empty() ? "" : ",") + name.get<std::string>();
  std::vector<std::string> arguments = {model.model.string(), "-o", output, "--inputs", inputs, "--outputs", outputs};
  for (const auto& [name, value] : model.meta["flags"].items()) {
    if (name == "signature") {
      arguments.insert(arguments.end(), {"--signature", value.get<std::string>()});
    } else {
      arguments.insert(arguments.end(), {"--set", name + "=" + value.dump()});
    }
  }
  return arguments;
}

// What remove-identity, remove-training, remove-control-edges and the lowering take out.
const std::set<std::string> kGone = {"Identity",
                                     "IdentityN",
                                     "StopGradient",
                                     "CheckNumerics",
                                     "NoOp",
                                     "Snapshot",
                                     "PreventGradient",
                                     "PlaceholderWithDefault",
                                     "Dropout",
                                     "RandomUniform",
                                     "StatelessRandomUniform",
                                     "StatelessRandomUniformV2",
                                     "RandomStandardNormal",
                                     "TruncatedNormal",
                                     "Print",
                                     "PrintV2",
                                     "Assert",
                                     "Switch",
                                     "Merge",
                                     "If",
                                     "StatelessIf",
                                     "Case",
                                     "PartitionedCall",
                                     "StatefulPartitionedCall",
                                     "IteratorGetNext",
                                     "IteratorV2",
                                     "OneShotIterator",
                                     "MakeIterator",
                                     "QueueDequeueV2",
                                     "QueueDequeueManyV2",
                                     "FIFOQueueV2",
                                     "ScalarSummary",
                                     "HistogramSummary",
                                     "MergeSummary",
                                     "ImageSummary",
                                     "SaveV2",
                                     "RestoreV2",
                                     "Assign",
                                     "AssignAdd",
                                     "AssignSub",
                                     "ApplyAdam",
                                     "ApplyGradientDescent",
                                     "ApplyMomentum",
                                     "ReluGrad",
                                     "BiasAddGrad",
                                     "Conv2DBackpropFilter",
                                     "FusedBatchNormGradV3",
                                     "BroadcastGradientArgs",
                                     "VariableV2",
                                     "VarHandleOp",
                                     "ReadVariableOp"};

std::string NodeOf(const std::string& input) { return input.substr(0, input.find(':')); }

// Execution-ordered, without training, identity, control edges, unused nodes and leftovers of the file's history.
void ExpectCleanGraph(const std::string& path) {
  tf::GraphDef graph;
  ASSERT_TRUE(graph.ParseFromString(ReadBytes(path)));
  ASSERT_GT(graph.node_size(), 0);
  EXPECT_EQ(graph.library().function_size(), 0);
  EXPECT_GT(graph.versions().producer(), 0);
  const auto info = ReadModelInfo(path.substr(0, path.size() - 3) + ".json");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(ReadBytes(path.substr(0, path.size() - 3) + ".json"),
              testing::Not(testing::HasSubstr(fs::path(path).parent_path().string())));
  std::set<std::string> kept;  // the boundary
  for (const TensorInfo& input : info->inputs) kept.insert(NodeOf(input.name)), kept.insert(NodeOf(input.cv_name));
  for (const TensorInfo& output : info->outputs) kept.insert(NodeOf(output.name)), kept.insert(NodeOf(output.cv_name));
  std::set<std::string> defined, used;
  for (const tf::NodeDef& node : graph.node()) {
    EXPECT_EQ(kGone.count(node.op()), 0u) << node.op() << " '" << node.name() << "'";
    EXPECT_EQ(node.device(), "") << node.name();
    EXPECT_EQ(node.attr().count("_class"), 0u) << node.name();
    if (node.op() != "Placeholder") {
      EXPECT_EQ(node.attr().count("_output_shapes"), 0u) << node.name();
    }
    for (const std::string& input : node.input()) {
      EXPECT_NE(input[0], '^') << node.name() << " has the control input " << input;
      EXPECT_EQ(defined.count(NodeOf(input)), 1u) << node.name() << " comes before its input " << input;
      used.insert(NodeOf(input));
    }
    EXPECT_TRUE(defined.insert(node.name()).second) << "two nodes are called " << node.name();
  }
  for (const std::string& name : defined)
    EXPECT_TRUE(used.count(name) + kept.count(name) > 0) << name << " is used by nobody";
}

// Runs the model with cv::dnn on the case's input and compares every output with TensorFlow's, each by its name.
void ExpectReferenceOutputs(const Case& model, const std::string& optimized, double tolerance) {
  const TemporaryFolder results;
  std::vector<std::string> arguments = {optimized};
  const size_t inputs = model.meta["inputs"].size(), outputs = model.meta["outputs"].size();
  for (size_t i = 0; i < inputs; ++i) {
    const std::string file = (model.folder / (inputs == 1 ? "in.npy" : "in" + std::to_string(i) + ".npy")).string();
    arguments.push_back(inputs == 1 ? file : model.meta["inputs"][i].get<std::string>() + "=" + file);
  }
  arguments.insert(arguments.end(), {"--decode", "raw", "--save-npy", results.path()});
  const Finished run = RunProgram("permafrost-run", arguments);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (size_t i = 0; i < outputs; ++i) {
    std::string name = model.meta["outputs"][i];
    SCOPED_TRACE(name);
    if (name.ends_with(":0")) name.resize(name.size() - 2);  // the same tensor
    std::replace(name.begin(), name.end(), '/', '_');
    const auto actual = ReadNpy(results.File((inputs == 1 ? "in." : "in0.") + name + ".npy"));
    ASSERT_TRUE(actual.ok()) << actual.status();
    const auto expected = ReadNpy((model.folder / ("out" + std::to_string(i) + ".npy")).string());
    ASSERT_TRUE(expected.ok()) << expected.status();
    EXPECT_EQ(actual->dims, expected->dims);
    const auto got = ToFloats(*actual), want = ToFloats(*expected);
    ASSERT_TRUE(got.ok() && want.ok());
    ASSERT_EQ(got->size(), want->size());
    double largest = 0, worst = 0;
    for (size_t k = 0; k < want->size(); ++k) {
      ASSERT_TRUE(std::isfinite((*got)[k])) << "element " << k;
      largest = std::max(largest, std::abs(static_cast<double>((*want)[k])));
      worst = std::max(worst, std::abs(static_cast<double>((*got)[k]) - (*want)[k]));
    }
    EXPECT_GT(largest, 0) << "the reference is all zero and proves nothing";
    EXPECT_LE(worst, tolerance * largest) << "a relative tolerance of " << worst / largest << " would have passed";
  }
}

// What is written is taken as it is when it comes again.
void ExpectNoGrowthWhenOptimizedAgain(const std::string& output, const std::string& again) {
  const Finished optimized = RunProgram("permafrost-optimize", {output, "-o", again});
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  tf::GraphDef before, after;
  ASSERT_TRUE(before.ParseFromString(ReadBytes(output)));
  ASSERT_TRUE(after.ParseFromString(ReadBytes(again)));
  EXPECT_LE(after.node_size(), before.node_size());
}

void ExpectOptimizesAndMatches(const Case& model, double tolerance) {
  const TemporaryFolder folder;
  const std::string output = folder.File("model.pb");
  const Finished optimized = RunProgram("permafrost-optimize", OptimizeArguments(model, output));
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  ExpectCleanGraph(output);
  ExpectReferenceOutputs(model, output, tolerance);
  ExpectNoGrowthWhenOptimizedAgain(output, folder.File("again.pb"));
}

void ExpectBenchAgrees(const Case& model, double tolerance = 1e-4) {
  if (!fs::exists(BinaryDir() + "/bin/permafrost-bench"))
    GTEST_SKIP() << "permafrost-bench is not built (PERMAFROST_BENCH=OFF)";
  const Finished bench = RunProgram("permafrost-bench", {model.folder.string(), "--check-only", "--tolerance", std::to_string(tolerance)}, 300);
  EXPECT_EQ(bench.exit_code, 0) << bench.out << bench.err;
}

// --- models of others, in ../shared/models
// ----------------------------------------------------------------------------

struct SharedModel {
  const char* name;
  double tolerance;  // 2e-3 where weights are 8-bit or half; what TensorFlow's 8-bit ops round away
};
void PrintTo(const SharedModel& model, std::ostream* out) { *out << model.name; }

const SharedModel kSharedModels[] = {{"aittsmd_PNet_landmark", 1e-4},
                                     {"android_mnist", 1e-4},
                                     {"asl_squeezenet", 1e-4},
                                     {"carnd_ckpt", 1e-4},
                                     {"center_stage", 1e-4},
                                     {"chirripo_unet", 1e-4},
                                     {"cvplot", 1e-4},
                                     {"emotion_rec", 1e-4},
                                     {"eyestate_keras", 1e-4},
                                     {"face_attribute", 1e-4},
                                     {"faced_corrector", 1e-4},
                                     {"fer_minixception", 1e-4},
                                     {"gender_minixception", 1e-4},
                                     {"imgfusion_ae", 1e-4},
                                     {"inzapp_sbd", 1e-4},
                                     {"kisan-output_graph", 1e-4},
                                     {"midinet_h5", 1e-4},
                                     {"mlc_kws", 1e-4},
                                     {"mlc_resnet8", 1e-4},
                                     {"mlc_strww", 1e-4},
                                     {"poets_mnv1_0.25_128-quantized_graph", 2e-3},
                                     {"poets_retrained-retrained_graph", 1e-4},
                                     {"sm_jiyolla", 1e-4},
                                     {"sm_rtvsrgan", 1e-4},
                                     {"smile_android", 1e-4},
                                     {"speech_conv_c", 1e-4},
                                     {"srcnn_v1ckpt", 1e-4},
                                     {"style_quant", 0.15},
                                     {"visionkit_ssd_0.125", 1e-4},
                                     {"word_or_no", 1e-4},
                                     {"word_or_no_ckpt", 1e-4},
                                     {"ziyaoma_tf2", 1e-4}};

class SharedModels : public testing::TestWithParam<SharedModel> {
 protected:
  static fs::path Folder() {
    const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
    return place != nullptr ? fs::path(place) : kSource.parent_path() / "shared" / "models";
  }
  void SetUp() override {
    if (!fs::exists(Folder()))
      GTEST_SKIP() << "no folder " << Folder().string() << " (PERMAFROST_SHARED_MODELS names another)";
    model_ = OpenCase(Folder() / GetParam().name);
  }
  Case model_;
};

TEST_P(SharedModels, GivesTensorFlowsAnswersInOpenCv) { ExpectOptimizesAndMatches(model_, GetParam().tolerance); }
TEST_P(SharedModels, PassesTheBench) { ExpectBenchAgrees(model_, GetParam().tolerance); }

INSTANTIATE_TEST_SUITE_P(, SharedModels, testing::ValuesIn(kSharedModels), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

// Its meta.json calls the output as Keras 3 calls tensors that nobody named; ours has the layer's name.
TEST(KerasModel, OfKeras3GivesKerassAnswersInOpenCv) {
  const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
  const fs::path shared = place != nullptr ? fs::path(place) : kSource.parent_path() / "shared" / "models";
  if (!fs::exists(shared / "sudoku_keras")) GTEST_SKIP() << "no " << shared.string() << "/sudoku_keras";
  Case model = OpenCase(shared / "sudoku_keras");
  model.meta["outputs"] = {"dense_1"};
  ExpectOptimizesAndMatches(model, 1e-4);
}

// What freeze_graph would have written, and from it the same answers again.
TEST(Freeze, WritesThePlainGraphWithItsVariablesAsConstants) {
  const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
  const fs::path shared = place != nullptr ? fs::path(place) : kSource.parent_path() / "shared" / "models";
  if (!fs::exists(shared / "srcnn_v1ckpt")) GTEST_SKIP() << "no " << shared.string() << "/srcnn_v1ckpt";
  Case model = OpenCase(shared / "srcnn_v1ckpt");
  const TemporaryFolder folder;
  std::vector<std::string> arguments = OptimizeArguments(model, folder.File("frozen.pb"));
  arguments.insert(arguments.end(), {"--passes", "freeze", "--target", "graphdef"});
  const Finished frozen = RunProgram("permafrost-optimize", arguments);
  ASSERT_EQ(frozen.exit_code, 0) << frozen.err;
  tf::GraphDef graph;
  ASSERT_TRUE(graph.ParseFromString(ReadBytes(folder.File("frozen.pb"))));
  std::map<std::string, int> ops;
  for (const tf::NodeDef& node : graph.node()) ++ops[node.op()];
  EXPECT_EQ(ops["VariableV2"] + ops["Variable"] + ops["RestoreV2"] + ops["RestoreSlice"] + ops["Assign"], 0);
  EXPECT_GE(ops["Const"], 6);
  EXPECT_GE(ops["Identity"], 6) << "the reads stay: nothing is optimized";
  model.model = folder.File("frozen.pb");
  ExpectOptimizesAndMatches(model, 1e-4);
}

// The graph alone has no values; --checkpoint brings them, whatever part of it is named.
TEST(Freeze, TakesTheCheckpointThatTheFlagNames) {
  const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
  const fs::path shared = place != nullptr ? fs::path(place) : kSource.parent_path() / "shared" / "models";
  if (!fs::exists(shared / "carnd_ckpt")) GTEST_SKIP() << "no " << shared.string() << "/carnd_ckpt";
  Case model = OpenCase(shared / "carnd_ckpt");
  const TemporaryFolder folder;
  fs::copy_file(model.model, folder.File("alone.meta"));
  model.model = folder.File("alone.meta");
  std::vector<std::string> arguments = OptimizeArguments(model, folder.File("out.pb"));
  const Finished without = RunProgram("permafrost-optimize", arguments);
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_THAT(without.err, testing::HasSubstr("--checkpoint"));
  for (const char* name : {"", "model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001"}) {
    std::vector<std::string> with = arguments;
    with.insert(with.end(), {"--checkpoint", (model.folder / name).string()});
    const Finished optimized = RunProgram("permafrost-optimize", with);
    ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
    ExpectReferenceOutputs(model, folder.File("out.pb"), 1e-4);
  }
}

// --- our own cases
// ----------------------------------------------------------------------------------------------------

class OwnModels : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    model_ = OpenCase(kSource / "models" / GetParam());
    if (!fs::exists(model_.model)) GTEST_SKIP() << model_.model.string() << " is not installed (scripts/get_models)";
  }
  Case model_;
};

TEST_P(OwnModels, GivesTensorFlowsAnswersInOpenCv) { ExpectOptimizesAndMatches(model_, 1e-4); }
TEST_P(OwnModels, PassesTheBench) { ExpectBenchAgrees(model_); }

TEST_P(OwnModels, GivesTheSameBytesTwice) {
  const TemporaryFolder first, second;
  for (const TemporaryFolder* folder : {&first, &second}) {
    const Finished optimized = RunProgram("permafrost-optimize", OptimizeArguments(model_, folder->File("model.pb")));
    ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
    EXPECT_THAT(folder->Names(), testing::ElementsAre("model.json", "model.pb"));
  }
  EXPECT_EQ(ReadBytes(first.File("model.pb")), ReadBytes(second.File("model.pb")));
  EXPECT_EQ(ReadBytes(first.File("model.json")), ReadBytes(second.File("model.json")));
}

TEST_P(OwnModels, ComputesTheSameOnTheReferenceKernels) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = OptimizeArguments(model_, folder.File("model.pb"));
  arguments.push_back("--verify");
  const Finished optimized = RunProgram("permafrost-optimize", arguments, 300);
  EXPECT_EQ(optimized.exit_code, 0) << optimized.err;
}

TEST_P(OwnModels, IsLeftAloneByADryRun) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = OptimizeArguments(model_, folder.File("model.pb"));
  arguments.push_back("--dry-run");
  const Finished optimized = RunProgram("permafrost-optimize", arguments);
  EXPECT_EQ(optimized.exit_code, 0) << optimized.err;
  EXPECT_THAT(folder.Names(), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, OwnModels, testing::Values("classic_tf1", "classic_tf1_batch1", "openpose_mobilenet_thin"),
                         [](const auto& info) { return std::string(info.param); });

// --- 8-bit ops, in float32 ---------------------------------------------------------------------------------------------

class QuantizedModels : public testing::TestWithParam<const char*> {};

TEST_P(QuantizedModels, GiveTensorFlowsAnswersInOpenCv) {
  const Case model = OpenCase(kSource / "models/quantized" / GetParam());
  ExpectOptimizesAndMatches(model, model.meta.value("tolerance", 1e-4));
}

INSTANTIATE_TEST_SUITE_P(, QuantizedModels, testing::Values("exact", "by_the_data", "round_trips"),
                         [](const auto& info) { return std::string(info.param); });

// --- loops, unrolled ---------------------------------------------------------------------------------------------------

class LoopModels : public testing::TestWithParam<std::string> {
 public:
  // keras_mask compares and selects per step, which OpenCV has no layers for.
  static std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(kSource / "models/loops")) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && !name.starts_with("keras_mask")) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_P(LoopModels, GiveTensorFlowsAnswersInOpenCv) {
  ExpectOptimizesAndMatches(OpenCase(kSource / "models/loops" / GetParam()), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(, LoopModels, testing::ValuesIn(LoopModels::Names()), [](const auto& info) { return info.param; });

TEST(ClassicTf1, NeedsNoFlagsToBecomeAnInferenceGraph) {
  const TemporaryFolder folder;
  const std::string output = folder.File("digits.pb");
  const Finished optimized =
      RunProgram("permafrost-optimize", {(kSource / "models/classic_tf1/graph.pb").string(), "-o", output});
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  ExpectCleanGraph(output);
  const auto info = ReadModelInfo(folder.File("digits.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ(info->inputs.size(), 1u);
  EXPECT_EQ(info->inputs[0].name, "IteratorGetNext");
  std::set<std::string> outputs;
  for (const TensorInfo& tensor : info->outputs) outputs.insert(tensor.name);
  EXPECT_EQ(outputs.count("softmax"), 1u) << ReadBytes(folder.File("digits.json"));
  for (const std::string& name : outputs) {
    for (const char* training : {"loss", "accuracy", "summary", "gradients", "save", "train", "init"}) {
      EXPECT_THAT(name, testing::Not(testing::HasSubstr(training)));
    }
  }
  for (int digit = 0; digit < 10; ++digit) {
    const std::string picture = (kSource / "models/classic_tf1/digits" / (std::to_string(digit) + ".png")).string();
    const Finished run = RunProgram("permafrost-run", {output, picture, "--json", "--top-k", "1"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    bool seen = false;
    const Json results = Json::parse(run.out);
    for (const Json& tensor : results["outputs"]) {
      if (tensor["name"] != "softmax") continue;
      seen = true;
      EXPECT_EQ(tensor["classes"][0][0]["index"], digit) << tensor;
    }
    EXPECT_TRUE(seen) << run.out;
  }
}

TEST(OpenPose, FindsTheAstronautsFaceAndShouldersAndDrawsThem) {
  const Case model = OpenCase(kSource / "models/openpose_mobilenet_thin");
  const fs::path picture = kSource / "build/models" / model.meta["picture"].get<std::string>();
  if (!fs::exists(model.model) || !fs::exists(picture))
    GTEST_SKIP() << model.model.string() << " is not installed (scripts/get_models)";
  const TemporaryFolder folder;
  const std::string output = folder.File("pose.pb");
  const Finished optimized = RunProgram("permafrost-optimize", OptimizeArguments(model, output));
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  const Json& preprocessing = model.meta["preprocessing"];
  const std::string size = preprocessing["width"].dump() + "x" + preprocessing["height"].dump();
  const Finished run =
      RunProgram("permafrost-run", {output, picture.string(), "--size", size, "--bgr", "--interpolation", "cubic",
                                    "--decode", "keypoints", "--parts", (model.folder / "parts.txt").string(), "--json",
                                    "--draw", folder.File("drawn.png")});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_GT(ReadBytes(folder.File("drawn.png")).size(), 10000u);
  std::map<std::string, Json> found;
  const Json results = Json::parse(run.out);
  for (const Json& point : results["outputs"][0]["keypoints"]) {
    Json& best = found[point["name"]];
    if (best.is_null() || point["score"] > best["score"]) best = point;
  }
  for (const Json& want : model.meta["expected_peaks"]) {
    SCOPED_TRACE(want.dump());
    ASSERT_EQ(found.count(want["part"]), 1u) << run.out;
    const Json& got = found[want["part"]];
    EXPECT_NEAR(got["x"].get<double>(), want["x"].get<double>(), want["tolerance"].get<double>());
    EXPECT_NEAR(got["y"].get<double>(), want["y"].get<double>(), want["tolerance"].get<double>());
    EXPECT_GE(got["score"], want["min_score"]);
  }
  for (const Json& part : model.meta["expected_absent"]["parts"]) {
    if (found.count(part) > 0) {
      EXPECT_LE(found[part]["score"], model.meta["expected_absent"]["max_score"]) << part;
    }
  }
}

}  // namespace
}  // namespace permafrost
