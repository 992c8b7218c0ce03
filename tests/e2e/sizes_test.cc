// Nets whose batch, height and width are open: one file for all sizes where cv::dnn can, a clear error where it cannot
// and one file a size then; nets that share nothing as files of their own. Against TensorFlow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "shared_io/array.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;

const fs::path kSizes = fs::path(SourceDir()) / "models" / "sizes";

Json Meta(const std::string& net) { return Json::parse(ReadBytes((kSizes / net / "sizes.json").string())); }

std::string InputFile(const std::string& net, size_t input, size_t k) {
  const std::string number = Meta(net)["inputs"].size() == 1 ? "" : std::to_string(input);
  return (kSizes / net / ("in" + number + "." + std::to_string(k) + ".npy")).string();
}

// `file` on one input, and its outputs by their names against those of `net` for size k.
void ExpectAnswers(const std::string& file, const std::string& net, size_t input, size_t k,
                   const std::vector<std::string>& outputs) {
  SCOPED_TRACE(net + " at " + Meta(net)["sizes"][k].dump());
  const TemporaryFolder results;
  fs::copy_file(InputFile(net, input, k), results.File("in.npy"));
  const Finished run =
      RunProgram("permafrost-run", {file, results.File("in.npy"), "--decode", "raw", "--save-npy", results.path()});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::vector<std::string> all = Meta(net)["outputs"];
  for (std::string name : outputs) {
    SCOPED_TRACE(name);
    const auto at = std::find(all.begin(), all.end(), name) - all.begin();
    const auto expected =
        ReadNpy((kSizes / net / ("out" + std::to_string(at) + "." + std::to_string(k) + ".npy")).string());
    std::replace(name.begin(), name.end(), '/', '_');
    const auto actual = ReadNpy(results.File("in." + name + ".npy"));
    ASSERT_TRUE(actual.ok() && expected.ok()) << actual.status() << expected.status();
    EXPECT_EQ(actual->dims, expected->dims);
    const auto got = ToFloats(*actual), want = ToFloats(*expected);
    ASSERT_TRUE(got.ok() && want.ok() && got->size() == want->size());
    double largest = 0, worst = 0;
    for (size_t i = 0; i < want->size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>((*want)[i])));
      worst = std::max(worst, std::abs(static_cast<double>((*got)[i]) - (*want)[i]));
    }
    EXPECT_GT(largest, 0);
    EXPECT_LE(worst, 1e-4 * largest) << "a relative tolerance of " << worst / largest << " would have passed";
  }
}

class OpenSizes : public testing::TestWithParam<const char*> {};

TEST_P(OpenSizes, RunFromOneFile) {
  const std::string net = GetParam();
  const TemporaryFolder folder;
  const std::string file = folder.File("net.pb");
  const Finished done = RunProgram("permafrost-optimize", {(kSizes / net / "graph.pb").string(), "-o", file});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  for (size_t k = 0; k < Meta(net)["sizes"].size(); ++k) ExpectAnswers(file, net, 0, k, Meta(net)["outputs"]);
}

INSTANTIATE_TEST_SUITE_P(, OpenSizes,
                         testing::Values("upsampled_twice", "skip_of_the_same_size", "pooled", "psp", "deconv_twice"),
                         [](const auto& info) { return std::string(info.param); });

class FixedSizes : public testing::TestWithParam<const char*> {};

// Half of an odd size, or back to one: a ratio that is not the same for all.
TEST_P(FixedSizes, AreAskedForAndRun) {
  const std::string net = GetParam();
  const TemporaryFolder folder;
  const std::string file = folder.File("net.pb"), model = (kSizes / net / "graph.pb").string();
  const Finished open = RunProgram("permafrost-optimize", {model, "-o", file});
  EXPECT_EQ(open.exit_code, 1);
  EXPECT_THAT(open.err, HasSubstr("fix the input's size, as in --inputs x:1x224x224x3"));
  EXPECT_FALSE(fs::exists(file));
  const Json sizes = Meta(net)["sizes"];
  for (size_t k = 0; k < sizes.size(); ++k) {
    std::string shape;
    for (const Json& dim : sizes[k]) shape += (shape.empty() ? "" : "x") + dim.dump();
    const Finished done = RunProgram("permafrost-optimize", {model, "-o", file, "--inputs", "x:" + shape});
    ASSERT_EQ(done.exit_code, 0) << done.err;
    ExpectAnswers(file, net, 0, k, Meta(net)["outputs"]);
  }
}

INSTANTIATE_TEST_SUITE_P(, FixedSizes, testing::Values("fpn", "unet", "half_size"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Split, GivesTwoNetsThatRunAlone) {
  const TemporaryFolder folder;
  const std::string model = (kSizes / "two_nets" / "graph.pb").string();
  const Finished together = RunProgram("permafrost-optimize", {model, "-o", folder.File("net.pb")});
  ASSERT_EQ(together.exit_code, 0) << together.err;
  EXPECT_THAT(together.out, HasSubstr("these nets share nothing: proposal, refine"));
  const Finished split = RunProgram("permafrost-optimize", {model, "-o", folder.File("net.pb"), "--split"});
  ASSERT_EQ(split.exit_code, 0) << split.err;
  for (size_t k = 0; k < 3; ++k) {
    ExpectAnswers(folder.File("net_proposal.pb"), "two_nets", 0, k, {"proposal/prob"});
    ExpectAnswers(folder.File("net_refine.pb"), "two_nets", 1, k, {"refine/prob"});
  }
}

// --- flags
// ------------------------------------------------------------------------------------------------------------

TEST(Batch, IsAWholeNumberAboveNone) {
  const std::string model = (kSizes / "psp" / "graph.pb").string();
  for (const char* value : {"0", "-2", "x", "65537"}) {
    const Finished done = RunProgram("permafrost-optimize", {model, "--dry-run", "--batch", value});
    EXPECT_EQ(done.exit_code, 2) << value << done.err;
    EXPECT_THAT(done.err, HasSubstr("--batch"));
  }
}

TEST(Batch, IsProvenAndSaidSo) {
  const std::string model = (kSizes / "pooled" / "graph.pb").string();
  const Finished done =
      RunProgram("permafrost-optimize", {model, "--dry-run", "--inputs", "x:?x13x18x3", "--batch", "3"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("input   x  float32[3,13,18,3]"));
  EXPECT_THAT(done.out, HasSubstr("batch   y  rows against the model's own one by one"));
}

// --- models of others
// -------------------------------------------------------------------------------------------------

// The rows [y, y + height) and columns [x, x + width) of the first picture of an NHWC array.
std::vector<float> Crop(const Array& array, int64_t y, int64_t x, int64_t height, int64_t width) {
  const std::vector<float> all = *ToFloats(array);
  const int64_t columns = array.dims[2], channels = array.dims[3];
  std::vector<float> crop;
  for (int64_t row = y; row < y + height; ++row) {
    const auto first = all.begin() + (row * columns + x) * channels;
    crop.insert(crop.end(), first, first + width * channels);
  }
  return crop;
}

// MTCNN's proposal net looks at 12 x 12 pixels from every second on: what TensorFlow says to a part of a picture is a
// part of what it says to the whole.
TEST(Split, GivesAProposalNetForPicturesOfAllSizesAndBatches) {
  const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
  const fs::path shared =
      place != nullptr ? fs::path(place) : fs::path(SourceDir()).parent_path() / "shared" / "models";
  const fs::path folder = shared / "mtcnn_android";
  if (!fs::exists(folder))
    GTEST_SKIP() << "no folder " << folder.string() << " (PERMAFROST_SHARED_MODELS names another)";
  const TemporaryFolder results;
  const Finished split = RunProgram(
      "permafrost-optimize", {(folder / "mtcnn_freezed_model.pb").string(), "-o", results.File("mtcnn.pb"), "--split"});
  ASSERT_EQ(split.exit_code, 0) << split.err;
  for (const char* net : {"pnet", "rnet", "onet"})
    EXPECT_TRUE(fs::exists(results.File(StrCat("mtcnn_", net, ".json")))) << net;
  const auto picture = ReadNpy((folder / "in.npy").string());
  const auto scores = ReadNpy((folder / "out0.npy").string()), boxes = ReadNpy((folder / "out1.npy").string());
  ASSERT_TRUE(picture.ok() && scores.ok() && boxes.ok());

  struct Place {
    int64_t y, x;
  };
  struct Size {
    std::vector<Place> places;  // a batch
    int64_t height, width;
  };
  const std::vector<Size> sizes = {{{{0, 0}}, 60, 80},
                                   {{{0, 0}}, 12, 12},
                                   {{{10, 4}}, 40, 50},
                                   {{{0, 0}, {2, 6}, {20, 30}, {36, 44}}, 24, 36},
                                   {{{6, 20}}, 54, 58}};
  // One net object for all.
  std::vector<std::string> arguments = {results.File("mtcnn_pnet.pb")};
  for (size_t k = 0; k < sizes.size(); ++k) {
    std::vector<float> pictures;
    for (const Place& at : sizes[k].places) {
      const std::vector<float> crop = Crop(*picture, at.y, at.x, sizes[k].height, sizes[k].width);
      pictures.insert(pictures.end(), crop.begin(), crop.end());
    }
    const std::string file = results.File(StrCat("size", k, ".npy"));
    const auto batch = static_cast<int64_t>(sizes[k].places.size());
    ASSERT_TRUE(WriteNpy(file, FloatArray({batch, sizes[k].height, sizes[k].width, 3}, pictures)).ok());
    arguments.push_back(file);
  }
  arguments.insert(arguments.end(), {"--decode", "raw", "--save-npy", results.path()});
  const Finished run = RunProgram("permafrost-run", arguments);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (size_t k = 0; k < sizes.size(); ++k) {
    const int64_t rows = (sizes[k].height - 12) / 2 + 1, columns = (sizes[k].width - 12) / 2 + 1;
    for (const auto& [name, whole] : {std::pair("pnet_prob1", *scores), std::pair("pnet_conv4-2_BiasAdd", *boxes)}) {
      SCOPED_TRACE(StrCat("size ", k, " ", name));
      std::vector<float> expected;
      for (const Place& at : sizes[k].places) {
        const std::vector<float> crop = Crop(whole, at.y / 2, at.x / 2, rows, columns);
        expected.insert(expected.end(), crop.begin(), crop.end());
      }
      const auto actual = ReadNpy(results.File(StrCat("size", k, ".", name, ".npy")));
      ASSERT_TRUE(actual.ok()) << actual.status();
      EXPECT_EQ(actual->dims,
                (std::vector<int64_t>{static_cast<int64_t>(sizes[k].places.size()), rows, columns, whole.dims[3]}));
      EXPECT_THAT(*ToFloats(*actual), testing::Pointwise(testing::FloatNear(1e-4), expected));
    }
  }
}

struct SharedModel {
  const char* name;
  double tolerance;  // 2e-3 where weights are 8-bit
};
void PrintTo(const SharedModel& model, std::ostream* out) { *out << model.name; }

class SharedModelsInBatches : public testing::TestWithParam<SharedModel> {};

// Both have batch 1 in their placeholders, the first in a Reshape to [1, 1001] too.
TEST_P(SharedModelsInBatches, GiveEachRowItsAnswer) {
  const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
  const fs::path shared =
      place != nullptr ? fs::path(place) : fs::path(SourceDir()).parent_path() / "shared" / "models";
  const fs::path folder = shared / GetParam().name;
  if (!fs::exists(folder))
    GTEST_SKIP() << "no folder " << folder.string() << " (PERMAFROST_SHARED_MODELS names another)";
  const Json meta = Json::parse(ReadBytes((folder / "meta.json").string()));
  std::string model, outputs;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".pb") model = entry.path().string();
  }
  for (const Json& name : meta["outputs"]) outputs += (outputs.empty() ? "" : ",") + name.get<std::string>();
  const TemporaryFolder results;
  const Finished done =
      RunProgram("permafrost-optimize", {model, "-o", results.File("net.pb"), "--batch", "4", "--inputs",
                                         meta["inputs"][0].get<std::string>(), "--outputs", outputs});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  // Its own input four times is its own answer four times.
  const auto one = ReadNpy((folder / "in.npy").string());
  ASSERT_TRUE(one.ok()) << one.status();
  const std::vector<float> row = *ToFloats(*one);
  std::vector<float> rows;
  for (int i = 0; i < 4; ++i) rows.insert(rows.end(), row.begin(), row.end());
  std::vector<int64_t> dims = one->dims;
  dims[0] *= 4;
  ASSERT_TRUE(WriteNpy(results.File("in.npy"), FloatArray(dims, rows)).ok());
  const Finished run = RunProgram("permafrost-run", {results.File("net.pb"), results.File("in.npy"), "--decode", "raw",
                                                     "--save-npy", results.path()});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  std::string name = meta["outputs"][0];
  std::replace(name.begin(), name.end(), '/', '_');
  const auto actual = ReadNpy(results.File("in." + name + ".npy"));
  const auto expected = ReadNpy((folder / "out0.npy").string());
  ASSERT_TRUE(actual.ok() && expected.ok()) << actual.status() << expected.status();
  const std::vector<float> got = *ToFloats(*actual), want = *ToFloats(*expected);
  ASSERT_EQ(got.size(), 4 * want.size());
  double largest = 0, worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(want[i % want.size()])));
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i % want.size()]));
  }
  EXPECT_LE(worst, GetParam().tolerance * largest)
      << "a relative tolerance of " << worst / largest << " would have passed";
}

INSTANTIATE_TEST_SUITE_P(, SharedModelsInBatches,
                         testing::Values(SharedModel{"poets_mnv1_0.25_128-quantized_graph", 2e-3},
                                         SharedModel{"poets_retrained-retrained_graph", 1e-4}),
                         [](const auto& info) { return std::string(info.index == 0 ? "MobileNet" : "Retrained"); });

}  // namespace
}  // namespace permafrost
