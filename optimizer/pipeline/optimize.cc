#include "optimizer/pipeline/optimize.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <future>
#include <set>

#include "optimizer/backends/graphdef/emit_graphdef.h"
#include "optimizer/backends/opencv_tf/accepted_ops.h"
#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/ir/text.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/lowering/freeze_variables.h"
#include "optimizer/passes/lowering/refuse_state.h"
#include "optimizer/passes/lowering/restore_norm_statistics.h"
#include "optimizer/passes/lowering/settle_updates.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/passes/name_outputs.h"
#include "optimizer/passes/remove_training.h"
#include "optimizer/passes/run_pass.h"
#include "optimizer/pipeline/catalog.h"
#include "optimizer/pipeline/describe.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/find_preprocessing.h"
#include "optimizer/pipeline/find_tables.h"
#include "optimizer/pipeline/set_boundary.h"
#include "optimizer/pipeline/source_hash.h"
#include "optimizer/support/atomic_file.h"

namespace permafrost {
namespace {

using Passes = std::vector<const PassInfo*>;

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

StatusOr<Passes> ChoosePasses(const OptimizeOptions& options, std::set<std::string>& may_fail) {
  Passes passes;
  if (options.passes) {
    for (const PassCall& call : *options.passes) {
      const PassInfo* pass = FindPass(call.name);
      if (pass == nullptr) return NotFound("--passes: there is no pass '", call.name, "' (--list-passes shows them)");
      if (call.ignore_errors) may_fail.insert(std::string(pass->name));
      passes.push_back(pass);
    }
    passes.insert(passes.end(), NamingPasses().begin(), NamingPasses().end());
  } else {
    passes = OptimizingPasses();
    const Passes& rest = options.target.kind == Target::Kind::kOpenCv ? OpenCvPasses() : NamingPasses();
    passes.insert(passes.end(), rest.begin(), rest.end());
  }
  for (const std::string& name : options.skip) {
    const PassInfo* pass = FindPass(name);
    if (pass == nullptr) return NotFound("--skip: there is no pass '", name, "' (--list-passes shows them)");
    if (pass == &kNameOutputs) return InvalidArgument("--skip: '", name, "' has to run: a file needs the names of its outputs");
    if (std::erase(passes, pass) == 0) return NotFound("--skip: pass '", name, "' does not run here");
  }
  return passes;
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

// `optimized` against the graph before optimizing; with a path, the bytes written there are read again and judged.
StatusOr<std::vector<OutputCheck>> VerifyGraph(const Graph& optimized, const Graph& original, double tolerance,
                                               const std::string& path = "") {
  ASSIGN_OR_RETURN(const auto inputs, SeededInputs(original, kVerifySeed));
  auto expected = EvaluateOutputs(original, inputs);
  if (!expected.ok()) return WithContext(expected.status(), "--verify: the original cannot be evaluated");
  if (path.empty()) {
    auto actual = EvaluateOutputs(optimized, inputs);
    if (!actual.ok()) return WithContext(actual.status(), "--verify: the result cannot be evaluated");
    return Compare(*actual, *expected, tolerance);
  }
  std::vector<std::string> names;
  for (const GraphOutput& output : optimized.outputs()) names.push_back(output.name);
  auto actual = RunOnReferenceKernels(path, names, inputs, kVerifySeed);
  if (!actual.ok()) return WithContext(actual.status(), "--verify: the written file cannot be evaluated");
  return Compare(actual->outputs, *expected, tolerance);
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
    if (valid && rest.empty() && target.opencv_version >= 40505 && target.opencv_version < 60000) return target;
  }
  return InvalidArgument("target '", text, "': expected opencv, opencv-4.5.5 to opencv-5.x, or graphdef");
}

std::string ToString(const Target& target) {
  if (target.kind == Target::Kind::kGraphDef) return "graphdef";
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
    return CheckFlat(graph);
  };
  if (const Status status = work(); !status.ok()) return WithContext(status, options.model);
  lowered.notes.insert(lowered.notes.begin(), boundary.notes.begin(), boundary.notes.end());
  lowered.notes.insert(lowered.notes.begin(), lowered.model.notes.begin(), lowered.model.notes.end());
  lowered.input_tensors = std::move(boundary.input_tensors);
  lowered.output_tensors = std::move(boundary.output_tensors);
  return lowered;
}

StatusOr<OptimizeReport> Optimize(const OptimizeOptions& options) {
  RunOptions run;
  run.passes.fold_growth_bytes = options.fold_growth_bytes;
  run.passes.unroll_nodes = options.unroll_nodes;
  run.passes.opencv_version = options.target.opencv_version;
#ifndef NDEBUG
  run.verify_each = true;
#endif
  run.before_pass = options.progress;
  if (!options.dump_dir.empty()) {
    if (::mkdir(options.dump_dir.c_str(), 0777) != 0 && errno != EEXIST) {
      return InvalidArgument(options.dump_dir, ": the folder for --dump-passes cannot be made");
    }
    run.after_pass = [&](int index, std::string_view pass, const Graph& graph) {
      return DumpGraph(options.dump_dir, index, pass, graph);
    };
  }
  std::set<std::string> may_fail;
  ASSIGN_OR_RETURN(const Passes passes, ChoosePasses(options, may_fail));

  OptimizeReport report;
  if (options.progress) options.progress("read");
  ASSIGN_OR_RETURN(Model model, OpenModelFor(options));
  // The source is hashed beside the other work, each page once.
  const bool writes = !options.output.empty();
  std::future<StatusOr<std::string>> source_hash;
  if (writes) source_hash = std::async(std::launch::async, Sha256OfSource, model.files);

  ASSIGN_OR_RETURN(LoweredModel lowered, LowerModel(std::move(model), options, run));
  run.stop_after = options.stop_after;
  report.format = lowered.model.format;
  report.before = lowered.figures;
  report.passes = std::move(lowered.passes);
  report.notes = std::move(lowered.notes);
  Graph& graph = lowered.model.graph;
  const std::vector<std::string> pixel_inputs = InputsThatTakePixels(graph);
  std::optional<Graph> original;
  if (options.verify) {
    // Random ops have no one answer: the original is judged with its dropout at inference.
    original = graph;
    RETURN_IF_ERROR(WithContext(RunPass(kRemoveTraining, *original).status(), options.model));
  }
  for (const PassInfo* pass : passes) {
    Graph before = may_fail.contains(std::string(pass->name)) ? graph : Graph();
    const Status status = RunPasses(graph, {pass}, Level::kFlat, run, report.passes);
    if (status.ok()) continue;
    if (!may_fail.contains(std::string(pass->name))) return WithContext(status, options.model);
    graph = std::move(before);
    report.notes.push_back(StrCat("pass ", pass->name, " failed and was ignored: ", Message(status)));
  }
  const bool complete = options.stop_after < 0;
  if (!complete) {
    run.stop_after = -1;
    RETURN_IF_ERROR(RunPasses(graph, NamingPasses(), Level::kFlat, run, report.passes));
  }
  if (const Status status = Verify(graph, Level::kFlat); !status.ok()) {
    return Internal(options.model, ": the passes broke the graph: ", Message(status), " (please report this)");
  }
  CollectNotes(report.passes, report.notes);
  const bool for_opencv = options.target.kind == Target::Kind::kOpenCv;
  if (for_opencv) {
    for (const Refusal& refusal : RefusedByOpenCv(graph, options.target.opencv_version)) {
      report.unsupported.push_back(StrCat("node '", refusal.node, "' (", refusal.op, "): ", refusal.reason));
    }
    if (!report.unsupported.empty() && complete && !options.passes) {
      return Unsupported(options.model, ": OpenCV's TensorFlow importer would refuse ", report.unsupported.size(),
                         " node(s), first ", report.unsupported[0],
                         "; cut the graph with --inputs or --outputs, or write it as it is with --target graphdef");
    }
  }
  report.after = FiguresOf(graph);
  report.info = DescribeModel(graph, options, report.passes);
  NameSources(lowered.input_tensors, report.info.inputs);
  NameSources(lowered.output_tensors, report.info.outputs);
  for (TensorInfo& input : report.info.inputs) {
    if (std::find(pixel_inputs.begin(), pixel_inputs.end(), input.name) == pixel_inputs.end()) continue;
    input.preprocessing = Preprocessing{};
    input.preprocessing->scale = 1.0;
    report.notes.push_back(
        StrCat("input '", input.name, "' takes pixels as they are, 0 to 255: the graph scales them"));
  }
  if (!writes) {
    if (options.verify) {
      ASSIGN_OR_RETURN(report.verified, VerifyGraph(graph, *original, options.verify_tolerance));
      RETURN_IF_ERROR(WithContext(FirstFailure(report.verified, options.verify_tolerance), options.model));
    }
    return report;
  }
  if (options.progress) options.progress("write");
  ASSIGN_OR_RETURN(auto file, AtomicFile::Create(options.output));
  EmitOptions emit;
  emit.input_shapes = !for_opencv || !MisreadsInputShapes(graph);
  RETURN_IF_ERROR(WithContext(
      EmitGraphDef(graph, emit, [&](std::string_view bytes) { return file->Write(bytes); }), options.output));
  RETURN_IF_ERROR(file->Finish());
  report.after.bytes = file->size();
  if (options.verify) {
    if (options.progress) options.progress("verify");
    ASSIGN_OR_RETURN(report.verified, VerifyGraph(graph, *original, options.verify_tolerance, file->temporary_path()));
    RETURN_IF_ERROR(WithContext(FirstFailure(report.verified, options.verify_tolerance), options.model));
  }
  ASSIGN_OR_RETURN(report.info.source_sha256, source_hash.get());
  report.info.file_sha256 = file->sha256();
  RETURN_IF_ERROR(WriteModelInfo(ModelInfoPath(options.output), report.info));
  RETURN_IF_ERROR(file->Rename());
  return report;
}

}  // namespace permafrost
