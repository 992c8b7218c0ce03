#include "runner/tool/run_flags.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "optimizer/support/sha256.h"
#include "runner/devices.h"
#include "runner/inputs/models_yml.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

constexpr int64_t kMostStreams = 256, kMostDecoders = 64, kMostBatch = 4096, kMost = int64_t{1} << 40;

const CLI::Validator kFinite(
    [](std::string& text) {
      double value = 0;
      const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value);
      return good ? std::string() : StrCat("\"", text, "\" is no finite number");
    },
    "");

// Flags that may differ from one run of a bulk job to the next.
const std::set<std::string> kShapeNothing = {"--resume",  "--threads", "--streams", "--decoders", "--timing",
                                             "--warm-up", "--show",    "--list",    "INPUT",      "--fail-fast"};

std::string DevicesText() {
  std::string text = "OpenCV " + OpenCvVersion() + " here has (--backend/--target):\n";
  bool cuda = false;
  for (const Device& device : AvailableDevices()) {
    text += device.backend + "/" + device.target + "\n";
    cuda = cuda || device.backend == "cuda";
  }
  if (!cuda && IsCudaBuiltIn()) text += "CUDA is built in, but finds no NVIDIA GPU that it was built for\n";
  text.pop_back();
  return text;
}

void AddInputFlags(CLI::App& app, RunFlags& flags) {
  const std::string inputs = "Inputs";
  app.add_option("--list", flags.lists, "file of inputs, one a line; the same as @FILE")
      ->allow_extra_args(false)
      ->group(inputs);
  app.add_option("--input-names", flags.session.input_names, "TensorFlow names of the inputs")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(inputs);
  app.add_option("--random", flags.random_seed, "run random numbers of the right shape, from this seed")->group(inputs);
  app.add_option("--count", flags.items.random_count, "how many random inputs")
      ->check(CLI::Range(int64_t{1}, kMost))
      ->group(inputs);
  app.add_option("--every", flags.run.every, "take each N-th frame of videos")
      ->check(CLI::Range(int64_t{1}, kMost))
      ->group(inputs);
  app.add_option("--limit", flags.run.limit, "end after N inputs")->check(CLI::Range(int64_t{0}, kMost))->group(inputs);
  app.add_option("--batch", flags.run.batch, "inputs that go through the network together")
      ->check(CLI::Range(int64_t{1}, kMostBatch))
      ->group(inputs);
}

void AddPictureFlags(CLI::App& app, RunFlags& flags) {
  const std::string pictures = "Pictures (flags win over models.yml, that over model.json)";
  app.add_option("--size", flags.size, "WIDTHxHEIGHT that the network sees")->group(pictures);
  app.add_option("--scale", flags.scale, "(pixel - mean) * SCALE / std")->check(kFinite)->group(pictures);
  app.add_option("--mean", flags.mean, "one number or one for each channel")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(kFinite)
      ->group(pictures);
  app.add_option("--std", flags.std, "one number or one for each channel")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(kFinite)
      ->group(pictures);
  auto* rgb = app.add_flag("--rgb", flags.rgb, "channels in this order (default)")->group(pictures);
  app.add_flag("--bgr", flags.bgr, "channels in this order")->excludes(rgb)->group(pictures);
  app.add_flag("--grey", flags.run.picture.grey, "one channel, where the network does not tell")->group(pictures);
  const std::map<std::string, Fit> fits = {
      {"stretch", Fit::kStretch}, {"crop", Fit::kCrop}, {"letterbox", Fit::kLetterbox}};
  app.add_option("--fit", flags.run.picture.fit, "stretch, crop or letterbox")
      ->transform(CLI::CheckedTransformer(fits))
      ->group(pictures);
  const std::map<std::string, Interpolation> interpolations = {{"linear", Interpolation::kLinear},
                                                               {"cubic", Interpolation::kCubic},
                                                               {"area", Interpolation::kArea},
                                                               {"nearest", Interpolation::kNearest}};
  app.add_option("--interpolation", flags.run.picture.interpolation, "linear, cubic, area or nearest")
      ->transform(CLI::CheckedTransformer(interpolations))
      ->group(pictures);
  auto* yml = app.add_option("--models-yml", flags.models_yml, "take all this from a models.yml of OpenCV's samples")
                  ->group(pictures);
  app.add_option("--alias", flags.alias, "its entry")->needs(yml)->group(pictures);
}

void AddResultFlags(CLI::App& app, RunFlags& flags) {
  const std::string results = "Results";
  DecodeOptions& decode = flags.run.decode;
  app.add_option("--output", flags.session.output_names, "outputs to fetch, by name (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(results);
  const std::map<std::string, Decoder> decoders = {{"auto", Decoder::kAuto},
                                                   {"classes", Decoder::kClasses},
                                                   {"boxes", Decoder::kBoxes},
                                                   {"segments", Decoder::kSegments},
                                                   {"keypoints", Decoder::kKeypoints},
                                                   {"image", Decoder::kImage},
                                                   {"heat", Decoder::kHeat},
                                                   {"raw", Decoder::kRaw}};
  app.add_option(
         "--decode", decode.decoder,
         "classes, boxes, segments, keypoints, heat, image or raw (default: boxes of a detection network, classes for a "
         "vector)")
      ->transform(CLI::CheckedTransformer(decoders))
      ->group(results);
  app.add_option("--labels", flags.labels, "file of class names, one a line")->group(results);
  app.add_option("--first-label", decode.first_label, "the class that the first line names (default: 0)")
      ->group(results);
  app.add_option("--top-k", decode.top_k, "how many classes")->check(CLI::Range(int64_t{1}, kMost))->group(results);
  app.add_flag("--softmax", decode.softmax, "turn logits into probabilities")->group(results);
  app.add_option("--min-score", flags.min_score, "least score of a box (0.5), key point (0.1) or mask (0.5)")
      ->check(kFinite)
      ->group(results);

  const std::string boxes = "Boxes";
  const std::map<std::string, BoxFormat> formats = {{"auto", BoxFormat::kAuto},     {"ssd", BoxFormat::kSsd},
                                                    {"region", BoxFormat::kRegion}, {"yolo", BoxFormat::kYolo},
                                                    {"plain", BoxFormat::kPlain},   {"pair", BoxFormat::kPair}};
  app.add_option("--box-format", decode.boxes.format,
                 "ssd [1,1,N,7], region [N,5+C], yolo [1,N,5+C], plain [1,N,4+C] or pair (boxes and scores)")
      ->transform(CLI::CheckedTransformer(formats))
      ->group(boxes);
  const std::map<std::string, BoxOrder> orders = {
      {"yxyx", BoxOrder::kYxyx}, {"xyxy", BoxOrder::kXyxy}, {"cxcywh", BoxOrder::kCxcywh}, {"xywh", BoxOrder::kXywh}};
  app.add_option("--box-order", decode.boxes.order, "yxyx, xyxy, cxcywh or xywh (default: the format's)")
      ->transform(CLI::CheckedTransformer(orders))
      ->group(boxes);
  const std::map<std::string, BoxUnits> units = {{"relative", BoxUnits::kRelative}, {"pixels", BoxUnits::kPixels}};
  app.add_option("--box-units", decode.boxes.units, "relative or pixels of the network's input (default: as they look)")
      ->transform(CLI::CheckedTransformer(units))
      ->group(boxes);
  app.add_option("--overlap", flags.overlap, "of two boxes that overlap more only the better stays; 1: both (0.45)")
      ->check(CLI::Range(0.0, 1.0))
      ->group(boxes);
  app.add_option("--decoder", flags.decoder,
                 StrCat("how raw heads become boxes: ", DecoderNamesText(), " or a file.json (default: as model.json says)"))
      ->group(boxes);
  app.add_option("--anchors", flags.anchors, "of --decoder ssd: .npy [A,4], in the --box-order")->group(boxes);
  app.add_option("--background", decode.boxes.background, "class that is no thing")->group(boxes);

  const std::string points = "Key points and pictures";
  app.add_option("--parts", flags.parts, "file of key point names; the first channels are theirs")->group(points);
  app.add_option("--peaks", decode.keypoints.most_per_part, "most peaks of one part")
      ->check(CLI::Range(int64_t{1}, kMost))
      ->group(points);
  app.add_flag("--sub-pixel", decode.keypoints.sub_pixel, "refine peaks between cells")->group(points);
  const std::map<std::string, ImageRange> ranges = {
      {"255", ImageRange::kBytes}, {"1", ImageRange::kUnit}, {"-1..1", ImageRange::kSigned}};
  app.add_option("--image-range", decode.image.range,
                 "of the network's pixels: 255, 1 or -1..1 (default: as they look)")
      ->transform(CLI::CheckedTransformer(ranges))
      ->group(points);
}

void AddOutputFlags(CLI::App& app, RunFlags& flags) {
  const std::string written = "What is written";
  auto* json = app.add_flag("--json", flags.json, "one JSON object a line")->group(written);
  app.add_flag("--csv", flags.csv, "a table, one line for each thing found")->excludes(json)->group(written);
  app.add_option("--out", flags.out, "file for the results (.jsonl, .csv or text) instead of standard output")
      ->group(written);
  app.add_option("--draw", flags.draw, "picture, folder of pictures or video with the results on it")->group(written);
  app.add_option("--fps", flags.fps, "of that video (default: the input's)")
      ->check(CLI::Range(0.01, 1000.0))
      ->group(written);
  app.add_flag("--show", flags.show, "show that in a window; q ends")->group(written);
  app.add_option("--save-npy", flags.save_npy, "folder for every output as .npy")->group(written);
  app.add_option("--save-npz", flags.save_npz, "folder for the outputs of each input as one .npz")->group(written);

  const std::string bulk = "Many inputs";
  app.add_option("--shard", flags.shard_text, "K/N: every N-th input, beginning with the K-th")->group(bulk);
  app.add_flag("--resume", flags.resume, "go on where a run with the same flags ended; with --out")->group(bulk);
  app.add_flag("--fail-fast", flags.run.fail_fast, "end at the first input that fails (default: report and skip it)")
      ->group(bulk);
}

void AddDeviceFlags(CLI::App& app, RunFlags& flags) {
  const std::string device = "Device";
  app.add_flag_callback(
         "--list-devices", [] { throw CLI::CallForVersion(DevicesText(), 0); }, "what this OpenCV can compute on")
      ->group(device);
  app.add_option("--backend", flags.session.backend, "opencv, cuda, openvino, vulkan, ...")->group(device);
  app.add_option("--target", flags.session.target, "cpu, cpu-fp16, opencl, opencl-fp16, cuda, cuda-fp16, vulkan, ...")
      ->group(device);
  app.add_option("--threads", flags.session.threads, "threads of OpenCV (default: all cores; with --streams 1)")
      ->check(CLI::Range(1, kMostThreads))
      ->group(device);
  app.add_option("--streams", flags.streams, "networks that run at the same time")
      ->check(CLI::Range(int64_t{1}, kMostStreams))
      ->group(device);
  app.add_option("--decoders", flags.run.decoders, "threads that read and prepare inputs")
      ->check(CLI::Range(int64_t{1}, kMostDecoders))
      ->group(device);
  app.add_option("--warm-up", flags.run.warm_up, "passes before the first one that counts")
      ->check(CLI::Range(int64_t{0}, kMost))
      ->group(device);
  app.add_flag("--timing", flags.timing, "tell throughput and latency at the end")->group(device);
  app.add_flag("--no-isolation", flags.no_isolation,
               "load a file without model.json at once, not first in a child process")
      ->group(device);
  app.add_option("--config", flags.session.config, "OpenCV's own text graph (.pbtxt) that belongs to a frozen .pb")
      ->group(device);
  app.add_flag("--no-model-json", flags.no_model_json, "run the file as it is, whatever lies beside it")->group(device);
}

StatusOr<std::array<double, 3>> ThreeOf(const std::vector<double>& values, std::string_view flag) {
  if (values.size() == 1) return std::array<double, 3>{values[0], values[0], values[0]};
  if (values.size() == 3) return std::array<double, 3>{values[0], values[1], values[2]};
  return InvalidArgument(flag, ": give one number or three");
}

// "3x4" or "3/4".
bool ReadTwo(const std::string& text, char between, int64_t& first, int64_t& second) {
  char by = 0;
  std::istringstream in(text);
  in >> first >> by >> second;
  return in && in.peek() == std::istringstream::traits_type::eof() && by == between;
}

Status ReadPictureFlags(const CLI::App& app, RunFlags& flags) {
  Preprocessing& values = flags.run.picture.values;
  if (!flags.size.empty()) {
    const bool good = ReadTwo(flags.size, 'x', values.width, values.height) && values.width > 0 && values.height > 0 &&
                      values.width < 65536 && values.height < 65536;
    if (!good) return InvalidArgument("--size: \"", flags.size, "\" is no WIDTHxHEIGHT");
  }
  if (app.count("--scale") > 0) values.scale = flags.scale;
  if (!flags.mean.empty()) {
    ASSIGN_OR_RETURN(values.mean, ThreeOf(flags.mean, "--mean"));
  }
  if (!flags.std.empty()) {
    ASSIGN_OR_RETURN(values.std, ThreeOf(flags.std, "--std"));
  }
  if (flags.rgb) values.channel_order = "RGB";
  if (flags.bgr) values.channel_order = "BGR";
  return OkStatus();
}

std::string DigestOf(const CLI::App& app) {
  Sha256 hash;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || kShapeNothing.count(option->get_name()) > 0) continue;
    hash.Add(option->get_name());
    for (const std::string& value : option->results()) hash.Add("\n" + value);
    hash.Add("\n\n");
  }
  return hash.HexDigest();
}

}  // namespace

void AddFlags(CLI::App& app, RunFlags& flags) {
  const int64_t cores = static_cast<int64_t>(std::thread::hardware_concurrency());
  flags.run.decoders = std::clamp<int64_t>(cores / 2, 1, 8);
  app.add_option("MODEL", flags.model, "the .pb or .onnx; a .json beside it tells inputs and outputs; or the .json of a cascade")->required();
  app.add_option("INPUT", flags.items.arguments,
                 "pictures, .npy, .npz, videos, camera:0, folders, globs, @LIST or - (standard input), one run each; "
                 "NAME=INPUT for networks of several inputs");
  AddInputFlags(app, flags);
  AddPictureFlags(app, flags);
  AddResultFlags(app, flags);
  AddOutputFlags(app, flags);
  AddDeviceFlags(app, flags);
}

Status ReadFlags(const CLI::App& app, RunFlags& flags) {
  RETURN_IF_ERROR(ReadPictureFlags(app, flags));
  if (!flags.shard_text.empty()) {
    const bool good =
        ReadTwo(flags.shard_text, '/', flags.shard, flags.shards) && flags.shard >= 1 && flags.shards >= flags.shard;
    if (!good) return InvalidArgument("--shard: \"", flags.shard_text, "\" is no K/N with K from 1 to N");
  }
  if (!flags.models_yml.empty() && flags.alias.empty()) return InvalidArgument("--models-yml: give its --alias too");
  if (flags.resume && flags.out.empty()) return InvalidArgument("--resume: give --out, the file that goes on");
  if (app.count("--random") > 0) flags.items.random_seed = flags.random_seed;
  if (!flags.anchors.empty() && flags.decoder.rfind("ssd", 0) != 0) return InvalidArgument("--anchors: give --decoder ssd too");
  if (app.count("--count") > 0 && !flags.items.random_seed) return InvalidArgument("--count: give --random too");
  const bool alone = flags.streams == 1 && flags.run.batch == 1;
  if (flags.model.ends_with(".json") && !alone) return InvalidArgument("--streams, --batch: a cascade runs alone");
  for (const std::string& list : flags.lists) flags.items.arguments.push_back("@" + list);
  if (flags.items.arguments.empty() && !flags.items.random_seed) {
    return InvalidArgument("nothing to run; give pictures, arrays, videos or --random SEED");
  }
  if (app.count("--min-score") > 0) {
    const float least = static_cast<float>(flags.min_score);
    flags.run.decode.boxes.min_score = flags.run.decode.keypoints.min_score = flags.run.decode.segments.threshold =
        least;
  }
  if (app.count("--overlap") > 0) flags.run.decode.boxes.overlap = static_cast<float>(flags.overlap);
  if (app.count("--backend") > 0 && app.count("--target") == 0)
    flags.session.target = UsualTarget(flags.session.backend);
  if (flags.streams > 1 && app.count("--threads") == 0) flags.session.threads = 1;
  flags.timing = flags.timing || flags.streams > 1;
  flags.session.isolate = !flags.no_isolation;
  flags.session.use_model_json = !flags.no_model_json;
  flags.run.decode.map_to_picture = !flags.draw.empty() || flags.show;
  if (flags.json || (!flags.csv && (flags.out.ends_with(".jsonl") || flags.out.ends_with(".json")))) {
    flags.format = LineFormat::kJsonLines;
  } else if (flags.csv || flags.out.ends_with(".csv")) {
    flags.format = LineFormat::kCsv;
  }
  flags.digest = DigestOf(app);
  return OkStatus();
}

namespace {

Status TakeAnchors(RunFlags& flags) {
  if (flags.anchors.empty()) return OkStatus();
  DecoderRecipe& recipe = flags.run.decode.recipe;
  ASSIGN_OR_RETURN(recipe.anchors, ReadNpy(flags.anchors));
  switch (flags.run.decode.boxes.order) {
    case BoxOrder::kXyxy:
      recipe.anchor_order = "xyxy";
      return OkStatus();
    case BoxOrder::kCxcywh:
      recipe.anchor_order = "cxcywh";
      return OkStatus();
    case BoxOrder::kXywh:
      return InvalidArgument("--anchors: are corners (--box-order yxyx or xyxy), or middles and sizes (cxcywh)");
    default:
      return OkStatus();
  }
}

}  // namespace

Status ReadFlagFiles(const CLI::App& app, RunFlags& flags) {
  DecodeOptions& decode = flags.run.decode;
  std::string labels = flags.labels;
  if (!flags.models_yml.empty()) {
    ASSIGN_OR_RETURN(const ModelsYmlEntry entry, ReadModelsYml(flags.models_yml, flags.alias));
    flags.run.picture.values = Prefer(flags.run.picture.values, entry.values);
    if (labels.empty()) labels = entry.classes;
    if (app.count("--background") == 0) decode.boxes.background = entry.background;
    if (app.count("--decode") == 0 && entry.sample == "classification") decode.decoder = Decoder::kClasses;
    if (app.count("--decode") == 0 && entry.sample == "object_detection") decode.decoder = Decoder::kBoxes;
    if (app.count("--decode") == 0 && entry.sample == "segmentation") decode.decoder = Decoder::kSegments;
  }
  if (flags.decoder.ends_with(".json")) {
    ASSIGN_OR_RETURN(decode.detector, ReadDetectorFile(flags.decoder));
  } else if (!flags.decoder.empty()) {
    decode.recipe.name = flags.decoder;
    RETURN_IF_ERROR(TakeAnchors(flags));
  }
  if (!labels.empty()) {
    ASSIGN_OR_RETURN(decode.labels, ReadLabels(labels));
  }
  if (!flags.parts.empty()) {
    ASSIGN_OR_RETURN(decode.parts, ReadLabels(flags.parts));
    decode.keypoints.parts = static_cast<int64_t>(decode.parts.size());
  }
  // Each channel's bytes once more: of a picture that the network makes.
  decode.image.bgr = flags.run.picture.values.channel_order == "BGR";
  return OkStatus();
}

StatusOr<std::string> ResultsDigest(const RunFlags& flags) {
  Sha256 hash;
  hash.Add(flags.digest);
  const std::string decoder = flags.decoder.ends_with(".json") ? flags.decoder : "";
  for (const std::string& path : {flags.model, flags.session.config, flags.labels, flags.parts, flags.models_yml, flags.anchors, decoder}) {
    if (path.empty()) continue;
    ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(path));
    hash.Add(digest);
  }
  return hash.HexDigest();
}

}  // namespace permafrost
