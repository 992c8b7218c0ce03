#include "bench/bench.h"

#include <algorithm>
#include <utility>

#include "shared_io/paths.h"

namespace permafrost {
namespace {

bool CvReads(std::string_view path) { return path.ends_with(".pb") || IsOnnxPath(path); }

}  // namespace

std::string FileReport::Name() const { return setting.empty() ? label : StrCat(label, " ", setting); }

bool CaseReport::Failed() const {
  return !error.empty() || std::any_of(files.begin(), files.end(), [](const FileReport& file) {
    return file.label != "raw" && file.check.verdict == Verdict::kFailed;
  });
}

namespace {

void CheckInAllSettings(const std::string& label, const std::string& path, const ModelCase& model,
                        const BenchOptions& options, CaseReport& report) {
  options.progress(StrCat(model.name, ": checking ", label));
  for (const Setting& setting : options.settings) {
    SessionOptions session = setting.session;
    session.use_model_json = session.use_model_json && label != "raw";
    report.files.push_back({label, path, setting.name, CheckFile(path, model, options.tolerance, session), {}});
  }
}

// A file that cannot be checked at all.
void Skip(const std::string& label, const std::string& path, Verdict verdict, std::string reason, CaseReport& report) {
  FileReport file{label, path, "", {}, {}};
  file.check.verdict = verdict;
  file.check.reason = std::move(reason);
  report.files.push_back(std::move(file));
}

}  // namespace

CaseReport CheckCase(const BenchCase& bench_case, const Optimizer& optimize, const BenchOptions& options) {
  const ModelCase& model = bench_case.model;
  CaseReport report;
  report.name = model.name;
  report.judged_by_kernels = model.judged_by_kernels;
  if (CvReads(model.model_path)) {
    CheckInAllSettings("raw", model.model_path, model, options, report);
  } else {
    Skip("raw", model.model_path, Verdict::kSkipped, StrCat("cv::dnn reads no file of kind \"", model.kind, "\""),
         report);
  }
  std::string path = bench_case.optimized_path;
  Status optimized;
  if (path.empty()) {
    options.progress(model.name + ": optimizing");
    path = options.work_folder + "/" + model.name + ".pb";
    optimized = optimize(model, path);
  }
  if (optimized.ok()) {
    CheckInAllSettings("optimized", path, model, options, report);
  } else {
    Skip("optimized", path, Verdict::kFailed, StrCat("not optimized: ", Message(optimized)), report);
  }
  for (const std::string& other : bench_case.other_paths) {
    CheckInAllSettings(other.substr(other.rfind('/') + 1), other, model, options, report);
  }
  if (!options.onnx) return report;
  options.progress(model.name + ": writing ONNX");
  const std::string onnx = options.work_folder + "/" + model.name + ".onnx";
  if (const Status written = optimize(model, onnx); written.ok()) {
    CheckInAllSettings("onnx", onnx, model, options, report);
  } else {
    Skip("onnx", onnx, Verdict::kFailed, StrCat("not written: ", Message(written)), report);
  }
  return report;
}

Status TimeCases(const std::vector<BenchCase>& cases, std::vector<CaseReport>& reports, const BenchOptions& options) {
  std::vector<TimedFile> files;
  std::vector<FileReport*> timed;
  for (size_t i = 0; i < reports.size(); ++i) {
    const ModelCase& model = cases[i].model;
    for (FileReport& file : reports[i].files) {
      if (file.check.verdict != Verdict::kPassed) continue;
      files.push_back({model.name + "/" + file.Name(), file.path, file.check.options, CaseInputs(model)});
      timed.push_back(&file);
    }
  }
  options.progress(StrCat("timing ", files.size(), " files"));
  ASSIGN_OR_RETURN(const std::vector<Timing> timings, TimeFiles(files, options.benchmark_flags));
  for (size_t i = 0; i < timed.size(); ++i) timed[i]->timing = timings[i];
  return OkStatus();
}

}  // namespace permafrost
