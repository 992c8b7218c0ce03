#include "optimizer/pipeline/optimize.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <future>
#include <limits>
#include <set>

#include "optimizer/backends/graphdef/emit_graphdef.h"
#include "optimizer/backends/onnx/emit_onnx.h"
#include "optimizer/backends/opencv_tf/accepted_ops.h"
#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ir/text.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/fold_constants.h"
#include "optimizer/passes/lowering/freeze_variables.h"
#include "optimizer/passes/lowering/refuse_state.h"
#include "optimizer/passes/lowering/restore_norm_statistics.h"
#include "optimizer/passes/lowering/settle_updates.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/passes/name_outputs.h"
#include "optimizer/passes/remove_identity.h"
#include "optimizer/passes/remove_training.h"
#include "optimizer/passes/requested/passes.h"
#include "optimizer/passes/run_pass.h"
#include "optimizer/passes/strip_unused.h"
#include "optimizer/pipeline/catalog.h"
#include "optimizer/pipeline/center_detector.h"
#include "optimizer/pipeline/describe.h"
#include "optimizer/pipeline/detector.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/find_cascade.h"
#include "optimizer/pipeline/find_preprocessing.h"
#include "optimizer/pipeline/find_tables.h"
#include "optimizer/pipeline/onnx_output.h"
#include "optimizer/pipeline/set_boundary.h"
#include "optimizer/pipeline/source_hash.h"
#include "optimizer/pipeline/split.h"
#include "optimizer/pipeline/unroll_pictures.h"
#include "optimizer/support/atomic_file.h"
#include "optimizer/support/version.h"

namespace permafrost {
namespace {

// Control flow, calls and side effects that are left where an output needs them.
Status CheckFlat(const Graph& graph) {
  RETURN_IF_ERROR(RefuseState(graph));
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    const bool calls = node.op == "PartitionedCall" || node.op == "StatefulPartitionedCall";
    if (!IsControlFlow(node.op) && !calls) continue;
    std::string condition;
    if ((node.op == "Switch" || node.op == "RefSwitch") && node.inputs.size() == 2) {
      condition = StrCat("; its predicate is '", ToString(graph, node.inputs[1]), "'");
    } else if (!node.inputs.empty()) {
      condition = StrCat("; its first input is '", ToString(graph, node.inputs[0]), "'");
    }
    return Unsupported("node '", node.name, "' (", node.op, "): control flow that an output needs", condition,
                       "; fix the condition with --set name=value, or cut the graph with --inputs or --outputs");
  }
  return Verify(graph, Level::kFlat);
}

void CollectNotes(const std::vector<PassReport>& passes, std::vector<std::string>& notes) {
  for (const PassReport& pass : passes) notes.insert(notes.end(), pass.notes.begin(), pass.notes.end());
}

const std::vector<const PassInfo*>& PassesFor(const Target& target) {
  constexpr int kFirstWithWhere = 40800;
  const bool is_old = target.runtime == Target::Runtime::kOpenCv && target.opencv_version < kFirstWithWhere;
  switch (target.kind) {
    case Target::Kind::kOpenCv: return OpenCvPasses();
    case Target::Kind::kOnnx: return is_old ? OldOnnxPasses() : OnnxPasses();
    case Target::Kind::kGraphDef: break;
  }
  return NamingPasses();
}

void Append(std::vector<PassStep>& steps, const std::vector<PassStep>& more) {
  steps.insert(steps.end(), more.begin(), more.end());
}

// What runs after lowering, in its order.
StatusOr<std::vector<PassStep>> ChooseSteps(const OptimizeOptions& options, OptimizeReport& report) {
  const bool for_opencv = options.target.kind == Target::Kind::kOpenCv;
  std::vector<PassStep> steps;
  if (options.passes) {
    ASSIGN_OR_RETURN(steps, ResolvePasses(*options.passes, "--passes", report.notes));
  } else if (!options.open.opencv_graph.empty()) {
    steps = StepsOf(NamingPasses());
  } else {
    if (options.target.kind != Target::Kind::kGraphDef) Append(steps, StepsOf(FloatPasses()));
    Append(steps, StepsOf(OptimizingPasses()));
    if (options.opencv_only) Append(steps, StepsOf(OpenCvOnlyPasses()));
    Append(steps, StepsOf(PassesFor(options.target)));
  }
  ASSIGN_OR_RETURN(const std::vector<PassStep> added, ResolvePasses(options.add, "--add", report.notes));
  Append(steps, added);
  const auto halves = [](const PassStep& step) { return step.pass == &kHalfWeights; };
  if (for_opencv && std::any_of(steps.begin(), steps.end(), halves)) Append(steps, StepsOf({&kSpellHalfWeights}));
  if (options.passes || !added.empty()) Append(steps, StepsOf(NamingPasses()));
  for (const std::string& name : options.skip) {
    const PassInfo* pass = FindPass(name);
    if (pass == nullptr) return NotFound("--skip: there is no pass '", name, "' (--list-passes shows them)");
    if (pass == &kNameOutputs) return InvalidArgument("--skip: '", name, "' has to run: a file needs the names of its outputs");
    if (std::erase_if(steps, [&](const PassStep& step) { return step.pass == pass; }) == 0) {
      return NotFound("--skip: pass '", name, "' does not run here");
    }
  }
  report.warnings = OrderWarnings(steps, FactsOfFlatGraphs());
  return steps;
}

Status DumpGraph(const std::string& folder, int index, std::string_view pass, const Graph& graph) {
  const std::string number = StrCat(index < 10 ? "0" : "", index);
  return WriteFileAtomically(StrCat(folder, "/", number, "-", pass, ".txt"), PrintText(graph));
}

// `tensors`: what they are called in the source, by name in the graph.
void NameSources(const std::map<std::string, std::string>& tensors, std::vector<TensorInfo>& infos) {
  for (TensorInfo& info : infos) {
    const auto found = tensors.find(info.name);
    if (found != tensors.end() && found->second != info.name) info.tensor = found->second;
  }
}

constexpr uint64_t kVerifySeed = 1;

std::vector<OutputCheck> Compare(const std::vector<NamedTensor>& actual, const std::vector<NamedTensor>& expected,
                                 double tolerance) {
  std::vector<OutputCheck> checks;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = RelativeError(actual[i].value, expected[i].value);
    checks.push_back({expected[i].name, error, error <= tolerance});
  }
  return checks;
}

// What the optimized graph and the written file are judged by.
struct Proof {
  Graph original;
  std::optional<Graph> exact;  // before the first pass that loses accuracy on purpose, if one ran
};

// Inputs for `graph`, whose inputs may have other names by now.
std::vector<NamedTensor> ForInputsOf(const Graph& graph, std::vector<NamedTensor> inputs) {
  for (size_t i = 0; i < inputs.size() && i < graph.inputs().size(); ++i) {
    inputs[i].name = graph.node(graph.inputs()[i]).name;
  }
  return inputs;
}

Status FirstFailure(const std::vector<OutputCheck>& checks, double tolerance);

// `optimized` against the graph before optimizing; with a path, the bytes written there are read again and judged.
Status VerifyGraph(const Graph& optimized, const Proof& proof, double tolerance, const std::string& path,
                   OptimizeReport& report) {
  ASSIGN_OR_RETURN(const auto inputs, SeededInputs(proof.original, kVerifySeed));
  auto expected = EvaluateOutputs(proof.original, inputs);
  if (!expected.ok()) return WithContext(expected.status(), "--verify: the original cannot be evaluated");
  const auto evaluate = [&](const Graph& graph) -> StatusOr<std::vector<NamedTensor>> {
    auto outputs = EvaluateOutputs(graph, ForInputsOf(graph, inputs));
    if (!outputs.ok()) return WithContext(outputs.status(), "--verify: the result cannot be evaluated");
    return outputs;
  };
  std::vector<NamedTensor> actual;
  if (path.empty() || proof.exact) {
    ASSIGN_OR_RETURN(actual, evaluate(optimized));
  }
  if (!path.empty()) {
    std::vector<std::string> names;
    for (const GraphOutput& output : optimized.outputs()) names.push_back(output.name);
    auto written = RunOnReferenceKernels(path, names, ForInputsOf(optimized, inputs), kVerifySeed);
    if (!written.ok()) return WithContext(written.status(), "--verify: the written file cannot be evaluated");
    if (proof.exact) {
      const Status same = FirstFailure(Compare(written->outputs, actual, tolerance), tolerance);
      if (!same.ok()) return WithContext(same, "the written file against the graph in memory");
    }
    actual = std::move(written->outputs);
  }
  if (proof.exact) {
    report.lost = Compare(actual, *expected, std::numeric_limits<double>::max());
    RETURN_IF_ERROR(FirstFailure(report.lost, std::numeric_limits<double>::max()));
    ASSIGN_OR_RETURN(actual, evaluate(*proof.exact));
  }
  report.verified = Compare(actual, *expected, tolerance);
  return FirstFailure(report.verified, tolerance);
}

Status FirstFailure(const std::vector<OutputCheck>& checks, double tolerance) {
  for (const OutputCheck& check : checks) {
    if (check.passed) continue;
    return FailedCheck("--verify: output '", check.name, "' differs from the original by ", check.relative_error,
                       " relative, allowed is ", tolerance, "; nothing was written (--stop-after finds the pass)");
  }
  return OkStatus();
}

}  // namespace

StatusOr<Target> ParseTarget(std::string_view text) {
  Target target;
  if (text == "opencv") return target;
  if (text == "graphdef") {
    target.kind = Target::Kind::kGraphDef;
    return target;
  }
  if (text == "onnx" || text == "onnxruntime" || text == "tensorrt") {
    target.kind = Target::Kind::kOnnx;
    if (text == "onnxruntime") target.runtime = Target::Runtime::kOnnxRuntime;
    if (text == "tensorrt") target.runtime = Target::Runtime::kTensorRt;
    return target;
  }
  constexpr std::string_view kPrefix = "opencv-";
  if (text.starts_with(kPrefix)) {
    std::string_view rest = text.substr(kPrefix.size());
    int parts[3] = {0, 0, 0};
    bool valid = !rest.empty();
    for (int i = 0; i < 3 && valid && !rest.empty(); ++i) {
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), parts[i]);
      valid = error == std::errc();
      rest.remove_prefix(static_cast<size_t>(end - rest.data()));
      if (valid && !rest.empty()) {
        valid = rest[0] == '.' && rest.size() > 1;
        rest.remove_prefix(1);
      }
    }
    target.opencv_version = parts[0] * 10000 + parts[1] * 100 + parts[2];
    target.runtime = Target::Runtime::kOpenCv;
    if (valid && rest.empty() && target.opencv_version >= 40505 && target.opencv_version < 60000) return target;
  }
  return InvalidArgument("target '", text,
                         "': expected opencv, opencv-4.5.5 to opencv-5.x, graphdef, onnx, onnxruntime or tensorrt");
}

StatusOr<DetectorFormat> ParseDetectorFormat(std::string_view text) {
  if (text == "detections") return DetectorFormat::kDetections;
  if (text == "heads") return DetectorFormat::kHeads;
  if (text == "graph") return DetectorFormat::kGraph;
  return InvalidArgument("--format '", text, "': expected detections, heads or graph");
}

Target AsOnnx(Target target) {
  target.kind = Target::Kind::kOnnx;
  return target;
}

std::string ToString(const Target& target) {
  if (target.kind == Target::Kind::kGraphDef) return "graphdef";
  if (target.runtime == Target::Runtime::kOnnxRuntime) return "onnxruntime";
  if (target.runtime == Target::Runtime::kTensorRt) return "tensorrt";
  if (target.kind == Target::Kind::kOnnx && target.runtime == Target::Runtime::kAny) return "onnx";
  const int patch = target.opencv_version % 100;
  return StrCat("opencv-", target.opencv_version / 10000, ".", target.opencv_version / 100 % 100,
                patch > 0 ? StrCat(".", patch) : "");
}

GraphFigures FiguresOf(const Graph& graph) {
  GraphFigures figures;
  figures.nodes = graph.node_count();
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    const Tensor* value = node.IsConst() ? node.attr<Tensor>("value") : nullptr;
    if (value == nullptr) {
      ++figures.ops;
    } else if (IsFloating(value->dtype()) || SizeOf(value->dtype()) == 1) {
      figures.parameters += value->elements();
    }
  }
  return figures;
}

StatusOr<Model> OpenModelFor(const OptimizeOptions& options) {
  OpenOptions open = options.open;
  for (const InputSpec& input : options.inputs) {
    if (input.shape && input.tensor.port == 0) open.input_shapes.emplace(input.tensor.node, *input.shape);
  }
  return OpenModel(options.model, options.limits, open);
}

StatusOr<LoweredModel> LowerModel(const OptimizeOptions& options, RunOptions& run) {
  ASSIGN_OR_RETURN(Model model, OpenModelFor(options));
  return LowerModel(std::move(model), options, run);
}

StatusOr<LoweredModel> LowerModel(Model model, const OptimizeOptions& options, RunOptions& run) {
  LoweredModel lowered;
  lowered.model = std::move(model);
  Graph& graph = lowered.model.graph;
  lowered.figures = FiguresOf(graph);
  lowered.figures.bytes = lowered.model.file_bytes;
  BoundaryReport boundary;
  std::optional<BatchPlan> batch;
  std::vector<std::string> batch_notes, detector_notes;
  std::optional<DetectorCut> detector;
  bool centers = false;
  std::string no_detector;  // why it is none that is known
  const auto work = [&]() -> Status {
    const bool needs_signature = options.outputs.empty() || !options.signature.empty();
    const auto signature = ChooseSignature(lowered.model.signatures, options.signature);
    if (needs_signature) RETURN_IF_ERROR(signature.status());
    const bool saved_model = lowered.model.format == Format::kSavedModel || lowered.model.format == Format::kSavedModelText;
    if (saved_model && options.outputs.empty() && *signature == nullptr) {
      return InvalidArgument(
          "has no signature and no function: its author named no inputs and outputs; save it with "
          "signatures, or name tensors with --inputs and --outputs");
    }
    if (options.signature.empty() && needs_signature && *signature != nullptr &&
        (*signature)->name != "serving_default") {
      boundary.notes.push_back(StrCat("signature '", (*signature)->name, "' is taken"));
    }
    std::map<std::string, std::string> tables;
    {
      GraphEditor editor(graph);
      RETURN_IF_ERROR(InferTypes(editor));
      for (const SetSpec& set : options.sets) RETURN_IF_ERROR(SetPlaceholder(editor, set.name, set.value));
      RETURN_IF_ERROR(SetBoundary(editor, signature.ok() ? *signature : nullptr, options.inputs, options.outputs, boundary));
      tables = FilesOfTables(graph, lowered.model.assets);
      RETURN_IF_ERROR(CheckNoTables(graph, tables));
    }
    // Restore ops and initial values go when the graph is stripped to its outputs.
    const bool has_variables = HasVariables(graph);
    if (!has_variables && !options.open.checkpoint.empty()) {
      boundary.notes.push_back("the checkpoint is not needed: the graph has no variables");
    }
    const Graph original = has_variables ? graph : Graph();
    const VariableValues values(original, lowered.model.variables.get(), options.ema_name);
    PassContext context;
    RETURN_IF_ERROR(values.CheckAverages());
    RETURN_IF_ERROR(RunPasses(graph, BoundaryPasses(), Level::kImported, run, lowered.passes));
    if (FormatOfDetectors(options)) {
      ASSIGN_OR_RETURN(const auto picture, UnrollPictures(graph, run.passes, detector_notes));
      GraphEditor editor(graph);
      detector = CutDetector(editor, picture, detector_notes, no_detector);
      centers = !detector && no_detector.empty() && PrepareCenters(editor, detector_notes);
      if (detector || centers) RETURN_IF_ERROR(InferTypes(editor));
    }
    {
      GraphEditor editor(graph);
      ASSIGN_OR_RETURN(batch, PlanBatch(editor, options.batch, boundary.asked_batches, batch_notes));
      if (batch) RETURN_IF_ERROR(InferTypes(editor));
    }
    if (has_variables) {
      GraphEditor editor(graph);
      RETURN_IF_ERROR(SettleUpdates(editor, context));
      RETURN_IF_ERROR(FreezeConditions(editor, values, context));
      RETURN_IF_ERROR(InferTypes(editor));
    }
    RETURN_IF_ERROR(RunPasses(graph, FlatteningPasses(), Level::kImported, run, lowered.passes));
    GraphEditor editor(graph);
    if (has_variables) {
      RETURN_IF_ERROR(FreezeVariables(editor, values, context));
      RETURN_IF_ERROR(InferTypes(editor));
    }
    if (!options.keep_batch_stats) {
      RETURN_IF_ERROR(RestoreNormStatistics(editor, original, has_variables ? &values : nullptr, context));
    }
    values.NoteMissingAverages(context);
    lowered.notes = context.notes();
    editor.ClearFunctions();
    const bool for_opencv = options.target.kind == Target::Kind::kOpenCv;  // which takes no input that nothing reads
    if (options.inputs.empty() || for_opencv) DropUnusedInputs(editor, boundary);
    RETURN_IF_ERROR(InferTypes(editor));
    RETURN_IF_ERROR(CheckNoTables(graph, tables));
    RETURN_IF_ERROR(CheckFlat(graph));
    if (detector || centers) {
      for (const PassInfo* pass : {&kRemoveTraining, &kRemoveIdentity, &kFoldConstants}) {
        RETURN_IF_ERROR(RunPass(*pass, graph, run.passes).status());
      }
    }
    if (detector) {
      ASSIGN_OR_RETURN(lowered.detector, BuildDetector(graph, *detector, *FormatOfDetectors(options), options.target, detector_notes));
    }
    if (centers) {
      ASSIGN_OR_RETURN(lowered.detector, BuildCenters(graph, detector_notes));
    }
    if (!batch || batch->from == batch->to) return OkStatus();
    ASSIGN_OR_RETURN(lowered.batched, ChangeBatch(graph, *batch, options.unroll_nodes, options.verify_tolerance));
    return OkStatus();
  };
  if (const Status status = work(); !status.ok()) {
    if (detector || centers) return WithContext(WithContext(status, "a detector (--format graph leaves it as it is)"), options.model);
    if (!no_detector.empty()) return WithContext(WithContext(status, StrCat("a detector that is not known (", no_detector, ")")), options.model);
    return WithContext(status, options.model);
  }
  lowered.notes.insert(lowered.notes.end(), detector_notes.begin(), detector_notes.end());
  if (!no_detector.empty()) lowered.notes.push_back(StrCat("a detector that is not known: ", no_detector));
  lowered.notes.insert(lowered.notes.end(), batch_notes.begin(), batch_notes.end());
  lowered.notes.insert(lowered.notes.begin(), boundary.notes.begin(), boundary.notes.end());
  lowered.notes.insert(lowered.notes.begin(), lowered.model.notes.begin(), lowered.model.notes.end());
  lowered.input_tensors = std::move(boundary.input_tensors);
  lowered.output_tensors = std::move(boundary.output_tensors);
  return lowered;
}

namespace {

// One graph on its way to a file, or to nothing but a report.
class Job {
 public:
  Job(const OptimizeOptions& options, const LoweredModel& lowered, Graph graph, std::string output, std::string where)
      : options_(options), lowered_(lowered), graph_(std::move(graph)), where_(std::move(where)) {
    report_.output = std::move(output);
    report_.passes = lowered.passes;
  }

  // The SHA-256 of the source, which an ONNX file carries.
  using SourceHash = std::shared_future<StatusOr<std::string>>;
  void SetSource(SourceHash hash) { source_hash_ = std::move(hash); }

  // The passes, what the target makes of their result, and the proofs. The file is there but not yet under its name.
  Status Run(const std::vector<PassStep>& steps, RunOptions run) {
    RETURN_IF_ERROR(WithContext(Transform(steps, run), where_));
    if (!report_.output.empty()) RETURN_IF_ERROR(WriteGraph());
    return WithContext(Judge(), where_);
  }

  // The description, also not yet under its name.
  Status Seal(const std::string& source_sha256) {
    report_.info.source_sha256 = source_sha256;
    report_.info.file_sha256 = file_->sha256();
    const std::string path = ModelInfoPath(report_.output);
    ASSIGN_OR_RETURN(info_file_, AtomicFile::Create(path));
    RETURN_IF_ERROR(info_file_->Write(ModelInfoToJson(report_.info)));
    return info_file_->Finish();
  }

  // In the order in which they get their names.
  std::vector<AtomicFile*> Files() const {
    std::vector<AtomicFile*> files = {info_file_.get()};
    if (data_file_ != nullptr) files.push_back(data_file_.get());
    files.push_back(file_.get());
    return files;
  }

  const ModelInfo& info() const { return report_.info; }
  OptimizeReport TakeReport() { return std::move(report_); }

 private:
  Status Transform(const std::vector<PassStep>& steps, const RunOptions& run) {
    const std::vector<std::string> pixel_inputs = InputsThatTakePixels(graph_);
    if (options_.verify) {
      // Random ops have no one answer: the original is judged with its dropout at inference.
      proof_.original = graph_;
      RETURN_IF_ERROR(RunPass(kRemoveTraining, proof_.original).status());
    }
    RETURN_IF_ERROR(RunSteps(steps, run));
    if (const Status status = Verify(graph_, Level::kFlat); !status.ok()) {
      return Internal("the passes broke the graph: ", Message(status), " (please report this)");
    }
    CollectNotes({report_.passes.begin() + static_cast<std::ptrdiff_t>(lowered_.passes.size()), report_.passes.end()},
                 report_.notes);
    RETURN_IF_ERROR(CheckTarget());
    if (options_.target.kind == Target::Kind::kOnnx) {
      OptimizeOptions options = options_;
      // What is no OpenCV feeds the new file as it fed the old one.
      const bool onnx_runtime = options.target.runtime == Target::Runtime::kOnnxRuntime ||
                                options.target.runtime == Target::Runtime::kTensorRt;
      options.keep_nhwc = options.keep_nhwc || (onnx_runtime && lowered_.model.format == Format::kOnnx);
      ASSIGN_OR_RETURN(onnx_, MakeOnnx(graph_, options, report_.unsupported));
      report_.notes.push_back(StrCat("opset ", onnx_->graph.opset));
      if (!onnx_->weights_stay_small) {
        report_.notes.push_back(StrCat("weights are written in 32 bits: ", ToString(options_.target), " takes no smaller ones"));
      }
    }
    Describe(pixel_inputs);
    return options_.decoder.name.empty() ? OkStatus() : DescribeDecoder();
  }

  Status Judge() {
    if (options_.verify) {
      if (options_.progress) options_.progress("verify");
      if (lowered_.detector && lowered_.detector->kind == DetectorInfo::kDetectionOutput) {
        const Proof heads{UpToDetections(proof_.original),
                          proof_.exact ? std::optional(UpToDetections(*proof_.exact)) : std::nullopt};
        return VerifyGraph(UpToDetections(graph_), heads, options_.verify_tolerance, "", report_);
      }
      RETURN_IF_ERROR(VerifyGraph(graph_, proof_, options_.verify_tolerance, Written(), report_));
    }
    return lowered_.batched ? CheckRows() : OkStatus();
  }

  // There is no reader for ONNX here: what is judged then is the graph that was written as ONNX.
  std::string Written() const { return file_ != nullptr && !onnx_ ? file_->temporary_path() : ""; }

  Status RunSteps(const std::vector<PassStep>& steps, RunOptions run) {
    for (const PassStep& step : steps) {
      const bool may_lose = (options_.verify || lowered_.batched) && !proof_.exact && step.pass->lossy;
      Graph before = step.ignore_errors || may_lose ? graph_ : Graph();
      const Status status = RunStep(graph_, step, Level::kFlat, run, report_.passes);
      if (status.ok()) {
        if (may_lose && report_.passes.back().changed) proof_.exact = std::move(before);
        continue;
      }
      if (!step.ignore_errors) return status;
      graph_ = std::move(before);
      report_.notes.push_back(StrCat("pass ", step.pass->name, " failed and was ignored: ", Message(status)));
    }
    if (options_.stop_after < 0) return OkStatus();
    run.stop_after = -1;
    return RunPasses(graph_, NamingPasses(), Level::kFlat, run, report_.passes);
  }

  Status CheckTarget() {
    // OpenCV's own net is its own affair.
    if (options_.target.kind != Target::Kind::kOpenCv || !options_.open.opencv_graph.empty()) return OkStatus();
    for (const Refusal& refusal : RefusedByOpenCv(graph_, options_.target.opencv_version)) {
      report_.unsupported.push_back(StrCat("node '", refusal.node, "' (", refusal.op, "): ", refusal.reason));
    }
    if (report_.unsupported.empty() || options_.stop_after >= 0 || options_.passes) return OkStatus();
    return Unsupported("OpenCV's TensorFlow importer would refuse ", report_.unsupported.size(), " node(s), first ",
                       report_.unsupported[0],
                       "; cut the graph with --inputs or --outputs, or write it as it is with --target graphdef");
  }

  void Describe(const std::vector<std::string>& pixel_inputs) {
    report_.after = onnx_ ? FiguresOf(onnx_->graph) : FiguresOf(graph_);
    OptimizeOptions named = options_;
    named.output = report_.output;
    report_.info = DescribeModel(graph_, named, report_.passes);
    if (onnx_) DescribeOnnx(*onnx_, report_.info);
    NameSources(lowered_.input_tensors, report_.info.inputs);
    NameSources(lowered_.output_tensors, report_.info.outputs);
    DescribeDetector();
    for (TensorInfo& input : report_.info.inputs) {
      if (std::find(pixel_inputs.begin(), pixel_inputs.end(), input.name) == pixel_inputs.end()) continue;
      input.preprocessing = Preprocessing{};
      input.preprocessing->scale = 1.0;
      report_.notes.push_back(
          StrCat("input '", input.name, "' takes pixels as they are, 0 to 255: the graph scales them"));
    }
  }

  void DescribeDetector() {
    report_.info.detector = lowered_.detector;
    if (!lowered_.detector) return;
    for (TensorInfo& output : report_.info.outputs) {
      if (output.name != lowered_.detector->detections) continue;
      output.layout = output.cv_layout = "";  // a table
      output.cv_shape = output.shape;
    }
  }

  Status WriteGraph() {
    if (options_.progress) options_.progress("write");
    ASSIGN_OR_RETURN(file_, AtomicFile::Create(report_.output));
    const ByteSink sink = [&](std::string_view bytes) { return file_->Write(bytes); };
    RETURN_IF_ERROR(WithContext(onnx_ ? WriteOnnx(sink) : WriteGraphDef(sink), report_.output));
    RETURN_IF_ERROR(file_->Finish());
    report_.after.bytes = file_->size();
    return OkStatus();
  }

  Status WriteGraphDef(const ByteSink& sink) {
    EmitOptions emit;
    emit.input_shapes = options_.target.kind != Target::Kind::kOpenCv || !MisreadsInputShapes(graph_);
    return EmitGraphDef(graph_, emit, sink);
  }

  Status DescribeDecoder() {
    if (options_.decoder.name.ends_with(".json")) {
      ASSIGN_OR_RETURN(report_.info.detector, ReadDetectorFile(options_.decoder.name));
      return OkStatus();
    }
    std::vector<HeadShape> outputs;
    for (const TensorInfo& output : report_.info.outputs) outputs.push_back({output.name, output.shape, IsConverted(output.name)});
    DecoderRecipe recipe = options_.decoder;
    if (report_.info.inputs.size() == 1 && report_.info.inputs[0].shape.size() == 4) {
      const TensorInfo& picture = report_.info.inputs[0];
      const size_t height = picture.layout == "NCHW" ? 2 : 1;
      recipe.input_height = picture.shape[height];
      recipe.input_width = picture.shape[height + 1];
    }
    ASSIGN_OR_RETURN(DetectorInfo detector, MakeDetector(recipe, outputs));
    if (report_.info.inputs.size() == 1) detector.input = report_.info.inputs[0].name;
    report_.notes.push_back(StrCat("decoder ", options_.decoder.name, ": ", detector.classes, " classes"));
    report_.info.detector = std::move(detector);
    return OkStatus();
  }

  // Whether an output is what a Softmax or a Sigmoid gives, in whatever shape, or joined to something else.
  bool IsConverted(std::string_view name) const {
    static const std::set<std::string_view> kPassive = {"Identity", "Reshape", "Squeeze", "ExpandDims", "ConcatV2", "Mul"};
    std::vector<NodeId> work;
    for (const GraphOutput& output : graph_.outputs()) {
      if (output.name == name) work.push_back(output.value.node);
    }
    std::set<NodeId> seen(work.begin(), work.end());
    while (!work.empty()) {
      const Node& node = graph_.node(work.back());
      work.pop_back();
      if (node.op == "Softmax" || node.op == "Sigmoid") return true;
      if (!kPassive.contains(node.op)) continue;
      for (const Value& input : node.inputs) {
        if (seen.insert(input.node).second) work.push_back(input.node);
      }
    }
    return false;
  }

  Status WriteOnnx(const ByteSink& sink) {
    OnnxFileOptions about;
    ASSIGN_OR_RETURN(const uint64_t size, OnnxSize(onnx_->graph));
    if (options_.external_data || size > static_cast<uint64_t>(INT32_MAX)) {
      if (options_.target.runtime == Target::Runtime::kOpenCv && options_.target.opencv_version < 50000) {
        return Unsupported(size, " bytes are too many for one file, and ", ToString(options_.target),
                           " reads no weights beside it; --add half_weights halves them (from opencv-4.8 on), opencv-5.0 and onnxruntime read such files");
      }
      const std::string path = StrCat(report_.output, ".data");
      ASSIGN_OR_RETURN(data_file_, AtomicFile::Create(path));
      about.external_name = path.substr(path.rfind('/') + 1);  // relative: it lies in the model's folder
      about.external = [&](std::string_view bytes) { return data_file_->Write(bytes); };
      report_.notes.push_back(StrCat("weights are in ", about.external_name));
    }
    about.graph_name = report_.info.source;
    about.producer_version = std::string(Version());
    about.properties = [&]() -> StatusOr<std::vector<std::pair<std::string, std::string>>> {
      ASSIGN_OR_RETURN(const std::string sha256, source_hash_.get());
      std::vector<std::pair<std::string, std::string>> properties = {{"permafrost.source", report_.info.source},
                                                                     {"permafrost.source_sha256", sha256},
                                                                     {"permafrost.target", report_.info.target}};
      if (data_file_ != nullptr) {
        RETURN_IF_ERROR(data_file_->Finish());
        properties.emplace_back("permafrost.data_sha256", data_file_->sha256());
      }
      return properties;
    };
    return EmitOnnx(onnx_->graph, about, sink);
  }

  Status CheckRows() {
    if (options_.progress) options_.progress("check the batch");
    std::vector<NamedTensor> inputs;
    for (const NamedTensor& input : lowered_.batched->proof.inputs()) {
      const auto takes = [&](NodeId id) { return graph_.node(id).name == input.name; };
      if (std::any_of(graph_.inputs().begin(), graph_.inputs().end(), takes)) inputs.push_back(input);
    }
    ASSIGN_OR_RETURN(const auto results, Answers(inputs));
    const auto checks = JudgeRows(*lowered_.batched, results, options_.verify_tolerance);
    if (!checks.ok()) return WithContext(checks.status(), lowered_.batched->plan.flag);
    for (const RowCheck& check : *checks) report_.rows.push_back({check.name, check.relative_error, true});
    return OkStatus();
  }

  // Of the file if there is one; without what loses accuracy on purpose.
  StatusOr<std::vector<NamedTensor>> Answers(const std::vector<NamedTensor>& inputs) const {
    if (proof_.exact) return EvaluateOutputs(*proof_.exact, inputs);
    if (Written().empty()) return EvaluateOutputs(graph_, inputs);
    std::vector<std::string> names;
    for (const GraphOutput& output : graph_.outputs()) names.push_back(output.name);
    ASSIGN_OR_RETURN(FileRun run, RunOnReferenceKernels(Written(), names, inputs, kVerifySeed));
    return std::move(run.outputs);
  }

  const OptimizeOptions& options_;
  const LoweredModel& lowered_;
  Graph graph_;
  std::string where_;  // for errors
  OptimizeReport report_;
  Proof proof_;
  std::optional<OnnxModel> onnx_;
  SourceHash source_hash_;
  std::unique_ptr<AtomicFile> file_, info_file_, data_file_;
};

// Dumps of the passes over one graph, in a folder that exists afterwards.
Status DumpInto(const std::string& folder, RunOptions& run) {
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    return InvalidArgument(folder, ": the folder for --dump-passes cannot be made");
  }
  run.after_pass = [folder](int index, std::string_view pass, const Graph& graph) {
    return DumpGraph(folder, index, pass, graph);
  };
  return OkStatus();
}

std::string NamesOf(const std::vector<Component>& components) {
  std::string names;
  for (const Component& component : components) names += StrCat(names.empty() ? "" : ", ", component.name);
  return names;
}

}  // namespace

StatusOr<OptimizeReport> Optimize(const OptimizeOptions& options) {
  RunOptions run;
  run.passes.fold_growth_bytes = options.fold_growth_bytes;
  run.passes.unroll_nodes = options.unroll_nodes;
  run.passes.opencv_version = options.target.opencv_version;
#ifndef NDEBUG
  run.verify_each = true;
#endif
  run.before_pass = options.progress;
  if (!options.dump_dir.empty()) RETURN_IF_ERROR(DumpInto(options.dump_dir, run));
  OptimizeReport report;
  ASSIGN_OR_RETURN(const std::vector<PassStep> steps, ChooseSteps(options, report));

  if (options.progress) options.progress("read");
  ASSIGN_OR_RETURN(Model model, OpenModelFor(options));
  // The source is hashed beside the other work, each page once.
  const bool writes = !options.output.empty();
  Job::SourceHash source_hash;
  if (writes) source_hash = std::async(std::launch::async, Sha256OfSource, model.files).share();

  OptimizeOptions described = options;
  for (const PassStep& step : steps) {
    if (step.pass == &kStripUnused) DescribeCutInputs(model.graph, step.arguments, described.inputs, report.notes);
  }
  ASSIGN_OR_RETURN(const LoweredModel lowered, LowerModel(std::move(model), described, run));
  run.stop_after = options.stop_after;
  const Graph& graph = lowered.model.graph;
  report.format = lowered.model.format;
  report.before = lowered.figures;
  report.notes.insert(report.notes.begin(), lowered.notes.begin(), lowered.notes.end());
  CollectNotes(lowered.passes, report.notes);
  const std::vector<Component> components = FindComponents(graph);
  std::vector<Job> jobs;
  if (options.split && components.size() > 1) {
    report.notes.push_back(StrCat("split into ", components.size(), " nets that share nothing: ", NamesOf(components)));
    for (const Component& component : components) {
      const std::string path = ComponentPath(options.output, component.name);
      if (std::error_code ignored; writes && std::filesystem::equivalent(options.model, path, ignored)) {
        return InvalidArgument(options.model, ": --split would write '", path, "', which is the model itself; name another file");
      }
      jobs.emplace_back(options, lowered, TakeComponent(graph, component),
                        writes ? path : "",
                        StrCat(options.model, ": net '", component.name, "'"));
    }
  } else {
    if (options.split) report.notes.push_back("--split: nothing to split, all outputs hang together");
    if (components.size() > 1) {
      report.notes.push_back(StrCat("these nets share nothing: ", NamesOf(components),
                                    "; OpenCV wants every input of a file set, --split writes a file for each"));
    }
    jobs.emplace_back(options, lowered, graph, options.output, options.model);
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    RunOptions own = run;
    if (jobs.size() > 1 && !options.dump_dir.empty()) {
      RETURN_IF_ERROR(DumpInto(StrCat(options.dump_dir, "/", components[i].name), own));
    }
    jobs[i].SetSource(source_hash);
    RETURN_IF_ERROR(jobs[i].Run(steps, own));
  }
  if (writes) {
    ASSIGN_OR_RETURN(const std::string source_sha256, source_hash.get());
    std::vector<ModelInfo> nets;
    for (Job& job : jobs) {
      RETURN_IF_ERROR(job.Seal(source_sha256));
      nets.push_back(job.info());
    }
    std::unique_ptr<AtomicFile> cascade_file;
    if (const auto cascade = FindCascade(nets)) {
      const std::string path = ModelInfoPath(options.output);
      ASSIGN_OR_RETURN(cascade_file, AtomicFile::Create(path));
      RETURN_IF_ERROR(cascade_file->Write(CascadeToJson(*cascade)));
      RETURN_IF_ERROR(cascade_file->Finish());
      report.notes.push_back(StrCat("the nets of MTCNN: '", path,
                                    "' says how they find faces one after the other (permafrost-run takes it)"));
    }
    std::vector<AtomicFile*> files;
    for (const Job& job : jobs) {
      for (AtomicFile* file : job.Files()) files.push_back(file);
    }
    if (cascade_file) files.push_back(cascade_file.get());
    RETURN_IF_ERROR(AtomicFile::RenameAll(files));
  }
  if (jobs.size() == 1) {
    OptimizeReport only = jobs[0].TakeReport();
    only.format = report.format;
    only.before = report.before;
    only.warnings = report.warnings;
    only.notes.insert(only.notes.begin(), report.notes.begin(), report.notes.end());
    return only;
  }
  report.passes = lowered.passes;
  for (Job& job : jobs) {
    report.parts.push_back(job.TakeReport());
    report.parts.back().format = report.format;
    report.parts.back().before = report.before;
    const std::vector<PassReport>& passes_of_part = report.parts.back().passes;
    report.passes.insert(report.passes.end(),
                         passes_of_part.begin() + static_cast<std::ptrdiff_t>(lowered.passes.size()), passes_of_part.end());
    const GraphFigures& part = report.parts.back().after;
    report.after.nodes += part.nodes;
    report.after.ops += part.ops;
    report.after.parameters += part.parameters;
    report.after.bytes += part.bytes;
  }
  return report;
}

}  // namespace permafrost
