#include "bench/check.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "bench/timing.h"
#include "runner/layout.h"
#include "runner/opencv_child.h"
#include "runner/packed_arrays.h"

namespace permafrost {
namespace {

std::string_view WithoutPort0(std::string_view name) {
  return name.size() > 2 && name.substr(name.size() - 2) == ":0" ? name.substr(0, name.size() - 2) : name;
}

constexpr int64_t kUnknown = -1;

struct Answer {
  std::vector<NamedArray> outputs;
  std::optional<int64_t> peak_bytes;
};

StatusOr<Answer> RunApart(const std::string& path, const ModelCase& model, const SessionOptions& options) {
  const auto answer = RunOpenCvInChild("OpenCV", {.seconds = options.load_seconds}, [&]() -> StatusOr<std::string> {
    const PeakMemory memory;
    SessionOptions single = options;
    single.threads = 0;  // see RunOpenCvInChild
    ASSIGN_OR_RETURN(Session session, Session::Open(path, single));
    ASSIGN_OR_RETURN(auto outputs, session.Run(CaseInputs(model)));
    const int64_t bytes = memory.Bytes().value_or(kUnknown);
    outputs.push_back({"peak bytes", Array{ElementType::kInt64, {}, std::string(sizeof(bytes), '\0')}});
    std::memcpy(outputs.back().array.bytes.data(), &bytes, sizeof(bytes));
    return PackArrays(outputs);
  });
  if (!answer.ok()) return answer.status();
  Answer out;
  ASSIGN_OR_RETURN(out.outputs, UnpackArrays(*answer));
  int64_t bytes = kUnknown;
  if (out.outputs.empty() || out.outputs.back().array.bytes.size() != sizeof(bytes)) return Internal("a torn answer");
  std::memcpy(&bytes, out.outputs.back().array.bytes.data(), sizeof(bytes));
  if (bytes != kUnknown) out.peak_bytes = bytes;
  out.outputs.pop_back();
  return out;
}

// A file without model.json does not tell the order of its axes; the reference's shape does.
Array Fit(Array array, const std::vector<int64_t>& dims) {
  if (array.dims == dims) return array;
  if (array.dims.size() == 4) {
    auto channels_first = Relayout(array, "NHWC", "NCHW");
    if (channels_first.ok() && channels_first->dims == dims) return std::move(channels_first).value();
  }
  if (SameUpToOnes(array.dims, dims)) array.dims = dims;
  return array;
}

// Failed is worst, then mistrusted.
int Badness(Verdict verdict) { return verdict == Verdict::kFailed ? 2 : verdict == Verdict::kMistrusted ? 1 : 0; }

Check CheckOf(const DetectionComparison& detections) {
  Check check;
  check.verdict = detections.verdict;
  check.reason = detections.reason.empty() ? "" : "detections: " + detections.reason;
  CheckedOutput output{"detections", {}};
  output.comparison.verdict = detections.verdict;
  output.comparison.reason = detections.reason;
  output.comparison.needed_rel = detections.Needed();
  check.outputs.push_back(std::move(output));
  check.detections = detections;
  return check;
}

// What the file's model.json says about boxes; none where it has no model.json, or a bad one.
std::optional<DetectorInfo> DetectorOf(const std::string& path) {
  auto info = ReadModelInfo(ModelInfoPath(path));
  return info.ok() ? std::move(info->detector) : std::nullopt;
}

// `foreign`: the file has no model.json.
Check CompareOutputs(const Answer& answer, const ModelCase& model, bool foreign,
                     const std::optional<DetectorInfo>& detector, double tolerance) {
  const std::vector<NamedArray>& outputs = answer.outputs;
  std::vector<NamedArray> references;
  for (size_t i = 0; i < model.outputs.size(); ++i) references.push_back({model.output_names[i], model.outputs[i]});
  const DetectorInfo* described = detector ? &*detector : nullptr;
  if ((described != nullptr || LookLikeBoxes(outputs)) && LookLikeBoxes(references)) {
    Check check = CheckOf(CompareDetections(outputs, references, described, model.detections));
    check.peak_bytes = answer.peak_bytes;
    return check;
  }
  Check check;
  check.verdict = Verdict::kPassed;
  check.peak_bytes = answer.peak_bytes;
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    const std::string_view wanted = WithoutPort0(model.output_names[i]);
    // No node's name holds a ':': the optimizer calls port 1 of "split" "split_1".
    std::string spelled(wanted);
    if (!foreign) std::replace(spelled.begin(), spelled.end(), ':', '_');
    const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const NamedArray& output) {
      return WithoutPort0(output.name) == wanted || output.name == spelled;
    });
    CheckedOutput output{model.output_names[i], {}};
    if (found == outputs.end()) {
      output.comparison.verdict = Verdict::kFailed;
      output.comparison.reason = "the file has no such output";
    } else {
      const Array& reference = model.outputs[i];
      output.comparison = Compare(foreign ? Fit(found->array, reference.dims) : found->array, reference, tolerance);
    }
    if (Badness(output.comparison.verdict) > Badness(check.verdict)) {
      check.verdict = output.comparison.verdict;
      check.reason = StrCat(output.name, ": ", output.comparison.reason);
    }
    check.outputs.push_back(std::move(output));
  }
  return check;
}

}  // namespace

double Check::NeededRel() const {
  double worst = 0;
  for (const CheckedOutput& output : outputs) worst = std::max(worst, output.comparison.needed_rel);
  return worst;
}

std::vector<NamedArray> CaseInputs(const ModelCase& model) {
  std::vector<NamedArray> inputs;
  for (size_t i = 0; i < model.inputs.size(); ++i) inputs.push_back({model.input_names[i], model.inputs[i]});
  return inputs;
}

Check CheckFile(const std::string& path, const ModelCase& model, double tolerance, const SessionOptions& base) {
  const bool foreign = ::access(ModelInfoPath(path).c_str(), F_OK) != 0 || !base.use_model_json;
  SessionOptions options = base;
  options.isolate = false;
  if (foreign) {
    options.input_names = model.input_names;
    if (model.opencv_graph.empty() || path != model.model_path) {
      options.output_names = model.output_names;
    } else {
      options.config = model.opencv_graph;  // whose last layers are the outputs
    }
  }
  const auto answer = RunApart(path, model, options);
  if (answer.ok()) {
    const auto detector = foreign ? std::nullopt : DetectorOf(path);
    Check check = CompareOutputs(*answer, model, foreign, detector, tolerance);
    check.options = options;
    return check;
  }
  if (absl::IsNotFound(answer.status()) && foreign && model.outputs.size() == 1) {
    options.output_names.clear();
    auto last = RunApart(path, model, options);
    if (last.ok() && last->outputs.size() == 1) {
      last->outputs.front().name = model.output_names[0];
      Check check = CompareOutputs(*last, model, foreign, std::nullopt, tolerance);
      check.options = options;
      check.other_name = true;
      if (check.verdict != Verdict::kFailed) return check;
    }
  }
  Check failed;
  failed.verdict = Verdict::kFailed;
  failed.reason = Message(answer.status());
  return failed;
}

}  // namespace permafrost
