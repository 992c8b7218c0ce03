#include "bench/report_page.h"

#include <array>
#include <utility>

namespace permafrost {
namespace {

// No tag or comment of HTML can begin in it any more. '<' occurs only inside of JSON's strings.
std::string WithoutTags(std::string_view json) {
  std::string text;
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string ReportPage(std::string_view report_json) {
  const std::string report = WithoutTags(report_json);
  const std::array<std::pair<std::string_view, std::string_view>, 5> parts = {{{"{{style}}", kPageParts.style},
                                                                             {"{{report}}", report},
                                                                             {"{{licence}}", kPageParts.licence},
                                                                             {"{{chart}}", kPageParts.chart},
                                                                             {"{{script}}", kPageParts.script}}};
  std::string page;
  std::string_view rest = kPageParts.page;
  for (const auto& [mark, part] : parts) {  // in the order of the page
    const size_t at = rest.find(mark);
    page.append(rest.substr(0, at)).append(part);
    rest.remove_prefix(at + mark.size());
  }
  return page.append(rest);
}

}  // namespace permafrost
