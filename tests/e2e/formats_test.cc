// One small network in every way that TensorFlow stores networks (models/formats, written by
// scripts/make_format_cases.py): each freezes, and the frozen graph and what OpenCV makes of the optimized one answer
// like TensorFlow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "optimizer/pipeline/evaluate.h"
#include "permafrost/graph.pb.h"
#include "shared_io/model_json.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double kTolerance = 1e-4;

fs::path FormatsFolder() { return fs::path(SourceDir()) / "models" / "formats"; }

std::vector<std::string> Ways(bool refused) {
  std::vector<std::string> ways;
  for (const auto& entry : fs::directory_iterator(FormatsFolder())) {
    const fs::path meta = entry.path() / "meta.json";
    if (fs::exists(meta) && Json::parse(ReadBytes(meta.string())).contains("refused") == refused) {
      ways.push_back(entry.path().filename().string());
    }
  }
  std::sort(ways.begin(), ways.end());
  return ways;
}

class Formats : public testing::TestWithParam<std::string> {
 protected:
  Formats() : folder_(FormatsFolder() / GetParam()), meta_(Json::parse(ReadBytes((folder_ / "meta.json").string()))) {}

  // permafrost-optimize with what meta.json asks for.
  Finished Optimize(const std::string& output, const std::vector<std::string>& more) const {
    std::string inputs, outputs;
    for (const Json& name : meta_["inputs"]) inputs += (inputs.empty() ? "" : ",") + name.get<std::string>();
    for (const Json& name : meta_["outputs"]) outputs += (outputs.empty() ? "" : ",") + name.get<std::string>();
    inputs += ":2x12x10x3";
    std::vector<std::string> arguments = {(folder_ / meta_["model"].get<std::string>()).string(), "-o", output,
                                          "--inputs", inputs, "--outputs", outputs};
    if (meta_.contains("checkpoint")) {
      arguments.insert(arguments.end(), {"--checkpoint", (folder_ / meta_["checkpoint"].get<std::string>()).string()});
    }
    if (meta_.contains("signature")) {
      arguments.insert(arguments.end(), {"--signature", meta_["signature"].get<std::string>()});
    }
    for (const auto& [name, value] : meta_["flags"].items()) {
      arguments.insert(arguments.end(), {"--set", name + "=" + value.dump()});
    }
    if (meta_.contains("arguments")) {
      for (const Json& argument : meta_["arguments"]) arguments.push_back(argument.get<std::string>());
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram("permafrost-optimize", arguments);
  }

  static Array Read(const fs::path& path) {
    auto array = ReadNpy(path.string());
    EXPECT_TRUE(array.ok()) << array.status();
    return array.ok() ? *std::move(array) : Array{};
  }
  Array Expected(size_t output) const { return Read(folder_ / ("out" + std::to_string(output) + ".npy")); }

  const fs::path folder_;
  const Json meta_;
};

std::vector<float> Floats(const Array& array) {
  const auto values = ToFloats(array);
  EXPECT_TRUE(values.ok()) << values.status();
  return values.ok() ? *values : std::vector<float>{};
}

void ExpectClose(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 0, worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_TRUE(std::isfinite(got[i])) << "element " << i;
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]));
  }
  ASSERT_GT(largest, 0) << "the reference is all zero and proves nothing";
  EXPECT_LE(worst, kTolerance * largest) << "a relative tolerance of " << worst / largest << " would have passed";
}

TEST_P(Formats, FreezesToAPlainGraphWithTensorFlowsAnswers) {
  const TemporaryFolder scratch;
  const std::string file = scratch.File("frozen.pb");
  const Finished frozen = Optimize(file, {"--passes", "freeze", "--target", "graphdef"});
  ASSERT_EQ(frozen.exit_code, 0) << frozen.err;
  tf::GraphDef graph;
  ASSERT_TRUE(graph.ParseFromString(ReadBytes(file)));
  EXPECT_EQ(graph.library().function_size(), 0);
  for (const tf::NodeDef& node : graph.node()) {
    for (const char* kind : {"Variable", "VarHandle", "ReadVariable", "Restore", "Assign", "PartitionedCall", "Switch", "Merge"}) {
      EXPECT_NE(node.op().rfind(kind, 0), 0u) << node.op() << " '" << node.name() << "'";
    }
  }

  const auto info = ReadModelInfo(scratch.File("frozen.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ(info->inputs.size(), 1u);
  ASSERT_EQ(info->outputs.size(), meta_["outputs"].size());
  const Array pictures = Read(folder_ / "in.npy");
  const Tensor input = Tensor::Of<float>(pictures.dims, Floats(pictures));
  std::vector<std::string> outputs;
  for (const TensorInfo& output : info->outputs) outputs.push_back(output.name);
  const auto run = RunOnReferenceKernels(file, outputs, {{info->inputs[0].name, input}}, /*seed=*/1);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->outputs.size(), outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    SCOPED_TRACE(meta_["outputs"][i].get<std::string>());
    const Array want = Expected(i);
    const Tensor& got = run->outputs[i].value;
    EXPECT_EQ(got.dims(), want.dims);
    ASSERT_EQ(got.dtype(), DType::kFloat32);
    ExpectClose(got.Values<float>(), Floats(want));
  }
}

TEST_P(Formats, GivesTensorFlowsAnswersInOpenCv) {
  const TemporaryFolder scratch;
  const std::string file = scratch.File("model.pb");
  const Finished optimized = Optimize(file, {});
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  const Finished run = RunProgram("permafrost-run", {file, (folder_ / "in.npy").string(), "--decode", "raw", "--save-npy", scratch.path()});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto info = ReadModelInfo(scratch.File("model.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  ASSERT_EQ(info->outputs.size(), meta_["outputs"].size());
  for (size_t i = 0; i < info->outputs.size(); ++i) {
    std::string name = info->outputs[i].name;
    SCOPED_TRACE(name);
    std::replace(name.begin(), name.end(), '/', '_');
    const Array got = Read(scratch.File("in." + name + ".npy")), want = Expected(i);
    EXPECT_EQ(got.dims, want.dims);
    ExpectClose(Floats(got), Floats(want));
  }
}

class RefusedFormats : public Formats {};

TEST_P(RefusedFormats, SaysWhat) {
  const TemporaryFolder scratch;
  const Finished refused = Optimize(scratch.File("model.pb"), {});
  EXPECT_EQ(refused.exit_code, 1) << refused.err;
  EXPECT_THAT(refused.err, testing::HasSubstr(meta_["refused"].get<std::string>()));
  EXPECT_THAT(scratch.Names(), testing::IsEmpty());
}

std::string TestName(const testing::TestParamInfo<std::string>& info) { return info.param; }
INSTANTIATE_TEST_SUITE_P(, Formats, testing::ValuesIn(Ways(/*refused=*/false)), TestName);
INSTANTIATE_TEST_SUITE_P(, RefusedFormats, testing::ValuesIn(Ways(/*refused=*/true)), TestName);

// docs/formats.md lists exactly the ways that are tested here: scripts/formats_table writes the table.
TEST(FormatsTable, ListsTheWaysOfModelsFormats) {
  std::vector<std::string> documented;
  for (const std::string& line : Lines(ReadBytes(SourceDir() + "/docs/formats.md"))) {
    if (line.rfind("| `", 0) != 0) continue;
    const std::string name = line.substr(3, line.find('`', 3) - 3);
    if (!fs::exists(FormatsFolder() / name)) continue;
    documented.push_back(name);
    const Json meta = Json::parse(ReadBytes((FormatsFolder() / name / "meta.json").string()));
    for (const char* key : {"format", "variables", "api"}) EXPECT_THAT(line, testing::HasSubstr(meta["way"][key].get<std::string>()));
    EXPECT_THAT(line, testing::HasSubstr(meta["tensorflow"].get<std::string>()));
    EXPECT_EQ(line.find("refused") != std::string::npos, meta.contains("refused")) << line;
  }
  std::vector<std::string> tested = Ways(false);
  const std::vector<std::string> refused = Ways(true);
  tested.insert(tested.end(), refused.begin(), refused.end());
  EXPECT_THAT(documented, testing::UnorderedElementsAreArray(tested));
  EXPECT_GE(Ways(false).size(), 25u);
}

}  // namespace
}  // namespace permafrost
