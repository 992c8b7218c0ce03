#pragma once

#include <string>
#include <string_view>

namespace permafrost {

// What the page is put together from: files of bench/page, and Chart.js.
struct PageParts {
  std::string_view page, style, script, licence, chart;
};
extern const PageParts kPageParts;

// A report of ReportJson as one HTML page that needs nothing else: tables, and figures by Chart.js. Its script reads the
// JSON, so whatever names a report holds, they are text.
std::string ReportPage(std::string_view report_json);

}  // namespace permafrost
