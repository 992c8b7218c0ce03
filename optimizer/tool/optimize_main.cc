#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "optimizer/pipeline/onnx_output.h"
#include "optimizer/support/status_line.h"
#include "optimizer/tool/console.h"
#include "optimizer/tool/migration.h"
#include "optimizer/tool/optimize_flags.h"
#include "optimizer/tool/print_report.h"

namespace permafrost {
namespace {

constexpr std::string_view kProgram = "permafrost-optimize";

// Optimizes for one file and prints what happened.
int RunOnce(OptimizeOptions options, const std::string& explain, bool json) {
  StatusOr<OptimizeReport> report = Internal("not run");
  {
    StatusLine line(std::cerr, !json && ::isatty(STDERR_FILENO) == 1);
    options.progress = [&](std::string_view step) { line.Show(StrCat(step, " ...")); };
    report = Optimize(options);
  }
  if (!report.ok()) return Fail(kProgram, report.status());
  if (!explain.empty()) {
    PrintExplanation(*report, explain);
  } else if (json) {
    PrintJson(options, *report);
  } else {
    PrintReport(options, *report);
  }
  return 0;
}

int Main(int argc, char** argv) {
  OptimizeFlags flags;
  CLI::App app("Turns a TensorFlow, Keras or ONNX model into a graph that OpenCV loads and runs, or into ONNX.");
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (flags.list) {
    PrintPasses();
    return 0;
  }
  const auto usage = [](const Status& status) {
    Fail(kProgram, status);
    return kUsage;
  };
  if (const Status status = ReadFlags(app, flags); !status.ok()) return usage(status);
  if (flags.migrates) {
    flags.migrate.each = flags.options;
    flags.migrate.each.target = AsOnnx(flags.options.target);
    flags.migrate.dry_run = flags.dry_run;
    return RunMigration(flags.migrate, flags.json);
  }
  const auto jobs = JobsOf(flags);
  if (!jobs.ok()) return usage(jobs.status());
  for (const OptimizeOptions& job : *jobs) {
    if (const int code = RunOnce(job, flags.explain, flags.json); code != 0) return code;
  }
  return 0;
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Guarded("permafrost-optimize", permafrost::Main, argc, argv); }
