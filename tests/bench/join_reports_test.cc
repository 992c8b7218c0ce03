#include "bench/join_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Json File(const std::string& name, double ms) {
  Json medians = Json::array();
  for (int i = 0; i < 9; ++i) medians.push_back(ms + 0.001 * i);
  return {{"file", name}, {"verdict", "PASSED"}, {"steady_ms", {{"median", ms}, {"medians", medians}}}};
}
Json Report(const std::string& cpu, const std::string& name, const std::vector<Json>& files) {
  return {{"machine", {{"cpu", cpu}}}, {"cases", {{{"name", name}, {"files", Json(files)}}}}};
}
Json Join(const std::vector<Json>& reports) {
  std::vector<std::string> texts;
  for (const Json& one : reports) texts.push_back(one.dump());
  const auto joined = JoinReports(texts);
  EXPECT_TRUE(joined.ok()) << joined.status();
  return joined.ok() ? Json::parse(*joined) : Json();
}

TEST(JoinReports, PutsPeersBesideTheFilesOfACaseAndComparesThem) {
  const Json joined = Join({Report("Z80", "net", {File("raw", 10), File("optimized", 5)}),
                            Report("Z80", "net", {File("tensorflow", 20)}), Report("Z80", "other", {File("raw", 1)})});
  ASSERT_EQ(joined["cases"].size(), 2u);
  const Json& files = joined["cases"][0]["files"];
  ASSERT_EQ(files.size(), 3u);
  EXPECT_FALSE(files[0].contains("faster_by"));
  EXPECT_NEAR(files[1]["faster_by"]["ratio"].get<double>(), 2, 0.01);
  EXPECT_NEAR(files[2]["faster_by"]["ratio"].get<double>(), 0.5, 0.01);
  EXPECT_TRUE(files[2]["faster_by"]["distinguishable"].get<bool>());
  EXPECT_EQ(joined["cases"][1]["name"], "other");
}

TEST(JoinReports, TakesTheLaterOneOfTwoFilesOfOneName) {
  const Json joined = Join({Report("Z80", "net", {File("raw", 10)}), Report("Z80", "net", {File("raw", 4)})});
  ASSERT_EQ(joined["cases"][0]["files"].size(), 1u);
  EXPECT_EQ(joined["cases"][0]["files"][0]["steady_ms"]["median"], 4.0);
}

TEST(JoinReports, RefusesOtherMachinesAndWhatIsNoReport) {
  const auto error = [](const std::string& a, const std::string& b) { return Message(JoinReports({a, b}).status()); };
  const std::string good = Report("Z80", "net", {File("raw", 1)}).dump();
  EXPECT_THAT(error(good, Report("6502", "net", {File("raw", 1)}).dump()), HasSubstr("cpu \"Z80\" and \"6502\""));
  for (const char* bad : {"", "[]", "{}", R"({"cases": 3})", R"({"cases": [3]})", R"({"cases": [{"files": [1]}]})",
                          R"({"cases": [{"files": {}}]})"}) {
    EXPECT_THAT(error(good, bad), HasSubstr("is no report")) << bad;
  }
  EXPECT_FALSE(JoinReports({}).ok());
}

TEST(JoinReports, TakesOddTimesForNone) {
  Json odd = File("odd", 3);
  odd["steady_ms"]["medians"] = {"x", -1, 0, nullptr};
  odd["streams"] = -7;
  Json list = File("list", 3);
  list["steady_ms"] = {1, 2};
  const Json joined = Join({Report("Z80", "net", {odd, list, File("raw", 3)})});
  for (const Json& file : joined["cases"][0]["files"]) EXPECT_FALSE(file.contains("faster_by"));
}

}  // namespace
}  // namespace permafrost
