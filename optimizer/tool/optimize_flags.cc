#include "optimizer/tool/optimize_flags.h"

#include <filesystem>
#include <set>
#include <string_view>

#include "optimizer/pipeline/catalog.h"
#include "optimizer/pipeline/onnx_output.h"
#include "optimizer/pipeline/pass_steps.h"
#include "optimizer/support/version.h"
#include "shared_io/make_detector.h"
#include "shared_io/npy.h"
#include "shared_io/paths.h"

namespace permafrost {
namespace {

void AddModelFlags(CLI::App& app, OptimizeFlags& flags) {
  app.add_option("model", flags.options.model, "The model, told by content: .pb, .pbtxt, .meta, .h5, .keras, .onnx, a SavedModel's folder, a checkpoint with its graph");
  app.add_option("--opencv-graph", flags.options.open.opencv_graph,
                 "OpenCV's own .pbtxt of this frozen .pb (of its tf_text_graph_*.py): both become one file that needs no .pbtxt");
  app.add_option("--decoder", flags.options.decoder.name,
                 StrCat("How raw heads become boxes, for model.json: ", DecoderNamesText(), " or a file.json (docs/detection.md)"));
  app.add_option("--anchors", flags.anchors, "Of --decoder ssd: .npy [A,4]");
  app.add_option("--anchor-order", flags.options.decoder.anchor_order, "yxyx, xyxy or cxcywh")->capture_default_str();
  app.add_option("--checkpoint", flags.options.open.checkpoint,
                 "Where variables get their values: prefix, folder or file (default: the one beside a .meta)");
  app.add_flag("--ema", flags.ema, "Take the moving averages of variables where the checkpoint has them");
  app.add_option("--ema-name", flags.options.ema_name, "The name they have (with --ema: ExponentialMovingAverage)");
  app.add_option("--tags", flags.options.open.tags, "The tags of a SavedModel's graph, separated by commas (default: serve)");
  app.add_option("--signature", flags.options.signature,
                 "The signature whose inputs and outputs are meant (default: serving_default, else the only one)");
  app.add_flag("--keep-batch-stats", flags.options.keep_batch_stats,
               "Let batch norms of a training graph take the statistics of their batch, as the file says");
}

void AddBoundaryFlags(CLI::App& app, OptimizeFlags& flags) {
  app.add_option("-o,--output", flags.files, "The file to write, .pb or .onnx; a .json that describes it goes beside it. May be given twice")
      ->allow_extra_args(false);
  app.add_option("--inputs", flags.inputs, "name[:port][:1x224x224x3][:float32],... any tensor: the graph is cut there");
  app.add_option("--outputs", flags.outputs, "name[:port],...");
  app.add_option("--batch", flags.batch,
                 "The batch of every input that has one, also where the file has another in numbers; -1: any batch. "
                 "Its rows are proven to be what the file gives for each alone")
      ->check(CLI::Range(int64_t{-1}, int64_t{65536}));
  app.add_flag("--split", flags.options.split, "Write nets that share nothing to files of their own: OUTPUT_<net>.pb");
  app.add_option("--set", flags.sets, "name=value: turn a placeholder into a constant (true, 0.5, [1,2])")
      ->allow_extra_args(false);
}

void AddTargetFlags(CLI::App& app, OptimizeFlags& flags) {
  app.add_option("--target", flags.target, "opencv, opencv-4.5.5 ... opencv-5.0, graphdef; of .onnx files also onnxruntime, tensorrt")
      ->take_last()
      ->capture_default_str();
  app.add_option("--opset", flags.opset, "ONNX: exactly this opset (default: the earliest that the target and the graph need)")
      ->check(CLI::Range(9, 21));
  app.add_flag("--external-data", flags.options.external_data,
               "ONNX: weights go to a file beside the model (above 2 GiB they do anyway)");
  app.add_flag("--keep-nhwc", flags.options.keep_nhwc, "ONNX: inputs and outputs keep TensorFlow's order of axes");
  app.add_option("--format", flags.format,
                 "Of detectors: detections (rows of what is found; default where the target can do it: OpenCV's .pb, ONNX for onnxruntime, "
                 "tensorrt, opencv-5.0), heads (box encodings and class scores; default elsewhere), graph (as it is)");
  app.add_flag("--opencv-only", flags.options.opencv_only,
               "The file may name layers that only OpenCV knows (TensorFlow cannot run it then): fewer nodes, faster");
}

void AddPassFlags(CLI::App& app, OptimizeFlags& flags) {
  app.add_option("--passes", flags.passes, "Run these instead of the target's, e.g. 'fold-constants,fold-batch-norm'; freeze: only freeze the graph");
  app.add_option("--add", flags.add, "Run these after the target's, e.g. half_weights or 'quantize_weights(minimum_size=4)'");
  app.add_option("--skip", flags.options.skip, "Leave a pass out")->allow_extra_args(false);
  app.add_option("--stop-after", flags.options.stop_after, "Run only the first N passes after lowering")->check(CLI::NonNegativeNumber);
  app.add_option("--explain", flags.explain, "Say what a pass did and why it left the rest alone");
  app.add_option("--dump-passes", flags.options.dump_dir, "Write the graph as text after each pass into this folder");
  app.add_flag("--verify", flags.options.verify, "Run original and result on the reference kernels; write only if they agree");
  app.add_option("--tolerance", flags.options.verify_tolerance, "Relative error that --verify allows")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void AddLimitFlags(CLI::App& app, OptimizeFlags& flags) {
  app.add_option("--fold-growth", flags.options.fold_growth_bytes, "Bytes that folding constants may add")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--unroll-nodes", flags.options.unroll_nodes, "Nodes that unrolling while loops may add")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--max-tensor-bytes", flags.options.limits.max_tensor_bytes, "Refuse larger constants")->capture_default_str();
  app.add_option("--max-nodes", flags.options.limits.max_nodes, "Refuse larger graphs")->capture_default_str();
}

void AddOtherFlags(CLI::App& app, OptimizeFlags& flags) {
  app.add_option("--migrate", flags.migrate.folder,
                 "Write ONNX beside every model in this folder and say what changes in the code that loads them");
  app.add_flag("--force", flags.migrate.force, "--migrate: write over ONNX files that are there already");
  app.add_flag("--dry-run", flags.dry_run, "Do everything but write");
  app.add_flag("--json", flags.json, "Print the report as JSON");
  app.add_flag("--list-passes", flags.list, "Print the passes and stop");
}

Status ReadModel(const CLI::App& app, OptimizeFlags& flags) {
  OptimizeOptions& options = flags.options;
  if (!flags.anchors.empty()) {
    ASSIGN_OR_RETURN(options.decoder.anchors, ReadNpy(flags.anchors));
  }
  if (flags.ema && options.ema_name.empty()) options.ema_name = "ExponentialMovingAverage";
  if (app.count("--batch") == 0) return OkStatus();
  if (flags.batch == 0) return InvalidArgument("--batch 0: expected 1 or more, or -1 for any batch");
  options.batch = flags.batch;
  return OkStatus();
}

// What is read and written.
Status CheckFiles(const OptimizeFlags& flags) {
  const OptimizeOptions& options = flags.options;
  const bool boundary = !flags.inputs.empty() || !flags.outputs.empty() || !flags.sets.empty();
  if (flags.migrates && (!options.model.empty() || !flags.files.empty() || boundary)) {
    return InvalidArgument("--migrate: works on all models of a folder; give no model, -o, --inputs, --outputs or --set");
  }
  if (flags.migrate.force && !flags.migrates) return InvalidArgument("--force: is for --migrate");
  if (options.model.empty() && !flags.migrates) return InvalidArgument("no model given; see --help");
  if (flags.files.empty() && !flags.dry_run && flags.explain.empty() && !flags.migrates) {
    return InvalidArgument("nothing to write to; give -o model.pb or -o model.onnx (or --dry-run)");
  }
  for (const std::string& file : flags.files) {
    if (file == "-") {
      return InvalidArgument("-o -: a model is not written to standard output, its description lies beside it; name a file, "
                             ".pb or .onnx (a file of this name is ./-.pb)");
    }
    static const std::set<std::string_view> kOtherFormats = {"caffemodel", "ckpt", "engine", "h5", "hdf5", "keras", "meta", "mlmodel", "npy",
                                                             "npz", "pbtxt", "plan", "prototxt", "pth", "pt", "tflite", "torchscript", "txt",
                                                             "uff", "xml"};
    if (kOtherFormats.contains(SuffixOf(file))) {
      return InvalidArgument("-o '", file, "': a TensorFlow graph or ONNX is written, nothing else; name the model .pb or .onnx");
    }
    if (ModelInfoPath(file) == file) {
      return InvalidArgument("-o '", file, "': the description of the model goes there; name the model .pb or .onnx");
    }
    if (std::error_code ignored; std::filesystem::equivalent(options.model, file, ignored)) {
      return InvalidArgument("-o '", file, "': is the model itself; name another file");
    }
  }
  return OkStatus();
}

Status ReadTarget(OptimizeFlags& flags) {
  OptimizeOptions& options = flags.options;
  ASSIGN_OR_RETURN(options.target, ParseTarget(flags.target));
  options.target.opset = flags.opset;
  const bool for_opencv = options.target.kind == Target::Kind::kOpenCv;
  if (!options.open.opencv_graph.empty() && !for_opencv) {
    return InvalidArgument("--opencv-graph: the target '", flags.target, "' is not OpenCV, whose layers that graph names");
  }
  if (!flags.format.empty()) {
    ASSIGN_OR_RETURN(options.detector_format, ParseDetectorFormat(flags.format));
  }
  if (options.opencv_only && !for_opencv) {
    return InvalidArgument("--opencv-only: the target '", flags.target, "' is not OpenCV");
  }
  return OkStatus();
}

Status ReadBoundary(OptimizeFlags& flags) {
  ASSIGN_OR_RETURN(flags.options.inputs, ParseInputSpecs(flags.inputs));
  ASSIGN_OR_RETURN(flags.options.outputs, ParseOutputSpecs(flags.outputs));
  for (const std::string& set : flags.sets) {
    ASSIGN_OR_RETURN(SetSpec parsed, ParseSetSpec(set));
    flags.options.sets.push_back(std::move(parsed));
  }
  return OkStatus();
}

StatusOr<std::vector<PassCall>> ReadCalls(const std::string& text, std::string_view flag) {
  std::vector<std::string> notes;
  ASSIGN_OR_RETURN(std::vector<PassCall> calls, ParsePasses(text, flag));
  RETURN_IF_ERROR(ResolvePasses(calls, flag, notes).status());
  return calls;
}

Status ReadPasses(const CLI::App& app, OptimizeFlags& flags) {
  OptimizeOptions& options = flags.options;
  if (app.count("--passes") > 0) {
    if (flags.passes.find_first_not_of(", \t\n") == std::string::npos) {
      return InvalidArgument("--passes names no pass (freeze: only freeze the graph)");
    }
    ASSIGN_OR_RETURN(std::vector<PassCall> calls, ReadCalls(flags.passes, "--passes"));
    // The plain frozen graph is for any reader, unless told.
    if (calls.empty() && app.count("--target") == 0) options.target.kind = Target::Kind::kGraphDef;
    options.passes = std::move(calls);
  }
  ASSIGN_OR_RETURN(options.add, ReadCalls(flags.add, "--add"));
  for (const std::string& name : options.skip) {
    if (FindPass(name) == nullptr) return NotFound("--skip: there is no pass '", name, "' (--list-passes shows them)");
  }
  if (!flags.explain.empty() && FindPass(flags.explain) == nullptr) {
    return NotFound("--explain: there is no pass '", flags.explain, "' (--list-passes shows them)");
  }
  return OkStatus();
}

// What writes `file`, which may be the only one that is asked for.
StatusOr<OptimizeOptions> OptionsFor(const std::string& file, bool alone, OptimizeOptions options) {
  if (IsOnnxPath(file) && !options.open.opencv_graph.empty()) {
    return InvalidArgument("-o '", file, "': --opencv-graph names layers of OpenCV, which ONNX has not; name a .pb");
  }
  if (IsOnnxPath(file)) options.target = AsOnnx(options.target);
  const bool onnx = options.target.kind == Target::Kind::kOnnx;
  if (options.detector_format == DetectorFormat::kDetections && onnx && !SuppressesInOnnx(options.target)) {
    return InvalidArgument("--format detections: not every runtime that '", ToString(options.target),
                           "' stands for takes ONNX's NonMaxSuppression; use --format heads, or --target onnxruntime, tensorrt or opencv-5.0");
  }
  if (onnx && options.external_data && options.target.runtime == Target::Runtime::kOpenCv && options.target.opencv_version < 50000) {
    return InvalidArgument("--external-data: ", ToString(options.target), " reads no weights beside a model; opencv-5.0 and onnxruntime do");
  }
  if (onnx && !file.empty() && !IsOnnxPath(file)) {
    return InvalidArgument("-o '", file, "': --target ", ToString(options.target), " writes ONNX; name the file .onnx");
  }
  if (!onnx && (options.target.opset != 0 || options.keep_nhwc || options.external_data) && alone) {
    return InvalidArgument("--opset, --external-data and --keep-nhwc are for ONNX; give -o model.onnx");
  }
  options.output = file;
  return options;
}

}  // namespace

void AddFlags(CLI::App& app, OptimizeFlags& flags) {
  app.set_version_flag("--version", std::string(Version()));
  AddModelFlags(app, flags);
  AddBoundaryFlags(app, flags);
  AddTargetFlags(app, flags);
  AddPassFlags(app, flags);
  AddLimitFlags(app, flags);
  AddOtherFlags(app, flags);
}

Status ReadFlags(const CLI::App& app, OptimizeFlags& flags) {
  flags.migrates = app.count("--migrate") > 0;
  RETURN_IF_ERROR(ReadModel(app, flags));
  RETURN_IF_ERROR(CheckFiles(flags));
  RETURN_IF_ERROR(ReadTarget(flags));
  RETURN_IF_ERROR(ReadBoundary(flags));
  return ReadPasses(app, flags);
}

StatusOr<std::vector<OptimizeOptions>> JobsOf(const OptimizeFlags& flags) {
  const std::vector<std::string> files = flags.files.empty() ? std::vector<std::string>{""} : flags.files;
  std::vector<OptimizeOptions> jobs;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(OptimizeOptions job, OptionsFor(file, files.size() == 1, flags.options));
    if (flags.dry_run || !flags.explain.empty()) job.output.clear();
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace permafrost
