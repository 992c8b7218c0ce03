#include "bench/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/machine.h"

namespace permafrost {
namespace {

using Json = nlohmann::ordered_json;

std::string Number(double value, int digits) {
  if (!std::isfinite(value)) return "inf";
  std::ostringstream out;
  out << std::setprecision(digits) << value;
  return out.str();
}

std::string Milliseconds(double value) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(value < 10 ? 3 : 1) << value;
  return out.str();
}

// Messages may quote damaged files.
std::string Printable(std::string text) {
  constexpr size_t kLongest = 300;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  }
  return text;
}

constexpr size_t kColumns = 13;
constexpr size_t kColumnsOfChecks = 4;
using Row = std::array<std::string, kColumns>;

// What the others of the case are compared with.
const FileReport* FirstTimed(const CaseReport& report) {
  const auto found =
      std::find_if(report.files.begin(), report.files.end(), [](const FileReport& f) { return f.timing; });
  return found == report.files.end() ? nullptr : &*found;
}

std::string SpeedText(const Speedup& speedup) {
  if (!speedup.distinguishable) return "no difference";
  return StrCat(Number(speedup.ratio, 3), " x (", Number(speedup.low, 3), "-", Number(speedup.high, 3), ")");
}

Row RowOf(const CaseReport& report, const FileReport& file) {
  Row row;
  row[0] = report.name;
  row[1] = file.Name();
  row[2] = VerdictName(file.check.verdict);
  row[3] = file.check.outputs.empty() ? "-" : Number(file.check.NeededRel(), 2);
  for (size_t i = 4; i < kColumns; ++i) row[i] = "-";
  if (file.check.peak_bytes) row[12] = Number(std::round(static_cast<double>(*file.check.peak_bytes) / 1e5) / 10, 4);
  if (!file.timing) return row;
  row[4] = Milliseconds(file.timing->load.median);
  row[5] = Milliseconds(file.timing->first.median);
  row[6] = Milliseconds(file.timing->steady.median);
  row[7] = Milliseconds(file.timing->steady.p95);
  row[8] = Milliseconds(file.timing->steady.p99);
  row[9] = Number(std::round(file.timing->steady.variation * 1000) / 10, 3) + " %";
  const FileReport* first = FirstTimed(report);
  if (first == &file) return row;
  row[10] = SpeedText(CompareTimes(first->timing->load_medians, file.timing->load_medians));
  row[11] = SpeedText(CompareTimes(first->timing->steady_medians, file.timing->steady_medians));
  return row;
}

// JSON has no infinity.
Json Finite(double value) { return std::isfinite(value) ? Json(value) : Json("inf"); }

Json ToJson(const Statistics& statistics) {
  return {{"count", statistics.count},   {"min", statistics.min},
          {"median", statistics.median}, {"p90", statistics.p90},
          {"p95", statistics.p95},       {"p99", statistics.p99},
          {"mean", statistics.mean},     {"variation", statistics.variation}};
}

Json ToJson(const Speedup& speedup) {
  return {{"ratio", speedup.ratio},
          {"low", speedup.low},
          {"high", speedup.high},
          {"p", speedup.p},
          {"distinguishable", speedup.distinguishable}};
}

Json ToJson(const FileReport& file, const FileReport* first) {
  Json json;
  json["file"] = file.label;
  if (!file.setting.empty()) json["setting"] = file.setting;
  json["verdict"] = VerdictName(file.check.verdict);
  if (!file.check.reason.empty()) json["reason"] = file.check.reason;
  if (file.check.other_name) json["last_layer_taken"] = true;
  json["outputs"] = Json::array();
  for (const CheckedOutput& output : file.check.outputs) {
    const Comparison& comparison = output.comparison;
    Json one = {{"name", output.name},
                {"verdict", VerdictName(comparison.verdict)},
                {"needed_rel", Finite(comparison.needed_rel)},
                {"max_abs", Finite(comparison.max_abs)},
                {"cosine", Finite(comparison.cosine)},
                {"zero_fraction", comparison.zero_fraction}};
    if (comparison.top1) one["top1"] = *comparison.top1;
    if (!comparison.reason.empty()) one["reason"] = comparison.reason;
    json["outputs"].push_back(std::move(one));
  }
  if (file.check.peak_bytes) json["peak_bytes"] = *file.check.peak_bytes;
  if (file.timing) {
    json["load_ms"] = ToJson(file.timing->load);
    json["first_ms"] = ToJson(file.timing->first);
    json["steady_ms"] = ToJson(file.timing->steady);
    json["load_ms"]["medians"] = file.timing->load_medians;
    json["steady_ms"]["medians"] = file.timing->steady_medians;
    if (first != &file) {
      json["loads_faster_by"] = ToJson(CompareTimes(first->timing->load_medians, file.timing->load_medians));
      json["faster_by"] = ToJson(CompareTimes(first->timing->steady_medians, file.timing->steady_medians));
    }
  }
  return json;
}

}  // namespace

std::string ReportTable(const std::vector<CaseReport>& reports) {
  std::vector<Row> rows = {{"case", "file", "check", "needed", "load ms", "first ms", "median ms", "p95 ms", "p99 ms",
                            "variation", "load speed", "speed (95 %)", "memory MB"}};
  std::string reasons;
  size_t optimized = 0, passed = 0, mistrusted = 0;
  bool timed = false;
  for (const CaseReport& report : reports) {
    if (!report.error.empty()) reasons += StrCat(report.name, ": ", Printable(report.error), "\n");
    for (const FileReport& file : report.files) {
      rows.push_back(RowOf(report, file));
      if (!file.check.reason.empty()) {
        reasons += StrCat(report.name, " ", file.Name(), ": ", VerdictName(file.check.verdict), ": ",
                          Printable(file.check.reason), "\n");
      }
      if (file.check.other_name) {
        reasons += StrCat(report.name, " ", file.Name(), ": OpenCV has no layer \"", file.check.outputs[0].name,
                          "\" in it; its only last layer was taken\n");
      }
      timed = timed || file.timing.has_value();
      if (file.label != "optimized") continue;
      ++optimized;
      passed += file.check.verdict == Verdict::kPassed ? 1 : 0;
      mistrusted += file.check.verdict == Verdict::kMistrusted ? 1 : 0;
    }
  }
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const size_t columns = timed ? kColumns : kColumnsOfChecks;
  std::ostringstream out;
  for (const Row& row : rows) {
    for (size_t i = 0; i < columns; ++i) {
      out << (i < 3 ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << row[i]
          << (i + 1 < columns ? "  " : "\n");
    }
  }
  if (!reasons.empty()) out << "\n" << reasons;
  const bool by_kernels =
      std::any_of(reports.begin(), reports.end(), [](const auto& r) { return r.judged_by_kernels; });
  if (by_kernels)
    out << "\nNo references: seeded input, judged by Permafrost's reference kernels, not by TensorFlow.\n";
  out << "\n" << passed << " of " << std::max(optimized, reports.size()) << " optimized files passed";
  if (mistrusted > 0) out << ", " << mistrusted << " references prove nothing (MISTRUSTED)";
  out << "; needed = the tolerance that would have passed.\n";
  return out.str();
}

std::string ReportJson(const std::vector<CaseReport>& reports, const BenchOptions& options) {
  Json json;
  json["format_version"] = 1;
  for (const auto& [key, value] : MachineFacts()) json["machine"][key] = value;
  json["settings"] = Json::array();
  for (const auto& [name, session] : options.settings) {
    json["settings"].push_back(
        {{"name", name}, {"backend", session.backend}, {"target", session.target}, {"threads", session.threads}});
  }
  json["tolerance"] = options.tolerance;
  json["cases"] = Json::array();
  for (const CaseReport& report : reports) {
    Json one;
    one["name"] = report.name;
    one["judge"] = report.judged_by_kernels ? "reference kernels" : "TensorFlow";
    if (!report.error.empty()) one["error"] = report.error;
    one["files"] = Json::array();
    for (const FileReport& file : report.files) one["files"].push_back(ToJson(file, FirstTimed(report)));
    json["cases"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace permafrost
