#include "optimizer/tool/migration.h"

#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "optimizer/support/status_line.h"
#include "optimizer/tool/console.h"

namespace permafrost {
namespace {

using Json = nlohmann::ordered_json;
using Outcome = MigratedModel::Outcome;

constexpr std::string_view kProgram = "permafrost-optimize";

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kWritten: return "written";
    case Outcome::kKept: return "kept";
    case Outcome::kFailed: break;
  }
  return "failed";
}

void PrintCalls(const std::vector<ModelCall>& calls, const MigratedModel* model) {
  for (const ModelCall& call : calls) {
    std::cout << "  " << call.file << ":" << call.line << "\n    - " << call.text << "\n";
    if (model != nullptr) std::cout << "    + " << AsOnnxCall(call, model->model, model->onnx) << "\n";
  }
}

void Print(const MigrationReport& report, bool dry_run) {
  for (const MigratedModel& model : report.models) {
    std::cout << model.model << " (" << permafrost::NameOf(model.format) << ")\n";
    if (model.outcome == Outcome::kFailed) {
      std::cout << "  failed  " << model.error << "\n\n";
      continue;
    }
    const char* said = dry_run ? "would write" : "wrote";
    std::cout << "  " << (model.outcome == Outcome::kKept ? "kept" : said) << "  " << model.onnx
              << (model.error.empty() ? "" : ": ") << model.error << "\n";
    for (const std::string& note : model.notes) std::cout << "  note  " << note << "\n";
    for (const bool python : {false, true}) {
      std::cout << (python ? "  Python:\n" : "  C++:\n");
      for (const std::string& line : CodeChange(model, python)) std::cout << "    " << line << "\n";
    }
    if (!model.calls.empty()) {
      std::cout << "  loaded by:\n";
      PrintCalls(model.calls, &model);
    }
    std::cout << "\n";
  }
  if (!report.unknown_calls.empty()) {
    std::cout << "calls that do not say which model they load:\n";
    PrintCalls(report.unknown_calls, nullptr);
    std::cout << "\n";
  }
  std::cout << report.models.size() << " models, " << report.failed << " failed\n";
}

Json ToJson(const std::vector<ModelCall>& calls, const MigratedModel* model) {
  Json json = Json::array();
  for (const ModelCall& call : calls) {
    json.push_back({{"file", call.file}, {"line", call.line}, {"before", call.text}});
    if (model != nullptr) json.back()["after"] = AsOnnxCall(call, model->model, model->onnx);
  }
  return json;
}

void PrintJson(const MigrationReport& report) {
  Json json;
  json["models"] = Json::array();
  for (const MigratedModel& model : report.models) {
    Json one = {{"model", model.model},
                {"format", permafrost::NameOf(model.format)},
                {"onnx", model.onnx},
                {"outcome", NameOf(model.outcome)},
                {"error", model.error},
                {"notes", model.notes},
                {"calls", ToJson(model.calls, &model)}};
    if (model.outcome != Outcome::kFailed) {
      one["info"] = Json::parse(ModelInfoToJson(model.info));
      one["cpp"] = CodeChange(model, false);
      one["python"] = CodeChange(model, true);
    }
    json["models"].push_back(std::move(one));
  }
  json["unknown_calls"] = ToJson(report.unknown_calls, nullptr);
  json["failed"] = report.failed;
  std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace

int RunMigration(MigrateOptions options, bool json) {
  StatusOr<MigrationReport> report = Internal("not run");
  {
    StatusLine line(std::cerr, !json && ::isatty(STDERR_FILENO) == 1);
    options.each.progress = [&](std::string_view step) { line.Show(step); };
    report = Migrate(options);
  }
  if (!report.ok()) return Fail(kProgram, report.status());
  if (json) {
    PrintJson(*report);
  } else {
    Print(*report, options.dry_run);
  }
  return report->failed > 0 ? 1 : 0;
}

}  // namespace permafrost
