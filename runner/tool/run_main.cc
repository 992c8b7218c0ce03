#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "optimizer/support/version.h"
#include "runner/preprocess.h"
#include "runner/results.h"
#include "runner/session.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

struct Flags {
  std::string model;
  std::vector<std::string> inputs;
  SessionOptions session;
  PictureOptions picture;
  DecodeOptions decode;
  std::string size, labels, parts, draw, save_npy;
  std::vector<double> mean, std;
  double scale = 1;
  bool json = false, rgb = false, bgr = false, no_isolation = false, no_model_json = false;
};

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && std::string_view(text).substr(text.size() - end.size()) == end;
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("MODEL", flags.model, "the .pb or .onnx; a .json beside it tells inputs and outputs")->required();
  app.add_option("INPUT", flags.inputs, "pictures or .npy files, one run each; NAME=FILE: all of them in one run")
      ->required();
  app.add_option("--input-names", flags.session.input_names, "TensorFlow names of the inputs")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--output", flags.session.output_names, "outputs to fetch, by name (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);

  const std::string pictures = "Pictures (flags win over model.json)";
  app.add_option("--size", flags.size, "WIDTHxHEIGHT that the network sees")->group(pictures);
  app.add_option("--scale", flags.scale, "(pixel - mean) * SCALE / std")->group(pictures);
  app.add_option("--mean", flags.mean, "one number or one for each channel")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(pictures);
  app.add_option("--std", flags.std, "one number or one for each channel")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(pictures);
  auto* rgb = app.add_flag("--rgb", flags.rgb, "channels in this order (default)")->group(pictures);
  app.add_flag("--bgr", flags.bgr, "channels in this order")->excludes(rgb)->group(pictures);
  const std::map<std::string, Fit> fits = {
      {"stretch", Fit::kStretch}, {"crop", Fit::kCrop}, {"letterbox", Fit::kLetterbox}};
  app.add_option("--fit", flags.picture.fit, "stretch, crop or letterbox")
      ->transform(CLI::CheckedTransformer(fits))
      ->group(pictures);
  const std::map<std::string, Interpolation> interpolations = {{"linear", Interpolation::kLinear},
                                                               {"cubic", Interpolation::kCubic},
                                                               {"area", Interpolation::kArea},
                                                               {"nearest", Interpolation::kNearest}};
  app.add_option("--interpolation", flags.picture.interpolation, "linear, cubic, area or nearest")
      ->transform(CLI::CheckedTransformer(interpolations))
      ->group(pictures);

  const std::string results = "Results";
  const std::map<std::string, Decoder> decoders = {{"auto", Decoder::kAuto},
                                                   {"classes", Decoder::kClasses},
                                                   {"keypoints", Decoder::kKeypoints},
                                                   {"raw", Decoder::kRaw}};
  app.add_option("--decode", flags.decode.decoder, "classes, keypoints or raw (default: classes for a vector)")
      ->transform(CLI::CheckedTransformer(decoders))
      ->group(results);
  app.add_option("--labels", flags.labels, "file of class names, one a line")->group(results);
  app.add_option("--top-k", flags.decode.top_k, "how many classes")->check(CLI::PositiveNumber)->group(results);
  app.add_flag("--softmax", flags.decode.softmax, "turn logits into probabilities")->group(results);
  app.add_option("--parts", flags.parts, "file of key point names; the first channels are theirs")->group(results);
  app.add_option("--min-score", flags.decode.keypoints.min_score, "least score of a key point")->group(results);
  app.add_option("--peaks", flags.decode.keypoints.most_per_part, "most peaks of one part")
      ->check(CLI::PositiveNumber)
      ->group(results);
  app.add_flag("--sub-pixel", flags.decode.keypoints.sub_pixel, "refine peaks between cells")->group(results);
  app.add_option("--draw", flags.draw, "write the picture with the results on it (.png, .jpg)")->group(results);
  app.add_option("--save-npy", flags.save_npy, "folder for every output as .npy")->group(results);
  app.add_flag("--json", flags.json, "one JSON object a line")->group(results);

  const std::string device = "Device";
  app.add_option("--backend", flags.session.backend, "opencv, cuda or openvino")->group(device);
  app.add_option("--target", flags.session.target, "cpu, opencl, opencl-fp16, cuda or cuda-fp16")->group(device);
  app.add_option("--threads", flags.session.threads, "threads of OpenCV (default: all cores)")
      ->check(CLI::PositiveNumber)
      ->group(device);
  app.add_flag("--no-isolation", flags.no_isolation,
               "load a file without model.json at once, not first in a child process")
      ->group(device);
  app.add_flag("--no-model-json", flags.no_model_json, "run the file as it is, whatever lies beside it")->group(device);
}

StatusOr<std::array<double, 3>> ThreeOf(const std::vector<double>& values, std::string_view flag) {
  if (values.size() == 1) return std::array<double, 3>{values[0], values[0], values[0]};
  if (values.size() == 3) return std::array<double, 3>{values[0], values[1], values[2]};
  return InvalidArgument(flag, ": give one number or three");
}

// What the flags of text say. Errors here are usage errors, except files that cannot be read.
Status ReadPictureFlags(const CLI::App& app, Flags& flags) {
  Preprocessing& values = flags.picture.values;
  if (!flags.size.empty()) {
    char by = 0;
    std::istringstream in(flags.size);
    in >> values.width >> by >> values.height;
    const bool good = in && in.eof() && by == 'x' && values.width > 0 && values.height > 0 && values.width < 65536 &&
                      values.height < 65536;
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

struct Loaded {
  NamedArray value;
  std::string path;
  std::optional<Picture> picture;
};

StatusOr<Loaded> Load(const std::string& path, const TensorInfo& input, const PictureOptions& options) {
  Loaded loaded;
  loaded.value.name = input.name;
  loaded.path = path;
  if (EndsWith(path, ".npy")) {
    ASSIGN_OR_RETURN(loaded.value.array, ReadNpy(path));
  } else {
    ASSIGN_OR_RETURN(loaded.picture, LoadPicture(path, input, options));
    loaded.value.array = loaded.picture->array;
  }
  return loaded;
}

// The files of each run: one a run, or all NAME=FILE together.
StatusOr<std::vector<std::vector<std::pair<TensorInfo, std::string>>>> PlanRuns(const Session& session,
                                                                                const std::vector<std::string>& args) {
  std::vector<std::vector<std::pair<TensorInfo, std::string>>> runs;
  std::vector<std::pair<TensorInfo, std::string>> together;
  for (const std::string& arg : args) {
    const auto named = std::find_if(session.inputs().begin(), session.inputs().end(), [&](const TensorInfo& input) {
      return !input.name.empty() && arg.rfind(input.name + "=", 0) == 0;
    });
    if (named != session.inputs().end()) {
      together.emplace_back(*named, arg.substr(named->name.size() + 1));
    } else if (session.inputs().size() == 1) {
      runs.push_back({{session.inputs()[0], arg}});
    } else {
      std::string names;
      for (const TensorInfo& input : session.inputs()) names += " " + input.name + "=FILE";
      return InvalidArgument("the model has ", session.inputs().size(), " inputs; give", names);
    }
  }
  if (!together.empty()) runs.push_back(std::move(together));
  return runs;
}

std::string Stem(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return file.substr(0, file.rfind('.'));
}

Status SaveOutputs(const Flags& flags, const std::string& input, const std::vector<OutputResult>& results,
                   std::set<std::string>& written) {
  for (const OutputResult& result : results) {
    std::string name = Stem(input) + "." + result.name + ".npy";
    std::replace(name.begin(), name.end(), '/', '_');
    const std::string path = flags.save_npy + "/" + name;
    if (!written.insert(path).second) {
      return InvalidArgument(path, ": two inputs of the same name would write it; run them apart");
    }
    RETURN_IF_ERROR(WriteNpy(path, result.array));
  }
  return OkStatus();
}

Status RunAll(Flags& flags) {
  if (!flags.labels.empty()) {
    ASSIGN_OR_RETURN(flags.decode.labels, ReadLabels(flags.labels));
  }
  if (!flags.parts.empty()) {
    ASSIGN_OR_RETURN(flags.decode.parts, ReadLabels(flags.parts));
    flags.decode.keypoints.parts = static_cast<int64_t>(flags.decode.parts.size());
  }
  flags.session.isolate = !flags.no_isolation;
  flags.session.use_model_json = !flags.no_model_json;
  ASSIGN_OR_RETURN(Session session, Session::Open(flags.model, flags.session));
  ASSIGN_OR_RETURN(const auto runs, PlanRuns(session, flags.inputs));
  if (!flags.draw.empty() && runs.size() != 1) return InvalidArgument("--draw: give one picture at a time");
  std::set<std::string> written;
  for (const auto& run : runs) {
    std::vector<NamedArray> feeds;
    std::optional<Picture> picture;
    std::string picture_path;
    for (const auto& input : run) {
      ASSIGN_OR_RETURN(Loaded loaded, Load(input.second, input.first, flags.picture));
      if (loaded.picture && !picture) {
        picture = std::move(loaded.picture);
        picture_path = loaded.path;
      }
      feeds.push_back(std::move(loaded.value));
    }
    ASSIGN_OR_RETURN(auto outputs, session.Run(feeds));
    ASSIGN_OR_RETURN(const auto results, Decode(std::move(outputs), picture, flags.decode));
    const std::string& name = run[0].second;
    std::cout << (flags.json ? ResultsJson(name, results, flags.decode) : ResultsText(name, results, flags.decode))
              << std::flush;
    if (!flags.save_npy.empty()) RETURN_IF_ERROR(SaveOutputs(flags, name, results, written));
    if (!flags.draw.empty()) {
      if (!picture) return InvalidArgument("--draw: the input is no picture");
      std::vector<Mark> marks;
      std::vector<std::string> lines;
      ResultMarks(results, flags.decode, marks, lines);
      RETURN_IF_ERROR(DrawOnPicture(picture_path, marks, lines, flags.draw));
    }
  }
  return OkStatus();
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Runs a network in OpenCV on pictures or arrays and tells what it finds.", "permafrost-run");
  app.set_version_flag("--version", std::string(Version()));
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const Status status = ReadPictureFlags(app, flags); !status.ok()) {
    std::cerr << "permafrost-run: " << Message(status) << "\n";
    return 2;
  }
  const Status status = RunAll(flags);
  if (!status.ok()) std::cerr << "permafrost-run: " << Message(status) << "\n";
  return ExitCode(status);
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Main(argc, argv); }
