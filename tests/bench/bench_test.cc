#include "bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/report.h"
#include "bench/report_json.h"
#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BenchTest : public CaseFolderTest {
 protected:
  BenchCase Case(const std::string& name, const std::vector<float>& expected) const {
    auto model = LoadModelCase(WriteCase(name, expected), {});
    EXPECT_TRUE(model.ok()) << model.status();
    return {std::move(model).value(), ""};
  }
  BenchOptions Options() const {
    BenchOptions options;
    options.work_folder = root_;
    options.benchmark_flags = {"--benchmark_min_time=0.01"};
    return options;
  }
  static Status Copy(const ModelCase& model, const std::string& output_path) {
    std::filesystem::copy_file(model.model_path, output_path);
    return OkStatus();
  }
};

TEST_F(BenchTest, TimesOnlyFilesThatPassedTheirCheck) {
  const std::vector<BenchCase> cases = {Case("right", Right()), Case("wrong", {1, 2, 3, 4, 5, 6}),
                                        Case("blind", {0, 0, 0, 0, 0, 0})};
  std::vector<CaseReport> reports;
  for (const BenchCase& one : cases) reports.push_back(CheckCase(one, Copy, Options()));
  reports[2].files[1].check.verdict = Verdict::kMistrusted;
  ASSERT_TRUE(TimeCases(cases, reports, Options()).ok());
  ASSERT_EQ(reports[0].files.size(), 2U);
  for (const FileReport& file : reports[0].files) {
    ASSERT_TRUE(file.timing.has_value()) << file.label;
    EXPECT_GT(file.timing->steady.count, 1U);
    EXPECT_GT(file.timing->steady.median, 0);
    EXPECT_GE(file.timing->steady.p95, file.timing->steady.median);
    EXPECT_EQ(file.timing->load.count, 27U);
    EXPECT_EQ(file.timing->first.count, 27U);
    EXPECT_EQ(file.timing->load_medians.size(), 9U);
    EXPECT_GE(file.timing->steady_medians.size(), 9U);
    ASSERT_TRUE(file.check.peak_bytes.has_value());
    EXPECT_LT(*file.check.peak_bytes, 1 << 30);
  }
  EXPECT_FALSE(reports[0].Failed());
  EXPECT_TRUE(reports[1].Failed());
  EXPECT_FALSE(reports[1].files[1].timing.has_value());
  EXPECT_FALSE(reports[2].files[1].timing.has_value());

  const std::string table = ReportTable(reports);
  EXPECT_THAT(table, HasSubstr("1 of 3 optimized files passed"));
  EXPECT_THAT(table, HasSubstr("wrong optimized: FAILED: y: off by"));
  const auto json = nlohmann::json::parse(ReportJson(reports, Options()), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["cases"][0]["files"][1]["verdict"], "PASSED");
  EXPECT_TRUE(json["cases"][0]["files"][1]["steady_ms"]["median"].is_number());
  EXPECT_FALSE(json["cases"][1]["files"][1].contains("steady_ms"));
  EXPECT_TRUE(json["machine"].contains("cpu"));
}

TEST_F(BenchTest, RunsEveryFileInEverySetting) {
  BenchCase one = Case("right", Right());
  one.other_paths = {Write("copy.pb", Network().Bytes()), Write("broken.pb", "<html>")};
  BenchOptions options = Options();
  options.settings = SettingsOf({.threads = {1, 2}});
  std::vector<CaseReport> reports = {CheckCase(one, Copy, options)};
  std::vector<std::string> names;
  for (const FileReport& file : reports[0].files) names.push_back(file.label + "|" + file.setting.name);
  EXPECT_THAT(names, ElementsAre("raw|1 thread", "raw|2 threads", "optimized|1 thread", "optimized|2 threads",
                                 "copy.pb|1 thread", "copy.pb|2 threads", "broken.pb|1 thread", "broken.pb|2 threads"));
  EXPECT_TRUE(reports[0].Failed()) << "broken.pb";
  ASSERT_TRUE(TimeCases({one}, reports, options).ok());
  EXPECT_TRUE(reports[0].files[5].timing.has_value());
  EXPECT_FALSE(reports[0].files[6].timing.has_value());
  const std::string table = ReportTable(reports);
  EXPECT_THAT(table, HasSubstr("2 of 2 optimized files passed"));
  EXPECT_THAT(table, HasSubstr("right broken.pb 1 thread: FAILED"));
  EXPECT_THAT(table, HasSubstr("speed (95 %)"));
  const auto json = nlohmann::json::parse(ReportJson(reports, options));
  EXPECT_EQ(json["settings"][1]["threads"], 2);
  EXPECT_EQ(json["cases"][0]["files"][3]["setting"], "2 threads");
  EXPECT_FALSE(json["cases"][0]["files"][0].contains("faster_by"));
  EXPECT_TRUE(json["cases"][0]["files"][5]["faster_by"]["p"].is_number());
  EXPECT_TRUE(json["cases"][0]["files"][5]["loads_faster_by"]["p"].is_number());
  EXPECT_EQ(json["cases"][0]["files"][5]["steady_ms"]["medians"].size(),
            reports[0].files[5].timing->steady_medians.size());
}

TEST_F(BenchTest, RunsBatchesAndStreamsBesideTheCasesOwn) {
  BenchOptions options = Options();
  options.settings = SettingsOf({.threads = {1}, .batches = {1, 3}, .streams = {1, 2}});
  options.profile = true;
  const BenchCase one = Case("right", Right());
  std::vector<CaseReport> reports = {CheckCase(one, Copy, options)};
  ASSERT_EQ(reports[0].files.size(), 8U);
  const FileReport& both = reports[0].files[7];
  EXPECT_EQ(both.Name(), "optimized batch 3 2 streams");
  EXPECT_EQ(both.check.verdict, Verdict::kPassed) << both.check.reason;
  EXPECT_THAT(both.path, HasSubstr("right.batch3.pb"));
  ASSERT_TRUE(TimeCases({one}, reports, options).ok());
  for (const FileReport& file : reports[0].files) {
    ASSERT_TRUE(file.timing.has_value()) << file.Name() << file.check.reason;
    EXPECT_GE(file.timing->item_ms.size(), 9U);
    EXPECT_GT(file.timing->ItemsPerSecond(), 0);
    EXPECT_GT(file.timing->steady_parts.net_ms, 0);
    EXPECT_GT(file.timing->first_parts.net_ms, 0);
    EXPECT_EQ(file.profile.has_value(), file.setting.streams == 1) << file.Name();
  }
  EXPECT_LE(reports[0].files[4].timing->ItemsPerSecond(), 1e3 / reports[0].files[4].timing->steady.min);
  EXPECT_LE(reports[0].files[6].timing->ItemsPerSecond(), 3e3 / reports[0].files[6].timing->steady.min);
  EXPECT_LE(both.timing->ItemsPerSecond(), 2 * 3e3 / both.timing->steady.min);
  const std::string table = ReportTable(reports);
  EXPECT_THAT(table, HasSubstr("items/s"));
  EXPECT_THAT(table, HasSubstr("right optimized batch 1 1 stream: "));
  EXPECT_THAT(table, HasSubstr("ReLU"));
  const auto json = nlohmann::json::parse(ReportJson(reports, options));
  EXPECT_EQ(json["cases"][0]["files"][7]["streams"], 2);
  EXPECT_EQ(json["cases"][0]["files"][7]["batch"], 3);
  EXPECT_GE(json["cases"][0]["files"][4]["profile"]["layers"].size(), 2U);
}

TEST_F(BenchTest, FailsInASettingThatOpenCvHasNot) {
  BenchOptions options = Options();
  options.settings = SettingsOf({.backends = {"opencv", "cuda"}});
  const CaseReport report = CheckCase(Case("right", Right()), Copy, options);
  EXPECT_EQ(report.files[2].setting.name, "opencv/cpu");
  EXPECT_EQ(report.files[2].check.verdict, Verdict::kPassed);
  EXPECT_EQ(report.files[3].check.verdict, Verdict::kFailed);
  EXPECT_THAT(report.files[3].check.reason, HasSubstr("backend/target cuda/cpu"));
}

TEST_F(BenchTest, CountsARawFileThatDoesNotLoadAsNoFailure) {
  BenchCase one = Case("raw", Right());
  one.optimized_path = Write("good.pb", Network().Bytes());
  Write("raw/model.pb", "<html>");
  const CaseReport report = CheckCase(one, Copy, Options());
  EXPECT_EQ(report.files[0].check.verdict, Verdict::kFailed);
  EXPECT_THAT(report.files[0].check.reason, HasSubstr("loading: OpenCV"));
  EXPECT_EQ(report.files[1].check.verdict, Verdict::kPassed);
  EXPECT_FALSE(report.Failed());
}

TEST_F(BenchTest, SkipsRawFilesThatOpenCvCannotRead) {
  BenchCase one = Case("keras", Right());
  one.optimized_path = one.model.model_path;
  one.model.kind = "h5";
  one.model.model_path = Write("keras/model.h5", "x");
  const CaseReport report = CheckCase(one, Copy, Options());
  EXPECT_EQ(report.files[0].check.verdict, Verdict::kSkipped);
  EXPECT_THAT(report.files[0].check.reason, HasSubstr("\"h5\""));
  EXPECT_FALSE(report.Failed());
}

TEST_F(BenchTest, ReportsAModelThatCannotBeOptimized) {
  const BenchCase one = Case("hard", Right());
  const CaseReport report = CheckCase(
      one, [](const ModelCase&, const std::string&) { return Unsupported("no such op"); }, Options());
  EXPECT_TRUE(report.Failed());
  EXPECT_EQ(report.files[1].check.reason, "not optimized: no such op");
}

TEST_F(BenchTest, KeepsGoogleBenchmarksFlagsAndRefusesUnknownOnes) {
  const std::vector<BenchCase> cases = {Case("right", Right())};
  std::vector<CaseReport> reports = {CheckCase(cases[0], Copy, Options())};
  BenchOptions options = Options();
  options.benchmark_flags.push_back("--benchmark_repetitions=2");
  options.benchmark_flags.push_back("--benchmark_out=" + root_ + "/out.json");
  ASSERT_TRUE(TimeCases(cases, reports, options).ok());
  EXPECT_EQ(reports[0].files[0].timing->load.count, 6U);
  std::ifstream in(root_ + "/out.json");
  const auto json = nlohmann::json::parse(in, nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_TRUE(json["context"].contains("opencv"));
  EXPECT_THAT(json.dump(), HasSubstr("right/optimized/steady"));
  EXPECT_THAT(json.dump(), HasSubstr("p95_ms"));
  options.benchmark_flags = {"--benchmark_bogus=1"};
  EXPECT_THAT(Message(TimeCases(cases, reports, options)), HasSubstr("--benchmark_bogus=1"));
}

}  // namespace
}  // namespace permafrost
