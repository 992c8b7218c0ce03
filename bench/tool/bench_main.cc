#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "bench/bisect_case.h"
#include "bench/join_reports.h"
#include "bench/optimize_case.h"
#include "bench/report.h"
#include "bench/report_json.h"
#include "bench/report_page.h"
#include "bench/tool/bench_flags.h"
#include "bench/tune.h"
#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
#include "optimizer/support/version.h"
#include "runner/decode_classes.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

const std::string kProgram = "permafrost-bench";

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
  std::vector<CaseReport> broken;    // folders that are no usable case
  std::vector<std::string> reports;  // texts of earlier runs and other programs
};

StatusOr<std::string> ReadText(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return std::string(file->bytes());
}

StatusOr<Plan> MakePlan(const BenchFlags& flags) {
  Plan plan;
  std::error_code error;
  std::vector<std::string> files, folders;
  for (const std::string& path : flags.paths) {
    for (const std::string& written : {flags.json, flags.page}) {
      if (fs::equivalent(path, written, error)) return InvalidArgument(written, ": this run reads it; name another file to write");
    }
    if (path.ends_with(".json")) {
      ASSIGN_OR_RETURN(std::string text, ReadText(path));
      plan.reports.push_back(std::move(text));
    } else if (fs::is_regular_file(path, error)) {
      files.push_back(path);
    } else if (!fs::is_directory(path, error)) {
      return InvalidArgument(path, ": no folder; give case folders, or one raw and one optimized file");
    } else if (IsModelCase(path)) {
      folders.push_back(path);
    } else {
      ASSIGN_OR_RETURN(const auto inside, ListModelCases(path));
      folders.insert(folders.end(), inside.begin(), inside.end());
    }
  }
  if (files.size() == 2 && folders.empty()) {
    ASSIGN_OR_RETURN(ModelCase model, JudgedCase(files[0], files[1], flags.seed));
    plan.cases.push_back({std::move(model), files[1], flags.others});
    return plan;
  }
  if (!files.empty()) return InvalidArgument(files[0], ": no folder; give case folders, or one raw and one optimized file");
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

Status CountLabels(const BenchFlags& flags, const ModelCase& model, CaseReport& report) {
  std::vector<std::string> classes;
  if (!flags.classes.empty()) {
    ASSIGN_OR_RETURN(classes, ReadLabels(flags.classes));
  }
  ASSIGN_OR_RETURN(const auto pictures, ListLabelled(flags.labels, classes));
  std::vector<ClassifiedFile> files;
  for (const FileReport& file : report.files) {
    const bool first = file.setting.name == flags.options.settings[0].name;
    if (first && file.check.verdict == Verdict::kPassed) files.push_back({file.label, file.path, file.check.options});
  }
  ASSIGN_OR_RETURN(report.labelled, ClassifyLabelled(model, files, pictures, flags.picture, flags.options.progress));
  return OkStatus();
}

Status WriteReports(const BenchFlags& flags, const std::vector<CaseReport>& reports,
                    const std::vector<std::string>& others) {
  if (flags.json.empty() && flags.page.empty()) return OkStatus();
  std::string text;
  if (!reports.empty()) text = ReportJson(reports, flags.options);
  if (!others.empty()) {
    std::vector<std::string> all = others;
    if (!text.empty()) all.insert(all.begin(), std::move(text));
    ASSIGN_OR_RETURN(text, JoinReports(all));
  }
  if (!flags.json.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.json, text));
  if (!flags.page.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.page, ReportPage(text)));
  return OkStatus();
}

StatusOr<bool> RunAll(BenchFlags& flags) {
  WorkFolder work;
  RETURN_IF_ERROR(work.Open(flags.keep));
  flags.options.work_folder = work.path();
  flags.options.progress = [](std::string_view step) { std::cerr << step << "\n"; };
  ASSIGN_OR_RETURN(Plan plan, MakePlan(flags));
  std::string baseline;  // read first: a wrong path must not cost a run
  if (!flags.baseline.empty()) {
    ASSIGN_OR_RETURN(baseline, ReadText(flags.baseline));
  }
  std::vector<CaseReport> reports;
  const auto optimize = [&](const ModelCase& model, const std::string& path) {
    return OptimizeCase(model, path, flags.opencv_only);
  };
  for (const BenchCase& one : plan.cases) {
    reports.push_back(CheckCase(one, optimize, flags.options));
    if (!flags.labels.empty()) RETURN_IF_ERROR(CountLabels(flags, one.model, reports.back()));
  }
  if (!flags.options.check_only && !reports.empty()) RETURN_IF_ERROR(TimeCases(plan.cases, reports, flags.options));
  if (flags.tune) {
    for (CaseReport& one : reports) one.advice = AdviseOn(one);
  }
  reports.insert(reports.end(), plan.broken.begin(), plan.broken.end());
  const bool own_output = std::any_of(flags.options.benchmark_flags.begin(), flags.options.benchmark_flags.end(),
                                      [](const std::string& flag) { return flag.rfind("--benchmark_format", 0) == 0; });
  std::ostream& out = own_output ? std::cerr : std::cout;
  if (!reports.empty()) out << ReportTable(reports);
  for (const CaseReport& one : reports) {
    if (one.labelled) out << "\n" << LabelledText(one.name, *one.labelled);
    if (flags.tune) out << "\n" << AdviceText(one.name, one.advice);
  }
  if (flags.tune && flags.keep.empty()) out << "\nThe files were made for this run only: --keep FOLDER keeps them.\n";
  RETURN_IF_ERROR(WriteReports(flags, reports, plan.reports));
  const bool failed = std::any_of(reports.begin(), reports.end(), [](const CaseReport& one) { return one.Failed(); });
  if (flags.baseline.empty()) return !failed;
  const auto worse = Regressions(reports, baseline, flags.limits);
  if (!worse.ok()) return WithContext(worse.status(), flags.baseline);
  for (const std::string& one : *worse) std::cerr << "worse than the baseline: " << one << "\n";
  return !failed && worse->empty();
}

StatusOr<BisectSubject> SubjectOf(const BenchFlags& flags, const std::string& work_folder) {
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
StatusOr<bool> BisectOne(const BenchFlags& flags) {
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
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of who writes it
  BenchFlags flags;
  std::vector<char*> own = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).substr(0, 12) == "--benchmark_") {
      flags.options.benchmark_flags.emplace_back(argv[i]);
    } else {
      own.push_back(argv[i]);
    }
  }
  CLI::App app("Checks optimized networks against their references in OpenCV, then times them against the raw ones.",
               kProgram);
  app.set_version_flag("--version", std::string(Version()));
  app.footer("Google Benchmark's flags (--benchmark_repetitions=9, --benchmark_out=FILE, ...) are taken too.");
  AddFlags(app, flags);
  try {
    app.parse(static_cast<int>(own.size()), own.data());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const Status read = ReadFlags(app, flags); !read.ok()) {
    std::cerr << kProgram << ": " << Message(read) << "\n";
    return 2;
  }
  const auto good = flags.bisect ? BisectOne(flags) : RunAll(flags);
  if (good.ok()) return *good ? 0 : 1;
  std::cerr << kProgram << ": " << Message(good.status()) << "\n";
  return ExitCode(good.status());
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Main(argc, argv); }
