#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "optimizer/support/version.h"
#include "tests/bench/case_folder.h"
#include "tests/support/run_program.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class BenchToolTest : public CaseFolderTest {
 protected:
  static Finished Run(const std::vector<std::string>& args) { return RunProgram("permafrost-bench", args); }
  std::string PlainCase(const std::string& name, const std::vector<float>& expected) const {
    const std::string folder = WriteCase(name, expected);
    Write(name + "/meta.json", R"({"kind": "pb", "inputs": ["x"], "outputs": ["y"], "flags": {}})");
    return folder;
  }
};

TEST_F(BenchToolTest, ChecksThenTimesAFolderOfCases) {
  PlainCase("cases/a", Right());
  const Finished ended = Run({root_ + "/cases", "--json", root_ + "/b.json", "--benchmark_min_time=0.01"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("1 of 1 optimized files passed"));
  EXPECT_THAT(ended.out, HasSubstr("median ms"));
  const auto json = nlohmann::json::parse(ReadBytes(root_ + "/b.json"), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_TRUE(json["cases"][0]["files"][0].contains("steady_ms"));
}

TEST_F(BenchToolTest, EndsWithOneWhenACaseFails) {
  const std::string good = PlainCase("good", Right()), bad = PlainCase("bad", {1, 2, 3, 4, 5, 6});
  const Finished ended = Run({good, bad, "--check-only"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, HasSubstr("1 of 2 optimized files passed"));
  EXPECT_THAT(ended.out, Not(HasSubstr("median ms")));
  std::filesystem::remove(good + "/out0.npy");
  const Finished broken = Run({good, "--check-only"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.out, HasSubstr("good: "));
  EXPECT_EQ(Run({}).exit_code, 2);
  EXPECT_EQ(Run({root_ + "/none"}).exit_code, 1);
}

TEST_F(BenchToolTest, SaysThatTheReferenceKernelsJudgeAPairOfFiles) {
  const std::string folder = PlainCase("a", Right()), kept = root_ + "/kept";
  ASSERT_EQ(Run({folder, "--check-only", "--keep", kept}).exit_code, 0);
  const Finished ended = Run({folder + "/model.pb", kept + "/a.pb", "--check-only"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("seeded input, judged by Permafrost's reference kernels"));
  const Finished google = Run({folder, "--benchmark_format=json", "--benchmark_min_time=0.01"});
  EXPECT_EQ(google.exit_code, 0) << google.err;
  EXPECT_FALSE(nlohmann::json::parse(google.out, nullptr, false).is_discarded()) << google.out;
}

TEST_F(BenchToolTest, WritesOverNothingThatItReads) {
  const std::string model = PlainCase("a", Right()) + "/model.pb", before = ReadBytes(model);
  for (const std::string flag : {"--json", "--report"}) {
    const Finished ended = Run({model, model, "--check-only", flag, model});
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr("this run reads it"));
  }
  EXPECT_EQ(ReadBytes(model), before);
}

TEST_F(BenchToolTest, BisectsWithExitCodeOneWhereANodeDiffers) {
  const std::string folder = PlainCase("a", Right());
  const Finished same = Run({folder, "--bisect", "--json", root_ + "/same.json"});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.out, HasSubstr("no divergence"));
  EXPECT_FALSE(nlohmann::json::parse(ReadBytes(root_ + "/same.json")).contains("first_divergent"));

  TinyGraph graph = Network();
  graph.Const("half", {}, {0.5F});
  graph.Add("z", "Sub", {"half", "y"});  // the importer computes y - half
  const Finished differs =
      Run({graph.Save(root_ + "/raw.pb"), "--bisect", "--in", folder + "/in.npy", "--json", root_ + "/b.json"});
  EXPECT_EQ(differs.exit_code, 1) << differs.err;
  EXPECT_THAT(differs.out, HasSubstr("first divergent node: \"z\" (Sub)"));
  EXPECT_EQ(nlohmann::json::parse(ReadBytes(root_ + "/b.json"))["first_divergent"]["node"], "z");

  EXPECT_EQ(Run({root_ + "/raw.pb", "--bisect", "--opencv", "false"}).exit_code, 1);
  EXPECT_EQ(Run({root_ + "/none.pb", "--bisect"}).exit_code, 1);
}

TEST_F(BenchToolTest, EndsWithOneWhenABaselineWasBetter) {
  const std::string folder = PlainCase("a", Right()), json = root_ + "/b.json";
  const std::vector<std::string> run = {folder, "--json", json, "--benchmark_min_time=0.01"};
  ASSERT_EQ(Run(run).exit_code, 0);
  const std::string quick = ReadBytes(json);
  const auto compare = [&](const std::string& baseline) {
    return Run(
        {folder, "--benchmark_min_time=0.01", "--max-slowdown", "1000", "--baseline", Write("then.json", baseline)});
  };
  EXPECT_EQ(compare(quick).exit_code, 0);
  auto impossible = nlohmann::json::parse(quick);
  for (auto& file : impossible["cases"][0]["files"]) {
    for (auto& median : file["steady_ms"]["medians"]) median = median.get<double>() / 1e6;
  }
  const Finished slower = compare(impossible.dump());
  EXPECT_EQ(slower.exit_code, 1);
  EXPECT_THAT(slower.err, HasSubstr("worse than the baseline: a optimized: takes "));
  const Finished none = Run({folder, "--check-only", "--baseline", root_ + "/none.json"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("none.json"));
  EXPECT_EQ(none.out, "") << "a wrong path must not cost a run";
}

TEST_F(BenchToolTest, RunsListsOfSettingsAndOtherFiles) {
  const std::string folder = PlainCase("a", Right());
  const Finished ended = Run({folder, "--check-only", "--threads", "1,2", "--with", folder + "/model.pb"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("model.pb 2 threads"));
  EXPECT_EQ(Run({folder, "--threads", "0"}).exit_code, 2);
  EXPECT_EQ(Run({folder, PlainCase("b", Right()), "--with", folder + "/model.pb", "--check-only"}).exit_code, 1);
}

TEST_F(BenchToolTest, TakesTheUsualTargetOfABackend) {
  const Finished ended = Run({PlainCase("a", Right()), "--check-only", "--backend", "opencv,cann"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, HasSubstr("optimized opencv/cpu"));
  EXPECT_THAT(ended.out, HasSubstr("backend/target cann/npu"));
}

TEST_F(BenchToolTest, ShowsNoTimesOfWhatAFilterLeavesOut) {
  const std::string folder = PlainCase("a", Right());
  const Finished none = Run({folder, "--benchmark_filter=nothing", "--json", root_ + "/b.json"});
  EXPECT_EQ(none.exit_code, 0) << none.err;
  EXPECT_THAT(none.out, Not(HasSubstr("0.000")));
  EXPECT_FALSE(nlohmann::json::parse(ReadBytes(root_ + "/b.json"))["cases"][0]["files"][0].contains("steady_ms"));
  const Finished steady = Run({folder, "--benchmark_filter=steady", "--benchmark_min_time=0.01"});
  EXPECT_EQ(steady.exit_code, 0) << steady.err;
  EXPECT_THAT(steady.out, HasSubstr("median ms"));
}

TEST_F(BenchToolTest, SaysItsVersion) {
  const Finished ended = Run({"--version"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.out, std::string(Version()) + "\n");
}

}  // namespace
}  // namespace permafrost
