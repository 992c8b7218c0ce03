// The three networks of an MTCNN graph, split, described and run one after the other, against the Python package's way on
// TensorFlow (scripts/mtcnn_reference.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

double Overlap(const Json& face, const Json& reference) {
  const double x1 = face["x1"], y1 = face["y1"], x2 = face["x2"], y2 = face["y2"];
  const double left = reference[0], top = reference[1], right = reference[2], bottom = reference[3];
  const double both = std::max(std::min(x2, right) - std::max(x1, left), 0.0) * std::max(std::min(y2, bottom) - std::max(y1, top), 0.0);
  return both / ((x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - both);
}

TEST(Cascade, FindsTheFacesThatTheNetworksFindInTensorFlow) {
  const std::string model = SourceDir() + "/../shared/models/mtcnn_android/mtcnn_freezed_model.pb";
  const std::string picture = SourceDir() + "/build/models/pictures/astronaut.png";
  for (const std::string& needed : {model, picture}) {
    if (!std::filesystem::exists(needed)) GTEST_SKIP() << needed << " is not there (scripts/get_models installs pictures)";
  }
  const Json reference = Json::parse(ReadBytes(SourceDir() + "/tests/data/detection/mtcnn_astronaut.json"));
  const TemporaryFolder folder;
  const Finished split = RunProgram("permafrost-optimize", {model, "--split", "-o", folder.File("faces.pb")});
  ASSERT_EQ(split.exit_code, 0) << split.err;
  EXPECT_THAT(split.out, HasSubstr("the nets of MTCNN"));
  const Finished run = RunProgram("permafrost-run", {folder.File("faces.json"), picture, "--json", "--draw", folder.File("drawn.png")});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(std::filesystem::exists(folder.File("drawn.png")));
  const Json found = Json::parse(run.out);
  const Json& faces = found["outputs"][0]["boxes"];
  const Json& points = found["outputs"][1]["keypoints"];
  ASSERT_GE(reference["boxes"].size(), 1U);
  ASSERT_EQ(faces.size(), reference["boxes"].size());
  ASSERT_EQ(points.size(), 5 * faces.size());
  for (size_t i = 0; i < faces.size(); ++i) {
    EXPECT_GE(Overlap(faces[i], reference["boxes"][i]), 0.99);
    EXPECT_NEAR(faces[i]["score"].get<double>(), reference["scores"][i].get<double>(), 1e-3);
    EXPECT_EQ(faces[i]["label"], "face");
    for (size_t k = 0; k < 5; ++k) {
      EXPECT_NEAR(points[5 * i + k]["x"].get<double>(), reference["points"][i][k][0].get<double>(), 0.5);
      EXPECT_NEAR(points[5 * i + k]["y"].get<double>(), reference["points"][i][k][1].get<double>(), 0.5);
    }
  }
}

TEST(Cascade, IsRefusedWithAReasonWhenItIsNone) {
  const TemporaryFolder folder;
  const Finished run = RunProgram("permafrost-run", {folder.Write("model.json", "{\"format_version\": 1}"), "picture.png"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("is no cascade"));
  EXPECT_EQ(RunProgram("permafrost-run", {folder.File("model.json"), "picture.png", "--batch", "2"}).exit_code, 2);
}

}  // namespace
}  // namespace permafrost
