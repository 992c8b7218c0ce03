#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "bench/baseline.h"
#include "bench/bench.h"
#include "bench/bisect_case.h"
#include "bench/optimize_case.h"
#include "bench/report.h"
#include "bench/report_json.h"
#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
#include "optimizer/support/version.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::vector<std::string> paths, models_folders, others;
  SettingLists settings;
  std::string optimized, json, keep, baseline, opencv_command;
  BaselineLimits limits;
  std::vector<std::string> arrays;
  bool bisect = false, raw = false;
  BenchOptions options;
  uint64_t seed = 1;
};

// A folder that is gone at the end, unless it was asked for by name.
class WorkFolder {
 public:
  ~WorkFolder() {
    std::error_code error;
    if (temporary_) fs::remove_all(path_, error);
  }
  Status Open(const std::string& keep) {
    std::error_code error;
    path_ = keep;
    if (!keep.empty()) {
      fs::create_directories(keep, error);
      return error ? InvalidArgument(keep, ": ", error.message()) : OkStatus();
    }
    path_ = (fs::temp_directory_path(error) / "permafrost-bench.XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) return ResourceExhausted(path_, ": cannot be made");
    temporary_ = true;
    return OkStatus();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool temporary_ = false;
};

// What <case>/../../build/models is for a case below models/ of the sources.
std::vector<std::string> ModelsFolders(const std::vector<std::string>& given, const std::string& folder) {
  std::vector<std::string> folders = given;
  std::error_code error;
  const fs::path here = fs::weakly_canonical(folder, error);
  folders.push_back((here.parent_path().parent_path() / "build" / "models").string());
  return folders;
}

struct Plan {
  std::vector<BenchCase> cases;
  std::vector<CaseReport> broken;  // folders that are no usable case
};

StatusOr<Plan> MakePlan(const Flags& flags) {
  Plan plan;
  std::error_code error;
  if (flags.paths.size() == 2 && fs::is_regular_file(flags.paths[0], error) &&
      fs::is_regular_file(flags.paths[1], error)) {
    ASSIGN_OR_RETURN(ModelCase model, JudgedCase(flags.paths[0], flags.paths[1], flags.seed));
    plan.cases.push_back({std::move(model), flags.paths[1], flags.others});
    return plan;
  }
  std::vector<std::string> folders;
  for (const std::string& path : flags.paths) {
    if (!fs::is_directory(path, error)) {
      return InvalidArgument(path, ": no folder; give case folders, or one raw and one optimized file");
    }
    if (IsModelCase(path)) {
      folders.push_back(path);
      continue;
    }
    ASSIGN_OR_RETURN(const auto inside, ListModelCases(path));
    folders.insert(folders.end(), inside.begin(), inside.end());
  }
  if (!(flags.optimized.empty() && flags.others.empty()) && folders.size() != 1) {
    return InvalidArgument("--optimized and --with: give one case with them");
  }
  for (const std::string& folder : folders) {
    auto model = LoadModelCase(folder, ModelsFolders(flags.models_folders, folder));
    if (model.ok()) {
      plan.cases.push_back({std::move(model).value(), flags.optimized, flags.others});
    } else {
      CaseReport report;
      report.name = fs::path(folder).filename().string();
      report.error = Message(model.status());
      plan.broken.push_back(std::move(report));
    }
  }
  return plan;
}

StatusOr<bool> RunAll(Flags& flags) {
  WorkFolder work;
  RETURN_IF_ERROR(work.Open(flags.keep));
  flags.options.work_folder = work.path();
  flags.options.settings = SettingsOf(flags.settings);
  flags.options.progress = [](std::string_view step) { std::cerr << step << "\n"; };
  ASSIGN_OR_RETURN(Plan plan, MakePlan(flags));
  std::string baseline;  // read first: a wrong path must not cost a run
  if (!flags.baseline.empty()) {
    ASSIGN_OR_RETURN(const auto file, MappedFile::Open(flags.baseline));
    baseline = std::string(file->bytes());
  }
  std::vector<CaseReport> reports;
  for (const BenchCase& one : plan.cases) reports.push_back(CheckCase(one, OptimizeCase, flags.options));
  if (!flags.options.check_only) RETURN_IF_ERROR(TimeCases(plan.cases, reports, flags.options));
  reports.insert(reports.end(), plan.broken.begin(), plan.broken.end());
  const bool own_output = std::any_of(flags.options.benchmark_flags.begin(), flags.options.benchmark_flags.end(),
                                      [](const std::string& flag) { return flag.rfind("--benchmark_format", 0) == 0; });
  (own_output ? std::cerr : std::cout) << ReportTable(reports);
  if (!flags.json.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.json, ReportJson(reports, flags.options)));
  const bool failed = std::any_of(reports.begin(), reports.end(), [](const CaseReport& one) { return one.Failed(); });
  if (flags.baseline.empty()) return !failed;
  const auto worse = Regressions(reports, baseline, flags.limits);
  if (!worse.ok()) return WithContext(worse.status(), flags.baseline);
  for (const std::string& one : *worse) std::cerr << "worse than the baseline: " << one << "\n";
  return !failed && worse->empty();
}

StatusOr<BisectSubject> SubjectOf(const Flags& flags, const std::string& work_folder) {
  const std::string& path = flags.paths[0];
  std::error_code error;
  if (fs::is_directory(path, error)) {
    if (flags.paths.size() > 1) return InvalidArgument("--bisect: give one case with it");
    ASSIGN_OR_RETURN(const ModelCase model, LoadModelCase(path, ModelsFolders(flags.models_folders, path)));
    return SubjectOfCase(model, flags.raw, flags.optimized, work_folder);
  }
  std::vector<Array> arrays;
  for (const std::string& npy : flags.arrays) {
    ASSIGN_OR_RETURN(Array array, ReadNpy(npy));
    arrays.push_back(std::move(array));
  }
  if (flags.paths.size() > 2) return InvalidArgument("--bisect: give a case, FILE.pb, or RAW.pb OPTIMIZED.pb");
  return SubjectOfFile(flags.paths.back(), flags.paths.size() == 2 ? path : std::string(), arrays, flags.seed);
}

// False: a node differs.
StatusOr<bool> BisectOne(const Flags& flags) {
  WorkFolder work;
  RETURN_IF_ERROR(work.Open(flags.keep));
  ASSIGN_OR_RETURN(const BisectSubject subject, SubjectOf(flags, work.path()));
  const LayerSource source =
      flags.opencv_command.empty() ? LinkedOpenCv() : OpenCvBehind(flags.opencv_command, work.path());
  BisectOptions options;
  options.tolerance = flags.options.tolerance;
  auto found = Bisect(subject.graph, subject.model_path, subject.inputs, source, options);
  if (!found.ok() && !absl::IsNotFound(found.status())) {
    found = NarrowRefusal(subject, source, work.path(), Message(found.status()));
  }
  ASSIGN_OR_RETURN(const BisectReport report, std::move(found));
  std::cout << BisectText(subject, report, options);
  if (!flags.json.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.json, BisectJson(subject, report, options)));
  return !report.first.has_value();
}

int Main(int argc, char** argv) {
  Flags flags;
  std::vector<char*> own = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).substr(0, 12) == "--benchmark_") {
      flags.options.benchmark_flags.emplace_back(argv[i]);
    } else {
      own.push_back(argv[i]);
    }
  }
  CLI::App app("Checks optimized networks against their references in OpenCV, then times them against the raw ones.",
               "permafrost-bench");
  app.set_version_flag("--version", std::string(Version()));
  app.footer("Google Benchmark's flags (--benchmark_repetitions=9, --benchmark_out=FILE, ...) are taken too.");
  app.add_option("PATH", flags.paths, "case folders, a folder of them, or RAW.pb OPTIMIZED.pb")->required();
  app.add_option("--optimized", flags.optimized, "check this file instead of optimizing the case's model");
  app.add_option("--models", flags.models_folders, "where models lie that a meta.json only names")
      ->allow_extra_args(false);
  app.add_option("--tolerance", flags.options.tolerance, "max|a-b| / max|b| that passes")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--check-only", flags.options.check_only, "do not time");
  app.add_flag("--profile", flags.options.profile, "time each layer, too (backend opencv)");
  app.add_flag("--onnx", flags.options.onnx, "write the model as ONNX, too, and compare that file");
  app.add_flag(
      "--bisect", flags.bisect,
      "find the first node that differs from the reference kernels: of a case's optimized file, of FILE.pb, or of "
      "OPTIMIZED.pb with RAW.pb as its source");
  app.add_flag("--raw", flags.raw, "with --bisect: the case's own file instead of the optimized one");
  app.add_option("--in", flags.arrays, "with --bisect FILE.pb: its inputs as .npy, in order")->allow_extra_args(false);
  app.add_option("--opencv", flags.opencv_command,
                 "with --bisect: ask another OpenCV by this command (tests/compat/layers)");
  app.add_option("--json", flags.json, "write checks, times, machine and build to this file");
  const std::string regressions = "Regressions (exit code 1)";
  app.add_option("--baseline", flags.baseline, "a --json of an earlier run to compare with")->group(regressions);
  app.add_option("--max-slowdown", flags.limits.slowdown, "new time / old time that is no regression")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(regressions);
  app.add_option("--max-accuracy-loss", flags.limits.accuracy, "new tolerance / old tolerance that is no regression")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(regressions);
  app.add_option("--keep", flags.keep, "keep the optimized files in this folder");
  app.add_option("--seed", flags.seed, "of the input when there are no references")->capture_default_str();
  const std::string settings = "Settings (lists: every combination is run)";
  const auto list = [&](const char* name, auto& values, const char* text) {
    return app.add_option(name, values, text)->delimiter(',')->allow_extra_args(false)->group(settings);
  };
  list("--threads", flags.settings.threads, "threads of OpenCV (default: all cores)")->check(CLI::PositiveNumber);
  list("--backend", flags.settings.backends, "opencv, cuda, openvino, ...: permafrost-run --list-devices")->capture_default_str();
  list("--target", flags.settings.targets, "cpu, opencl, opencl-fp16, cuda, cuda-fp16, ...")->capture_default_str();
  list("--batch", flags.settings.batches, "items of one pass; inputs and references are repeated (default: the case's)")
      ->check(CLI::PositiveNumber);
  list("--streams", flags.settings.streams, "networks that run at the same time, each with its threads (default: 1)")
      ->check(CLI::PositiveNumber);
  list("--with", flags.others, "more files of the one case, to check and time beside it");
  try {
    app.parse(static_cast<int>(own.size()), own.data());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto good = flags.bisect ? BisectOne(flags) : RunAll(flags);
  if (good.ok()) return *good ? 0 : 1;
  std::cerr << "permafrost-bench: " << Message(good.status()) << "\n";
  return ExitCode(good.status());
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Main(argc, argv); }
