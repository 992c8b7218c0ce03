#include "bench/baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/report_json.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Nine repetitions around `median_ms`.
CaseReport Report(double needed, double median_ms) {
  FileReport file{"optimized", "a.pb", {}, {}};
  file.check.verdict = needed <= 1e-4 ? Verdict::kPassed : Verdict::kFailed;
  file.check.outputs = {{"y", {}}};
  file.check.outputs[0].comparison.needed_rel = needed;
  if (file.check.verdict == Verdict::kPassed) {
    file.timing.emplace();
    for (int i = -4; i <= 4; ++i) file.timing->steady_medians.push_back(median_ms * (1 + 0.001 * i));
    file.timing->steady = StatisticsOf(file.timing->steady_medians);
  }
  CaseReport report;
  report.name = "net";
  report.files.push_back(std::move(file));
  return report;
}

std::vector<std::string> Worse(const CaseReport& now, const CaseReport& then) {
  const auto worse = Regressions({now}, ReportJson({then}, {}), {});
  EXPECT_TRUE(worse.ok()) << worse.status();
  return worse.ok() ? *worse : std::vector<std::string>();
}

TEST(Baseline, FindsNothingWhereNothingGotWorse) {
  EXPECT_THAT(Worse(Report(3e-6, 10), Report(3e-6, 10)), IsEmpty());
  EXPECT_THAT(Worse(Report(1e-7, 5), Report(3e-6, 10)), IsEmpty());
  EXPECT_THAT(Worse(Report(3e-6, 10.8), Report(3e-6, 10)), IsEmpty()) << "8 % are allowed";
  EXPECT_THAT(Worse(Report(9e-7, 10), Report(1e-8, 10)), IsEmpty()) << "rounding";
}

TEST(Baseline, NamesWhatGotSlower) {
  EXPECT_THAT(Worse(Report(3e-6, 12), Report(3e-6, 10)),
              ElementsAre(HasSubstr("net optimized: takes 1.2 times the baseline's time")));
}

TEST(Baseline, NamesWhatGotLessAccurate) {
  EXPECT_THAT(Worse(Report(3e-5, 10), Report(3e-6, 10)),
              ElementsAre("net optimized: needs a tolerance of 3e-05, 3e-06 in the baseline"));
  EXPECT_THAT(Worse(Report(1e-2, 10), Report(3e-6, 10)),
              ElementsAre("net optimized: passed in the baseline, now FAILED"));
}

TEST(Baseline, RefusesWhatCannotBeCompared) {
  const auto message = [](std::string_view baseline) {
    return Message(Regressions({Report(3e-6, 10)}, baseline, {}).status());
  };
  EXPECT_THAT(message("{"), HasSubstr("is no report"));
  EXPECT_THAT(message("[1, 2]"), HasSubstr("is no report"));
  EXPECT_THAT(message(R"({"cases": [3]})"), HasSubstr("has no case, file and setting of this run"));
  CaseReport other = Report(3e-6, 10);
  other.name = "another";
  EXPECT_THAT(message(ReportJson({other}, {})), HasSubstr("has no case, file and setting of this run"));
  nlohmann::json elsewhere = nlohmann::json::parse(ReportJson({Report(3e-6, 10)}, {}));
  elsewhere["machine"]["cpu"] = "Z80";
  EXPECT_THAT(message(elsewhere.dump()), HasSubstr("was measured with cpu \"Z80\""));
}

}  // namespace
}  // namespace permafrost
