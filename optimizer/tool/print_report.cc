#include "optimizer/tool/print_report.h"

#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "optimizer/pipeline/catalog.h"
#include "optimizer/support/number_text.h"
#include "optimizer/support/text_table.h"
#include "optimizer/tool/console.h"
#include "shared_io/paths.h"

namespace permafrost {
namespace {

std::string Scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", value);
  return text;
}

// What is about one file: its boundary, what was noted and proven.
void PrintFile(const OptimizeOptions& options, const OptimizeReport& report) {
  for (const TensorInfo& input : report.info.inputs) {
    std::cout << "input   " << input.name << "  " << input.dtype << (input.rank_known ? Shape(input.shape).ToString() : "?") << "\n";
  }
  for (const TensorInfo& output : report.info.outputs) {
    std::cout << "output  " << output.name << "  " << output.dtype << (output.rank_known ? Shape(output.shape).ToString() : "?")
              << "\n";
  }
  for (const std::string& note : report.notes) std::cout << "note    " << note << "\n";
  for (const std::string& warning : report.warnings) std::cout << "warning " << warning << "\n";
  for (const std::string& refusal : report.unsupported) std::cout << "refused " << refusal << "\n";
  for (const OutputCheck& check : report.verified) {
    std::cout << "verify  " << check.name << "  relative error " << Scientific(check.relative_error) << " (allowed "
              << Scientific(options.verify_tolerance) << ")\n";
  }
  for (const OutputCheck& check : report.rows) {
    std::cout << "batch   " << check.name << "  rows against the model's own one by one: relative error "
              << Scientific(check.relative_error) << "\n";
  }
  for (const OutputCheck& check : report.lost) {
    std::cout << "loses   " << check.name << "  relative error " << Scientific(check.relative_error)
              << " with smaller weights or float32 for 8 bits (on random input)\n";
  }
  if (!report.output.empty()) std::cout << "wrote   " << report.output << ", " << ModelInfoPath(report.output) << "\n";
}

nlohmann::ordered_json ToJson(const GraphFigures& figures) {
  return {{"nodes", figures.nodes}, {"ops", figures.ops}, {"parameters", figures.parameters}, {"bytes", figures.bytes}};
}

nlohmann::ordered_json ToJson(const std::vector<OutputCheck>& checks) {
  auto json = nlohmann::ordered_json::array();
  for (const OutputCheck& check : checks) {
    nlohmann::ordered_json error = nullptr;  // infinite
    if (std::isfinite(check.relative_error)) error = check.relative_error;
    json.push_back({{"output", check.name}, {"relative_error", error}, {"passed", check.passed}});
  }
  return json;
}

nlohmann::ordered_json ToJson(const OptimizeOptions& options, const OptimizeReport& report) {
  nlohmann::ordered_json json;
  json["model"] = options.model;
  json["format"] = NameOf(report.format);
  json["output"] = report.output;
  json["before"] = ToJson(report.before);
  json["after"] = ToJson(report.after);
  for (const PassReport& pass : report.passes) {
    json["passes"].push_back({{"name", pass.name + pass.arguments},
                              {"changed", pass.changed},
                              {"nodes_before", pass.nodes_before},
                              {"nodes_after", pass.nodes_after},
                              {"milliseconds", pass.milliseconds}});
  }
  json["notes"] = report.notes;
  json["warnings"] = report.warnings;
  json["refused"] = report.unsupported;
  json["verified"] = ToJson(report.verified);
  json["lost"] = ToJson(report.lost);
  json["rows"] = ToJson(report.rows);
  if (report.parts.empty()) json["info"] = nlohmann::ordered_json::parse(ModelInfoToJson(report.info));
  for (const OptimizeReport& part : report.parts) json["parts"].push_back(ToJson(options, part));
  return json;
}

}  // namespace

void PrintPasses() {
  std::vector<std::vector<std::string>> rows = {{"pass", "what it does"}};
  for (const PassInfo* pass : AllPasses()) {
    std::string aliases;
    for (std::string_view alias : pass->aliases) aliases += StrCat(aliases.empty() ? " (" : ", ", alias);
    std::string names;
    for (const PassOption& option : pass->options) {
      const std::string fallback = option.fallback.empty() ? "" : StrCat("=", option.fallback);
      names += StrCat(names.empty() ? "; options: " : ", ", option.name, fallback, option.required ? " (needed)" : "");
    }
    rows.push_back({std::string(pass->name), StrCat(pass->summary, aliases, aliases.empty() ? "" : ")", names)});
  }
  for (const auto& row : rows) std::printf("%-24s %s\n", row[0].c_str(), row[1].c_str());
}

void PrintReport(const OptimizeOptions& options, const OptimizeReport& report) {
  std::vector<std::vector<std::string>> rows = {{"", "before", "after"}};
  const auto row = [&](const char* name, int64_t before, int64_t after, bool bytes = false) {
    rows.push_back({name, bytes ? HumanBytes(before) : WithCommas(before), bytes ? HumanBytes(after) : WithCommas(after)});
  };
  row("nodes", report.before.nodes, report.after.nodes);
  row("ops (nodes without constants)", report.before.ops, report.after.ops);
  row("parameters", report.before.parameters, report.after.parameters);
  if (!options.output.empty()) row("bytes", report.before.bytes, report.after.bytes, true);
  std::cout << options.model << ": " << NameOf(report.format) << " -> " << ToString(options.target) << "\n\n"
            << TextTable(rows) << "\n";
  rows = {{"pass", "nodes", "ms"}};
  double total = 0;
  for (const PassReport& pass : report.passes) {
    total += pass.milliseconds;
    if (!pass.changed) continue;
    rows.push_back({pass.name + pass.arguments, StrCat(pass.nodes_before, " -> ", pass.nodes_after), Fixed(pass.milliseconds, 1)});
  }
  rows.push_back({"all passes", "", Fixed(total, 1)});
  std::cout << TextTable(rows) << "\n";
  PrintFile(options, report);
  for (const OptimizeReport& part : report.parts) {
    std::cout << "\n";
    PrintFile(options, part);
  }
}

void PrintJson(const OptimizeOptions& options, const OptimizeReport& report) {
  std::cout << ToJson(options, report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void PrintExplanation(const OptimizeReport& report, std::string_view pass_name) {
  const PassInfo* wanted = FindPass(pass_name);
  for (const PassReport& pass : report.passes) {
    if (wanted == nullptr || pass.name != wanted->name) continue;
    std::cout << pass.name << ": " << (pass.changed ? "changed the graph, " : "changed nothing, ") << pass.nodes_before
              << " -> " << pass.nodes_after << " nodes\n";
    for (const std::string& note : pass.notes) std::cout << "  note     " << note << "\n";
    for (const auto& declined : pass.declined) std::cout << "  declined '" << declined.node << "': " << declined.reason << "\n";
  }
}

}  // namespace permafrost
