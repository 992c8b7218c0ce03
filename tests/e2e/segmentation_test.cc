// A segmentation network built like DeepLab (scripts/make_segmentation_case.py), through bench and runner.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using Json = nlohmann::json;
const std::string kCase = SourceDir() + "/tests/data/segmentation/deeplab_miniature";

TEST(Segmentation, IsJudgedByTheOverlapOfItsClassesToo) {
  const TemporaryFolder folder;
  const Finished run = RunProgram("permafrost-bench", {"--check-only", kCase, "--json", folder.File("report.json")});
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
  const Json optimized = Json::parse(ReadBytes(folder.File("report.json")))["cases"][0]["files"][1];
  EXPECT_EQ(optimized["verdict"], "PASSED");
  EXPECT_GE(optimized["outputs"][0]["class_iou"].get<double>(), 0.999);
}

TEST(Segmentation, GivesTheClassesOfTensorFlow) {
  const auto reference = ToFloats(*ReadNpy(kCase + "/out0.npy"));
  ASSERT_TRUE(reference.ok());
  constexpr size_t kClasses = 4;
  std::map<int64_t, int64_t> cells;
  for (size_t i = 0; i < reference->size(); i += kClasses) {
    const auto first = reference->begin() + static_cast<std::ptrdiff_t>(i);
    ++cells[std::max_element(first, first + kClasses) - first];
  }
  ASSERT_EQ(cells.size(), kClasses);
  const TemporaryFolder folder;
  const std::string model = folder.File("deeplab.pb");
  ASSERT_EQ(RunProgram("permafrost-optimize", {kCase + "/model.pb", "-o", model, "--outputs", "probabilities"}).exit_code, 0);
  const Finished run = RunProgram("permafrost-run", {model, kCase + "/in.npy", "--decode", "segments", "--json", "--draw", folder.File("drawn.png")});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json segments = Json::parse(run.out)["outputs"][0]["segments"];
  ASSERT_EQ(segments.size(), kClasses);
  for (const Json& segment : segments) EXPECT_NEAR(segment["cells"].get<double>(), static_cast<double>(cells[segment["index"]]), 2);
  EXPECT_TRUE(std::filesystem::exists(folder.File("drawn.png")));
}

}  // namespace
}  // namespace permafrost
