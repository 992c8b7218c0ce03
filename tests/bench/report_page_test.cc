#include "bench/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What the page's script reads.
std::string Embedded(const std::string& page) {
  const std::string mark = "<script type=\"application/json\" id=\"report\">";
  const size_t begin = page.find(mark) + mark.size();
  return page.substr(begin, page.find("</script>", begin) - begin);
}

TEST(ReportPage, HoldsTheReportWithNothingThatBrowsersTakeForTags) {
  const nlohmann::json report = {{"cases", {{{"name", "</script><script>alert(1)</script><!--"}, {"files", {{}}}}}}};
  const std::string page = ReportPage(report.dump());
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_EQ(nlohmann::json::parse(Embedded(page)), report);
}

TEST(ReportPage, KeepsMarksOfTheTemplateInAReportAsText) {
  const nlohmann::json report = {{"cases", {{{"name", "{{script}} {{chart}}"}}}}};
  EXPECT_EQ(nlohmann::json::parse(Embedded(ReportPage(report.dump()))), report);
}

TEST(ReportPage, NeedsNothingElse) {
  const std::string page = ReportPage("{}");
  EXPECT_THAT(page, HasSubstr("Chart.js"));
  EXPECT_THAT(page, HasSubstr("Permission is hereby granted, free of charge")) << "its licence";
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* from_elsewhere : {"<link", "<img", "<iframe", "<script src", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(from_elsewhere)));
  }
  for (const char* mark : {"{{style}}", "{{report}}", "{{licence}}", "{{chart}}", "{{script}}"}) {
    EXPECT_THAT(page, Not(HasSubstr(mark)));
  }
}

}  // namespace
}  // namespace permafrost
