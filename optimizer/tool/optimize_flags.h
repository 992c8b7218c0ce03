#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "optimizer/pipeline/migrate.h"
#include "optimizer/pipeline/optimize.h"

namespace permafrost {

// What the user asks for. The second half is text that ReadFlags turns into the first.
struct OptimizeFlags {
  OptimizeOptions options;  // what all files have in common
  std::vector<std::string> files;
  MigrateOptions migrate;
  std::string explain;
  bool migrates = false, list = false, dry_run = false, json = false;

  std::string anchors, inputs, outputs, target = "opencv", passes, add, format;
  std::vector<std::string> sets;
  int64_t batch = 0;
  int opset = 0;
  bool ema = false;
};

void AddFlags(CLI::App& app, OptimizeFlags& flags);

// Usage errors: flags that make no sense, names that do not exist.
Status ReadFlags(const CLI::App& app, OptimizeFlags& flags);
// What writes each of the files, or nothing. Errors: files that do not fit the other flags.
StatusOr<std::vector<OptimizeOptions>> JobsOf(const OptimizeFlags& flags);

}  // namespace permafrost
