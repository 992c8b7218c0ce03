#include "bench/bench.h"

#include <algorithm>
#include <utility>

namespace permafrost {
namespace {

bool CvReads(const std::string& path) {
  const auto ends = [&](std::string_view end) {
    return path.size() > end.size() && std::string_view(path).substr(path.size() - end.size()) == end;
  };
  return ends(".pb") || ends(".onnx");
}

}  // namespace

bool CaseReport::Failed() const {
  return !error.empty() || std::any_of(files.begin(), files.end(), [](const FileReport& file) {
    return file.label == "optimized" && file.check.verdict == Verdict::kFailed;
  });
}

CaseReport CheckCase(const BenchCase& bench_case, const Optimizer& optimize, const BenchOptions& options) {
  const ModelCase& model = bench_case.model;
  CaseReport report;
  report.name = model.name;
  report.judged_by_kernels = model.judged_by_kernels;

  FileReport raw{"raw", model.model_path, {}, {}};
  SessionOptions raw_options = options.session;
  raw_options.use_model_json = false;
  if (CvReads(raw.path)) {
    options.progress(model.name + ": checking the raw file");
    raw.check = CheckFile(raw.path, model, options.tolerance, raw_options);
  } else {
    raw.check.reason = StrCat("cv::dnn reads no file of kind \"", model.kind, "\"");
  }
  report.files.push_back(std::move(raw));

  FileReport optimized{"optimized", bench_case.optimized_path, {}, {}};
  if (optimized.path.empty()) {
    options.progress(model.name + ": optimizing");
    optimized.path = options.work_folder + "/" + model.name + ".pb";
    const Status status = optimize(model, optimized.path);
    if (!status.ok()) {
      optimized.check.verdict = Verdict::kFailed;
      optimized.check.reason = StrCat("not optimized: ", Message(status));
      report.files.push_back(std::move(optimized));
      return report;
    }
  }
  options.progress(model.name + ": checking the optimized file");
  optimized.check = CheckFile(optimized.path, model, options.tolerance, options.session);
  report.files.push_back(std::move(optimized));
  return report;
}

namespace {

Status PairCases(const std::vector<BenchCase>& cases, std::vector<CaseReport>& reports, const BenchOptions& options) {
  for (size_t i = 0; i < reports.size(); ++i) {
    CaseReport& report = reports[i];
    const bool both = report.files.size() == 2 && report.files[0].check.verdict == Verdict::kPassed &&
                      report.files[1].check.verdict == Verdict::kPassed;
    if (!both) continue;
    options.progress(StrCat(report.name, ": raw and optimized in turns"));
    std::vector<TimedFile> files;
    for (const FileReport& file : report.files) {
      files.push_back({report.name, file.path, file.check.options, CaseInputs(cases[i].model)});
    }
    ASSIGN_OR_RETURN(report.pair, TimePair(files[0], files[1], options.pair_seconds));
  }
  return OkStatus();
}

}  // namespace

Status TimeCases(const std::vector<BenchCase>& cases, std::vector<CaseReport>& reports, const BenchOptions& options) {
  if (options.pair_seconds > 0) return PairCases(cases, reports, options);
  std::vector<TimedFile> files;
  std::vector<FileReport*> timed;
  for (size_t i = 0; i < reports.size(); ++i) {
    const ModelCase& model = cases[i].model;
    for (FileReport& file : reports[i].files) {
      if (file.check.verdict != Verdict::kPassed) continue;
      files.push_back({model.name + "/" + file.label, file.path, file.check.options, CaseInputs(model)});
      timed.push_back(&file);
    }
  }
  options.progress(StrCat("timing ", files.size(), " files"));
  ASSIGN_OR_RETURN(const std::vector<Timing> timings, TimeFiles(files, options.benchmark_flags));
  for (size_t i = 0; i < timed.size(); ++i) timed[i]->timing = timings[i];
  return OkStatus();
}

}  // namespace permafrost
