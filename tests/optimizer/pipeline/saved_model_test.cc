// SavedModels that scripts/make_saved_models.py wrote with TensorFlow, from the folder to the frozen graph.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "optimizer/passes/remove_training.h"
#include "optimizer/passes/run_pass.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/optimize.h"
#include "optimizer/pipeline/source_hash.h"
#include "optimizer/support/sha256.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

fs::path CaseFolder(const std::string& name) { return fs::path(SourceDir()) / "tests/data/saved_model" / name; }

// "in_" or "out_": what lies there, by alias.
std::vector<NamedTensor> Recorded(const fs::path& folder, const std::string& kind) {
  std::vector<NamedTensor> tensors;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".npy" || !name.starts_with(kind)) continue;
    const auto array = ReadNpy(entry.path().string());
    EXPECT_TRUE(array.ok()) << array.status();
    tensors.push_back(
        {name.substr(kind.size()), Tensor::Buffer(DType::kFloat32, array->dims, std::string(array->bytes))});
  }
  return tensors;
}

OptimizeOptions OptionsFor(const std::string& name) {
  const fs::path folder = CaseFolder(name);
  std::ifstream file(folder / "meta.json");
  const auto meta = nlohmann::json::parse(file);
  OptimizeOptions options;
  options.model = (folder / meta["model"].get<std::string>()).string();
  options.signature = meta["signature"];
  if (meta.contains("checkpoint")) options.open.checkpoint = (folder / meta["checkpoint"].get<std::string>()).string();
  if (meta.contains("tags")) options.open.tags = meta["tags"];
  if (meta.contains("shape"))
    options.inputs = {{{"x", 0}, Shape(meta["shape"].get<std::vector<int64_t>>()), std::nullopt}};
  return options;
}

StatusOr<LoweredModel> Lower(const OptimizeOptions& options) {
  RunOptions run;
  run.verify_each = true;
  return LowerModel(options, run);
}

std::string ErrorOf(const OptimizeOptions& options) {
  const auto lowered = Lower(options);
  return lowered.ok() ? "accepted" : Message(lowered.status());
}

std::vector<std::string> InputNames(const Graph& graph) {
  std::vector<std::string> names;
  for (NodeId id : graph.inputs()) names.push_back(graph.node(id).name);
  return names;
}

std::vector<std::string> OutputNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphOutput& output : graph.outputs()) names.push_back(output.name);
  return names;
}

class ASavedModel : public testing::TestWithParam<const char*> {};

TEST_P(ASavedModel, FreezesToTensorFlowsAnswersUnderItsAliases) {
  auto lowered = Lower(OptionsFor(GetParam()));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  ASSERT_TRUE(RunPass(kRemoveTraining, lowered->model.graph).ok());
  const auto inputs = Recorded(CaseFolder(GetParam()), "in_"), expected = Recorded(CaseFolder(GetParam()), "out_");
  const auto outputs = EvaluateOutputs(lowered->model.graph, inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_FALSE(expected.empty());
  for (const NamedTensor& want : expected) {
    const std::string renamed = want.name + "_output";
    const auto got = std::find_if(outputs->begin(), outputs->end(), [&](const NamedTensor& output) {
      return output.name == want.name || output.name == renamed;
    });
    ASSERT_NE(got, outputs->end()) << want.name;
    EXPECT_LT(RelativeError(got->value, want.value), 1e-5) << want.name;
  }
}

INSTANTIATE_TEST_SUITE_P(SavedModel, ASavedModel,
                         testing::Values("keras", "keras3", "signatures", "same_names", "one_function", "text",
                                         "example", "object_checkpoint", "simple_save", "tag_sets", "estimator",
                                         "no_signature", "called", "called_below", "steps"),
                         [](const auto& info) { return std::string(info.param); });

TEST(SavedModel, NamesTheGraphsEndsByTheSignature) {
  OptimizeOptions options = OptionsFor("signatures");
  const auto encode = Lower(options);
  ASSERT_TRUE(encode.ok()) << encode.status();
  EXPECT_THAT(InputNames(encode->model.graph), ElementsAre("x"));
  EXPECT_THAT(OutputNames(encode->model.graph), ElementsAre("code", "sum"));
  options.signature = "compare";
  const auto compare = Lower(options);
  ASSERT_TRUE(compare.ok()) << compare.status();
  EXPECT_THAT(InputNames(compare->model.graph), ElementsAre("left", "right"));
  EXPECT_THAT(OutputNames(compare->model.graph), ElementsAre("left_output", "x"));
  EXPECT_THAT(compare->notes, Contains("output 'left' is called 'left_output': an input has its name"));
  EXPECT_EQ(compare->input_tensors.at("left"), "compare_left");
  options.signature = "";
  EXPECT_THAT(ErrorOf(options), HasSubstr("--signature: 'compare', 'encode'"));
  options.signature = "decode";
  EXPECT_THAT(ErrorOf(options), HasSubstr("has no signature 'decode'"));
}

TEST(SavedModel, TakesAShapeForAnAlias) {
  OptimizeOptions options = OptionsFor("signatures");
  options.inputs = {{{"x", 0}, Shape({3, 4}), std::nullopt}};
  options.outputs = {{"code", 0}};
  const auto aliases = Lower(options);
  ASSERT_TRUE(aliases.ok()) << aliases.status();
  const Graph& graph = aliases->model.graph;
  EXPECT_THAT(InputNames(graph), ElementsAre("x"));
  EXPECT_EQ(graph.type({graph.inputs()[0], 0}).shape, Shape({3, 4}));
  EXPECT_EQ(graph.type(graph.outputs()[0].value).shape, Shape({3, 4}));
}

TEST(SavedModel, CutsSerialisedExamplesAtWhatIsParsed) {
  const auto lowered = Lower(OptionsFor("example"));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_THAT(InputNames(lowered->model.graph), ElementsAre("pixels"));
  EXPECT_EQ(lowered->model.graph.type({lowered->model.graph.inputs()[0], 0}).shape, Shape({-1, 4}));
  EXPECT_THAT(lowered->notes, Contains(HasSubstr("'examples' is a serialised tf.Example: cut at 'pixels'")));
}

// What inspect prints and model.json holds can be asked for.
TEST(SavedModel, TakesTheNamesThatItGave) {
  OptimizeOptions example = OptionsFor("example");
  example.inputs = {{{"pixels", 0}, Shape({3, 4}), std::nullopt}};
  const auto cut = Lower(example);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_THAT(InputNames(cut->model.graph), ElementsAre("pixels"));
  EXPECT_EQ(cut->model.graph.type(cut->model.graph.outputs()[0].value).shape, Shape({3, 2}));
  OptimizeOptions compare = OptionsFor("signatures");
  compare.signature = "compare";
  compare.outputs = {{"left_output", 0}};
  const auto renamed = Lower(compare);
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  EXPECT_THAT(OutputNames(renamed->model.graph), ElementsAre("left_output"));
}

TEST(SavedModel, LeavesOutStrings) {
  const auto lowered = Lower(OptionsFor("estimator"));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_THAT(lowered->notes, Contains("output 'classes' is left out: its values are strings"));
}

TEST(SavedModel, RefusesATableThatAnOutputNeeds) {
  OptimizeOptions options = OptionsFor("table");
  EXPECT_THAT(ErrorOf(options),
              testing::AllOf(HasSubstr("output 'ids' needs node '"), HasSubstr("filled from 'assets/words.txt'")));
  options.outputs = {{"scores", 0}};
  const auto lowered = Lower(options);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_THAT(InputNames(lowered->model.graph), ElementsAre("x"));
}

TEST(SavedModel, TakesFunctionsWhereThereIsNoSignature) {
  OptimizeOptions options = OptionsFor("no_signature");
  options.signature = "";
  EXPECT_THAT(ErrorOf(options), HasSubstr("name one with --signature: "));
  EXPECT_THAT(ErrorOf(options), HasSubstr("'compare', 'encode'"));
  options.signature = "compare";
  const auto compare = Lower(options);
  ASSERT_TRUE(compare.ok()) << compare.status();
  EXPECT_THAT(InputNames(compare->model.graph), ElementsAre("left", "right"));
  EXPECT_THAT(OutputNames(compare->model.graph), ElementsAre("left_output", "x"));
  EXPECT_THAT(ErrorOf(OptionsFor("no_function")), HasSubstr("has no signature and no function"));
}

TEST(SavedModel, TakesWhatACallOfTheModelRuns) {
  const auto lowered = Lower(OptionsFor("called"));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_THAT(lowered->notes, Contains("signature '__call__' is taken"));
  EXPECT_THAT(InputNames(lowered->model.graph), ElementsAre("x"));
  EXPECT_EQ(lowered->model.graph.type({lowered->model.graph.inputs()[0], 0}).shape, Shape({-1, 4}))
      << "the most general trace comes first";
  std::vector<std::string> names;
  for (const Signature& signature : lowered->model.signatures) names.push_back(signature.name);
  EXPECT_THAT(names, ElementsAre("__call__", "__call__#2", "__call__#3", "ragged", "sparse"));
}

TEST(SavedModel, NamesTensorsOfFunctionsThatAreNotDense) {
  OptimizeOptions options = OptionsFor("called");
  options.signature = "sparse";
  EXPECT_THAT(ErrorOf(options), HasSubstr("signature 'sparse': 'sparse' is a sparse or composite tensor"));
  options.signature = "ragged";
  EXPECT_THAT(ErrorOf(options), HasSubstr("signature 'ragged': 'rows' is a sparse or composite tensor"));
  options.outputs = {{"sum", 0}};
  const auto sum = Lower(options);
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_THAT(OutputNames(sum->model.graph), ElementsAre("sum"));
}

TEST(SavedModel, AsksForTheLengthOfALoopOverAnInput) {
  OptimizeOptions options = OptionsFor("steps");
  options.inputs.clear();
  EXPECT_THAT(ErrorOf(options), HasSubstr("--inputs"));
}

TEST(SavedModel, ListsTagsAndRefusesWrongOnes) {
  OptimizeOptions options = OptionsFor("tag_sets");
  options.open.tags = "";
  EXPECT_THAT(ErrorOf(options), HasSubstr("choose one with --tags"));
  options.open.tags = "serve";
  EXPECT_THAT(ErrorOf(options), HasSubstr("has no graph with the tags 'serve'"));
}

// A copy to be broken.
OptimizeOptions CopyOf(const std::string& name, const TemporaryFolder& folder) {
  fs::copy(CaseFolder(name), folder.path(), fs::copy_options::recursive);
  OptimizeOptions options = OptionsFor(name);
  options.model = folder.File("model");
  return options;
}

TEST(SavedModel, SaysWhichVariablesAreMissing) {
  const TemporaryFolder folder;
  const OptimizeOptions options = CopyOf("one_function", folder);
  fs::remove(folder.File("model/variables/variables.data-00000-of-00001"));
  EXPECT_THAT(ErrorOf(options), HasSubstr("variables.data-00000-of-00001"));
  fs::remove_all(folder.File("model/variables"));
  EXPECT_THAT(ErrorOf(options),
              testing::AllOf(HasSubstr("variable 'Variable'"), HasSubstr("variables.index, which is missing")));
}

TEST(SavedModel, IsReadByItsFileToo) {
  OptimizeOptions options = OptionsFor("one_function");
  options.model += "/saved_model.pb";
  EXPECT_EQ(ErrorOf(options), "accepted");
}

TEST(SavedModel, NeverHalfReadsATruncatedFile) {
  const TemporaryFolder folder;
  const OptimizeOptions options = CopyOf("one_function", folder);
  const auto size = fs::file_size(folder.File("model/saved_model.pb"));
  for (uintmax_t part = 1; part < 16; ++part) {
    fs::copy_file(CaseFolder("one_function") / "model/saved_model.pb", folder.File("model/saved_model.pb"),
                  fs::copy_options::overwrite_existing);
    fs::resize_file(folder.File("model/saved_model.pb"), size * part / 16);
    EXPECT_THAT(ErrorOf(options), HasSubstr("saved_model.pb: is damaged")) << part;
  }
}

TEST(SavedModel, RefusesASignatureThatNamesNoNode) {
  const TemporaryFolder folder;
  const OptimizeOptions options = CopyOf("text", folder);
  std::string text = folder.Read("model/saved_model.pbtxt");
  const size_t at = text.find("name: \"StatefulPartitionedCall:0\"");
  ASSERT_NE(at, std::string::npos);
  text.replace(at + 7, 8, "Stateles");
  folder.Write("model/saved_model.pbtxt", text);
  EXPECT_THAT(ErrorOf(options), HasSubstr("signature 'serving_default': output 'StatelesPartitionedCall': no node"));
}

TEST(SavedModel, RefusesAFunctionThatCallsItself) {
  const TemporaryFolder folder;
  const std::string path = folder.Write(
      "saved_model.pbtxt",
      "saved_model_schema_version: 1 meta_graphs { meta_info_def { tags: 'serve' } graph_def { "
      "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } } "
      "node { name: 'c' op: 'PartitionedCall' input: 'x' attr { key: 'f' value { func { name: 'f' } } } } "
      "library { function { signature { name: 'f' input_arg { name: 'a' type: DT_FLOAT } output_arg { name: 'r' type: "
      "DT_FLOAT } } "
      "node_def { name: 'g' op: 'PartitionedCall' input: 'a' attr { key: 'f' value { func { name: 'f' } } } } "
      "ret { key: 'r' value: 'g:output:0' } } } } "
      "signature_def { key: 's' value { inputs { key: 'x' value { name: 'x:0' dtype: DT_FLOAT } } "
      "outputs { key: 'y' value { name: 'c:0' dtype: DT_FLOAT } } } } }");
  OptimizeOptions options;
  options.model = path;
  EXPECT_THAT(ErrorOf(options), HasSubstr("calls itself"));
}

TEST(SavedModel, CallsATensorWithoutAnAliasByItsOwnName) {
  const TemporaryFolder folder;
  OptimizeOptions options;
  options.model =
      folder.Write("saved_model.pbtxt",
                   "saved_model_schema_version: 1 meta_graphs { meta_info_def { tags: 'serve' } graph_def { "
                   "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } } "
                   "node { name: 'r' op: 'Relu' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } } } "
                   "signature_def { key: 's' value { inputs { key: '' value { name: 'x:0' dtype: DT_FLOAT } } "
                   "outputs { key: '' value { name: 'r:0' dtype: DT_FLOAT } } } } }");
  RunOptions run;
  run.verify_each = true;
  const auto lowered = LowerModel(options, run);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  const Graph& graph = lowered->model.graph;
  EXPECT_EQ(graph.node(graph.inputs()[0]).name, "x");
  EXPECT_EQ(graph.outputs()[0].name, "r");
}

TEST(SavedModel, WritesAliasesTensorsAndAHashOfAllItsFiles) {
  const TemporaryFolder folder;
  OptimizeOptions options = OptionsFor("one_function");
  options.output = folder.File("out.pb");
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  const auto info = ReadModelInfo(folder.File("out.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->source, "model");
  EXPECT_EQ(info->inputs[0].name, "x");
  EXPECT_EQ(info->inputs[0].tensor, "serving_default_x");
  EXPECT_EQ(info->outputs[0].name, "output_0");
  EXPECT_EQ(info->outputs[0].tensor, "StatefulPartitionedCall");
  Sha256 list;
  for (const char* name : {"saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index"}) {
    list.Add(StrCat(*Sha256OfFile(options.model + "/" + name), "  ", name, "\n"));
  }
  EXPECT_EQ(info->source_sha256, list.HexDigest());
}

TEST(SavedModel, OfSeveralExportsGivesTheNewest) {
  const TemporaryFolder folder;
  fs::copy(CaseFolder("one_function") / "model", folder.File("1600000000"), fs::copy_options::recursive);
  OptimizeOptions options;
  options.model = folder.path();
  const auto lowered = Lower(options);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_THAT(lowered->notes, Contains("takes export 1600000000, the newest"));
}

}  // namespace
}  // namespace permafrost
