#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/check.h"
#include "bench/labelled.h"
#include "bench/model_case.h"
#include "bench/profile.h"
#include "bench/setting.h"
#include "bench/timing.h"
#include "optimizer/support/status.h"

namespace permafrost {

// One file of a case: "raw", "optimized", "onnx" or the name of another, run in one setting.
struct FileReport {
  std::string label, path;
  Setting setting;
  Check check;
  std::optional<Timing> timing = {};  // only of a file that passed its check
  std::optional<Profile> profile = {};
  std::string no_profile = {};  // why there is none, if one was asked for

  std::string Name() const;  // file and setting
};

// Which file in which setting to use, of those that passed their check.
struct Advice {
  std::string goal;   // "latency" or "throughput"
  std::string file;   // FileReport::Name
  double value = 0;   // milliseconds a forward, or items a second
  std::string flags;  // of permafrost-run
  std::vector<std::string> session_code, cv_code;  // lines of C++: with Session, with cv::dnn alone
  size_t tried = 0, alike = 0;  // files and settings that were timed; those that cannot be told from the fastest
};

struct CaseReport {
  std::string name;
  std::string error;  // why there is nothing to check; empty otherwise
  bool judged_by_kernels = false;
  std::vector<FileReport> files;
  std::optional<LabelledReport> labelled = {};  // in the first setting
  std::vector<Advice> advice = {};              // see tune.h

  bool Failed() const;  // an error, or a file other than the raw one failed its check
  // What the others are compared with; nullptr: nothing was timed.
  const FileReport* FirstTimed() const;
};

// Writes the optimized file of a case, for the batch of its inputs; the description goes beside it.
using Optimizer = std::function<Status(const ModelCase& model, const std::string& output_path)>;

struct BenchOptions {
  double tolerance = 1e-4;
  bool check_only = false;
  bool onnx = false;     // the model as ONNX, too
  bool profile = false;  // layer by layer, too; of settings with one stream
  std::vector<Setting> settings = {Setting()};
  std::string work_folder;  // for optimized files
  std::vector<std::string> benchmark_flags;
  std::function<void(std::string_view step)> progress = [](std::string_view) {};
};

// Checks every case with its raw file and its optimized one: `optimized_path` if it is not empty, else what `optimize`
// writes, and any others, all in every setting. Then times what passed. A raw file that OpenCV does not take is no
// failure of the case.
struct BenchCase {
  ModelCase model;
  std::string optimized_path;
  std::vector<std::string> other_paths = {};
};
CaseReport CheckCase(const BenchCase& bench_case, const Optimizer& optimize, const BenchOptions& options);
Status TimeCases(const std::vector<BenchCase>& cases, std::vector<CaseReport>& reports, const BenchOptions& options);

}  // namespace permafrost
