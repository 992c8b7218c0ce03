#include "bench/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> NamesOf(const std::vector<Setting>& settings) {
  std::vector<std::string> names;
  for (const Setting& setting : settings) names.push_back(setting.name);
  return names;
}

TEST(TuneSettings, LeaveNoCoreIdle) {
  const Device cpu{"opencv", "cpu", 3, 0}, cuda{"cuda", "cuda-fp16", 5, 7};
  EXPECT_THAT(NamesOf(TuneSettings({cpu}, 1)), ElementsAre("opencv/cpu"));
  EXPECT_THAT(NamesOf(TuneSettings({cpu}, 4)),
              ElementsAre("opencv/cpu", "opencv/cpu 1 thread", "opencv/cpu 1 thread 4 streams", "opencv/cpu 2 threads",
                          "opencv/cpu 2 threads 2 streams"));
  const auto both = TuneSettings({cpu, cuda}, 1);
  EXPECT_THAT(NamesOf(both), ElementsAre("opencv/cpu", "cuda/cuda-fp16", "cuda/cuda-fp16 2 streams"));
  EXPECT_EQ(both[2].session.target, "cuda-fp16");
  EXPECT_EQ(both[2].streams, 2);
}

FileReport File(const std::string& label, const Setting& setting, double ms) {
  FileReport file{label, "work/net.pb", setting, {}};
  file.check.verdict = Verdict::kPassed;
  file.timing.emplace();
  for (int i = 0; i < 9; ++i) {
    file.timing->steady_medians.push_back(ms * (1 + 0.01 * i));
    file.timing->item_ms.push_back(ms * (1 + 0.01 * i) / setting.streams);
  }
  file.timing->steady = StatisticsOf(file.timing->steady_medians);
  file.timing->streams = setting.streams;
  return file;
}

TEST(AdviseOn, TakesTheFastestThatCanBeTold) {
  const auto settings = TuneSettings({{"opencv", "cpu", 3, 0}}, 2);  // all, 1 thread, 1 thread x 2 streams
  CaseReport report;
  for (const double ms : {10.0, 14.0, 15.0}) report.files.push_back(File("raw", settings[report.files.size()], ms));
  report.files.push_back(File("optimized", settings[0], 8));
  report.files.push_back(File("optimized", settings[2], 12));
  const auto advice = AdviseOn(report);
  ASSERT_EQ(advice.size(), 2u);
  EXPECT_EQ(advice[0].goal, "latency");
  EXPECT_EQ(advice[0].file, "optimized opencv/cpu");
  EXPECT_EQ(advice[0].flags, "permafrost-run net.pb INPUT...");
  EXPECT_THAT(advice[0].session_code, ElementsAre("auto session = permafrost::Session::Open(\"net.pb\", {});"));
  EXPECT_EQ(advice[0].alike, 1u);
  EXPECT_EQ(advice[0].tried, 5u);
  EXPECT_EQ(advice[1].file, "optimized opencv/cpu 1 thread 2 streams");
  EXPECT_NEAR(advice[1].value, 1e3 / (12 * 1.04 / 2), 1e-6);
  EXPECT_EQ(advice[1].flags, "permafrost-run net.pb INPUT... --threads 1 --streams 2");
  EXPECT_THAT(advice[1].session_code[0], HasSubstr("SessionPool::Open(\"net.pb\", {.threads = 1}, 2);"));
  EXPECT_THAT(advice[1].cv_code, ElementsAre("cv::setNumThreads(1);", HasSubstr("readNetFromTensorflow(\"net.pb\")"),
                                             "net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);",
                                             "net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);"));
  EXPECT_THAT(AdviceText("case", advice), HasSubstr("case, for latency: optimized opencv/cpu, 8.320 ms a forward"));
}

TEST(AdviseOn, PrefersTheSimplestOfWhatCannotBeTold) {
  const auto settings = TuneSettings({{"opencv", "cpu", 3, 0}, {"cuda", "cuda", 5, 6}}, 2);
  CaseReport report;
  report.files = {File("raw", settings[3], 9.9), File("raw", settings[1], 9.95), File("raw", settings[0], 10),
                  File("optimized", settings[0], 10.01), File("onnx", settings[0], 30)};
  const auto advice = AdviseOn(report);
  // Devices stand in the order in which they are met: the report begins with CUDA.
  EXPECT_EQ(advice[0].file, "raw cuda/cuda");
  EXPECT_THAT(advice[0].flags, HasSubstr("--backend cuda --target cuda"));
  report.files.erase(report.files.begin());
  EXPECT_EQ(AdviseOn(report)[0].file, "optimized opencv/cpu");
  EXPECT_EQ(AdviseOn(report)[0].alike, 3u);
}

TEST(AdviseOn, SaysNothingWhereNothingWasTimed) {
  CaseReport report;
  report.files = {FileReport{"raw", "net.pb", {}, {}}};
  EXPECT_THAT(AdviseOn(report), IsEmpty());
  EXPECT_THAT(AdviceText("case", {}), HasSubstr("nothing passed its check"));
}

}  // namespace
}  // namespace permafrost
