// A trained YOLOv4-tiny of a package (scripts/get_models --detectors) on a photograph, against TensorFlow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using Json = nlohmann::json;

struct Found {
  std::array<double, 4> box;  // x1, y1, x2, y2
  double score;
};

double Overlap(const Found& a, const Found& b) {
  const auto area = [](const std::array<double, 4>& box) { return std::max(0.0, box[2] - box[0]) * std::max(0.0, box[3] - box[1]); };
  const double both = area({std::max(a.box[0], b.box[0]), std::max(a.box[1], b.box[1]), std::min(a.box[2], b.box[2]), std::min(a.box[3], b.box[3])});
  return both / (area(a.box) + area(b.box) - both);
}

// Those of `wanted` above the score that are not in `found`.
size_t Missing(const std::vector<Found>& wanted, const std::vector<Found>& found, double least) {
  return static_cast<size_t>(std::count_if(wanted.begin(), wanted.end(), [&](const Found& one) {
    return one.score > least && std::none_of(found.begin(), found.end(), [&](const Found& other) {
             return Overlap(one, other) > 0.98 && std::abs(one.score - other.score) < 0.01;
           });
  }));
}

TEST(TrainedYolo, FindsWhatTensorFlowFinds) {
  const std::string models = SourceDir() + "/build/models", network = models + "/detectors/yolov4_tiny_apples.h5";
  const std::string picture = models + "/pictures/coffee.png";
  for (const std::string& needed : {network, picture}) {
    if (!std::filesystem::exists(needed)) GTEST_SKIP() << needed << " is not installed (scripts/get_models --detectors)";
  }
  const Json reference = Json::parse(ReadBytes(SourceDir() + "/tests/data/detection/yolo_coffee.json"));
  std::vector<Found> expected, found;
  for (const Json& one : reference["found"]) expected.push_back({one["box"].get<std::array<double, 4>>(), one["score"]});
  ASSERT_GE(expected.size(), 5U);

  const TemporaryFolder folder;
  const std::string model = folder.File("yolo.pb");
  const Finished optimized = RunProgram("permafrost-optimize", {network, "-o", model, "--inputs", "input_1:[1,960,960,3]", "--outputs",
                                                                "tf.concat_9/concat,tf.concat_10/concat"});
  ASSERT_EQ(optimized.exit_code, 0) << optimized.err;
  const Finished run = RunProgram("permafrost-run", {model, picture, "--scale", "0.00392156862745098", "--decode", "boxes", "--box-format", "pair",
                                                     "--box-order", "cxcywh", "--min-score", "0.2", "--overlap", "0.45", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json boxes = Json::parse(run.out)["outputs"][0]["boxes"];
  for (const Json& box : boxes) found.push_back({{box["x1"], box["y1"], box["x2"], box["y2"]}, box["score"]});
  EXPECT_EQ(Missing(expected, found, 0.21), 0U) << run.out;
  EXPECT_EQ(Missing(found, expected, 0.21), 0U) << run.out;
}

}  // namespace
}  // namespace permafrost
