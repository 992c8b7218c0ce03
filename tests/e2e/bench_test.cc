// permafrost-bench as users run it, on a real model of models/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class BenchE2e : public ::testing::Test {
 protected:
  static Finished Bench(std::vector<std::string> args) {
    args.push_back("--benchmark_min_time=0.01");
    args.push_back("--benchmark_repetitions=5");
    return RunProgram("permafrost-bench", args);
  }
  static std::string Case(const std::string& name) { return SourceDir() + "/models/" + name; }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  Json ReadJson(const std::string& name) const { return Json::parse(ReadBytes(Path(name))); }

  TemporaryFolder folder_;
};

TEST_F(BenchE2e, RunsBatchesThatTheFileDidNotHave) {
  const Finished ended = Bench({Case("classic_tf1_batch1"), "--batch", "1,3", "--streams", "1,2", "--threads", "1", "--json",
                                Path("b.json")});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("optimized batch 3 2 streams"));
  EXPECT_THAT(ended.out, HasSubstr("4 of 4 optimized files passed"));
  const Json files = ReadJson("b.json")["cases"][0]["files"];
  EXPECT_EQ(files.back()["batch"], 3);
  EXPECT_EQ(files.back()["items"], 3);
  EXPECT_EQ(files.back()["streams"], 2);
  EXPECT_GT(files.back()["items_per_s"].get<double>(), 0);
}

TEST_F(BenchE2e, JudgesEveryDetectorByWhatTensorFlowFinds) {
  const Finished ended = Bench({Case("detectors"), Case("detectors_tf2"), "--check-only", "--json", Path("b.json")});
  EXPECT_EQ(ended.exit_code, 0) << ended.err << ended.out;
  const Json cases = ReadJson("b.json")["cases"];
  EXPECT_GE(cases.size(), 20U);
  for (const Json& one : cases) {
    const Json& file = one["files"].back();
    EXPECT_EQ(file["file"], "optimized");
    EXPECT_EQ(file["verdict"], "PASSED") << one["name"] << " " << file;
    EXPECT_GE(file["detections"]["matched"].get<int>(), 2) << one["name"];
  }
}

TEST_F(BenchE2e, RefusesABatchThatCannotBeChecked) {
  const Finished ended = Bench({Case("classic_tf1_batch1"), "--batch", "1000000000000", "--check-only"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, HasSubstr("batch 1000000000000"));
}

TEST_F(BenchE2e, TellsWhereTheTimeOfANetworkGoes) {
  const Finished ended = Bench({Case("classic_tf1_batch1"), "--profile", "--json", Path("b.json")});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("slowest layers"));
  EXPECT_THAT(ended.out, HasSubstr("Convolution"));
  const Json profile = ReadJson("b.json")["cases"][0]["files"][1]["profile"];
  double sum = 0;
  for (const Json& layer : profile["layers"]) sum += layer["ms"].get<double>();
  EXPECT_GT(profile["layers"].size(), 5U);
  EXPECT_NEAR(sum, profile["total_ms"].get<double>(), 1e-9);
}

TEST_F(BenchE2e, WritesAPageOfOneFileAlsoFromReportsThatWereKept) {
  ASSERT_EQ(Bench({Case("classic_tf1_batch1"), "--json", Path("a.json"), "--report", Path("a.html")}).exit_code, 0);
  EXPECT_THAT(ReadBytes(Path("a.html")), HasSubstr("classic_tf1_batch1"));
  Json peer = ReadJson("a.json");
  peer["cases"][0]["files"] = Json::array({peer["cases"][0]["files"][1]});
  peer["cases"][0]["files"][0]["file"] = "tensorflow";
  WriteBytes(Path("peer.json"), peer.dump());
  const Finished joined = Bench({Path("a.json"), Path("peer.json"), "--json", Path("both.json"), "--report", Path("both.html")});
  EXPECT_EQ(joined.exit_code, 0) << joined.err;
  EXPECT_EQ(joined.out, "");
  const Json files = ReadJson("both.json")["cases"][0]["files"];
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[2]["file"], "tensorflow");
  EXPECT_FALSE(files[2]["faster_by"]["distinguishable"].get<bool>()) << "the same numbers";
  EXPECT_THAT(ReadBytes(Path("both.html")), HasSubstr("tensorflow"));
  WriteBytes(Path("bad.json"), "{}");
  EXPECT_THAT(Bench({Path("bad.json"), "--report", Path("bad.html")}).err, HasSubstr("is no report"));
  EXPECT_FALSE(std::filesystem::exists(Path("bad.html")));
  const Finished nowhere = Bench({Path("a.json")});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("--report"));
}

TEST_F(BenchE2e, SaysWhichFileAndSettingToUse) {
  const Finished ended = Bench({Case("classic_tf1_batch1"), "--tune", "--json", Path("b.json")});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("for latency: "));
  EXPECT_THAT(ended.out, HasSubstr("for throughput: "));
  EXPECT_THAT(ended.out, HasSubstr("  permafrost-run classic_tf1_batch1."));
  EXPECT_THAT(ended.out, HasSubstr("cv::dnn::readNetFrom"));
  EXPECT_THAT(ended.out, HasSubstr("--keep FOLDER keeps them"));
  const Json advice = ReadJson("b.json")["cases"][0]["advice"];
  ASSERT_EQ(advice.size(), 2U);
  EXPECT_GT(advice[0]["ms"].get<double>(), 0);
  EXPECT_GE(advice[0]["tried"], 2);
  const Finished usage = Bench({Case("classic_tf1_batch1"), "--tune", "--threads", "2"});
  EXPECT_EQ(usage.exit_code, 2);
  EXPECT_THAT(usage.err, HasSubstr("--threads"));
}

TEST_F(BenchE2e, GivesNoAdviceThatFailsItsCheck) {
  const Finished ended = Bench({Case("classic_tf1_batch1"), "--tune", "--tolerance", "0"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, HasSubstr("no advice: nothing passed its check"));
  EXPECT_THAT(ended.out, Not(HasSubstr("permafrost-run")));
}

TEST_F(BenchE2e, CountsRightAnswersOnLabelledPictures) {
  std::string list;
  for (int digit = 0; digit < 10; ++digit) {
    list += Case("classic_tf1") + "/digits/" + std::to_string(digit) + ".png " + std::to_string(digit) + "\n";
    const std::string folder = Path("digits/" + std::to_string(digit));
    std::filesystem::create_directories(folder);
    std::filesystem::copy(Case("classic_tf1") + "/digits/" + std::to_string(digit) + ".png", folder);
  }
  WriteBytes(Path("list.txt"), list);
  for (const std::string& labels : {Path("list.txt"), Path("digits")}) {
    const Finished ended = Bench({Case("classic_tf1_batch1"), "--labels", labels, "--onnx", "--check-only", "--json", Path("b.json")});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_THAT(ended.out, HasSubstr("10 labelled pictures"));
    const Json found = ReadJson("b.json")["cases"][0]["labels"];
    EXPECT_EQ(found["pictures"], 10);
    ASSERT_EQ(found["files"].size(), 2U) << "OpenCV does not take the raw file";
    EXPECT_EQ(found["files"][0]["top1"]["hits"], 10);
    EXPECT_NEAR(found["files"][0]["top1"]["low"].get<double>(), 0.7225, 1e-4);
    EXPECT_EQ(found["files"][1]["agreement"], 1.0);
  }
  const Finished scaled =
      Bench({Case("classic_tf1_batch1"), "--labels", Path("digits"), "--check-only", "--scale", "0", "--json", Path("b.json")});
  EXPECT_EQ(scaled.exit_code, 0) << scaled.err;
  EXPECT_LE(ReadJson("b.json")["cases"][0]["labels"]["files"][0]["top1"]["hits"], 1) << "black pictures are all alike";
  EXPECT_THAT(Bench({Case("classic_tf1_batch1"), "--labels", Path("none"), "--check-only"}).err, HasSubstr("none"));
}

}  // namespace
}  // namespace permafrost
