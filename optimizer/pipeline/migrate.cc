#include "optimizer/pipeline/migrate.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "optimizer/frontend/open_model.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

bool IsHidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Files that say by their name that they are models; others are taken for one if they can be read as one.
bool LooksLikeModel(const fs::path& path) {
  static const std::set<std::string> kEndings = {".pb", ".pbtxt", ".meta", ".h5", ".hdf5", ".keras"};
  return kEndings.contains(path.extension().string());
}

// Never models of TensorFlow, and there may be many.
bool CannotBeModel(const fs::path& path) {
  static const std::set<std::string> kEndings = {".onnx", ".json", ".txt",  ".md",  ".png",  ".jpg", ".jpeg", ".gif", ".bmp",
                                                 ".mp4",  ".avi",  ".npy",  ".npz", ".zip",  ".gz",  ".tar",  ".so",  ".a",
                                                 ".o",    ".d",    ".html", ".css", ".js",   ".yml", ".yaml", ".xml", ".csv",
                                                 ".sh",   ".tflite", ".index", ".pt", ".pth", ".caffemodel", ".weights"};
  return kEndings.contains(path.extension().string()) || path.filename().string().find(".data-") != std::string::npos ||
         path.filename() == "checkpoint" || IsSourceFile(path.string());
}

struct Found {
  std::vector<fs::path> models, maybe, sources;
};

Status Walk(const fs::path& folder, Found& found) {
  constexpr size_t kMostFiles = 200'000;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return NotFound(folder.string(), ": is no folder");
  size_t files = 0;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
  if (error) return NotFound(folder.string(), ": ", error.message());
  for (; it != end; it.increment(error)) {
    if (error) return NotFound(folder.string(), ": ", error.message());
    const fs::path& path = it->path();
    std::error_code ignored;
    if (it->is_symlink(ignored) || IsHidden(path)) {
      it.disable_recursion_pending();
      continue;
    }
    if (it->is_directory(ignored)) {
      if (fs::is_regular_file(path / "saved_model.pb", ignored) || fs::is_regular_file(path / "saved_model.pbtxt", ignored)) {
        found.models.push_back(path);
        it.disable_recursion_pending();
      }
      continue;
    }
    if (!it->is_regular_file(ignored)) continue;
    if (++files > kMostFiles) return ResourceExhausted(folder.string(), ": holds more than ", kMostFiles, " files");
    if (IsSourceFile(path.string())) found.sources.push_back(path);
    if (LooksLikeModel(path)) {
      found.models.push_back(path);
    } else if (!CannotBeModel(path)) {
      found.maybe.push_back(path);
    }
  }
  for (auto* paths : {&found.models, &found.maybe, &found.sources}) std::sort(paths->begin(), paths->end());
  return OkStatus();
}

std::vector<ModelCall> CallsIn(const fs::path& folder, const std::vector<fs::path>& sources) {
  constexpr size_t kLargest = 8 << 20;  // of a file that somebody wrote
  std::vector<ModelCall> calls;
  for (const fs::path& source : sources) {
    const auto file = MappedFile::Open(source.string());
    if (!file.ok() || (*file)->bytes().size() > kLargest) continue;  // an empty file calls nothing
    for (ModelCall& call : FindModelCalls(source.lexically_relative(folder).string(), (*file)->bytes())) {
      calls.push_back(std::move(call));
    }
  }
  return calls;
}

// The second file of a call describes the graph of the first.
bool IsDescription(const std::string& model, const std::vector<ModelCall>& calls) {
  return std::any_of(calls.begin(), calls.end(), [&](const ModelCall& call) {
    return call.literals.size() > 1 && !NamesModel(call.literals[0], model) && NamesModel(call.literals[1], model);
  });
}

MigratedModel MigrateOne(const MigrateOptions& options, const fs::path& folder, const fs::path& path, const fs::path& onnx) {
  MigratedModel one;
  one.model = path.lexically_relative(folder).string();
  one.onnx = onnx.lexically_relative(folder).string();
  OptimizeOptions each = options.each;
  each.model = path.string();
  each.output = options.dry_run ? "" : onnx.string();
  std::error_code ignored;
  if (fs::exists(onnx, ignored) && !options.force) {
    one.outcome = MigratedModel::Outcome::kKept;
    one.error = "there is such a file; --force writes over it";
    each.output.clear();
  }
  auto report = Optimize(each);
  if (!report.ok()) {
    one.outcome = MigratedModel::Outcome::kFailed;
    one.error = Message(report.status());
    return one;
  }
  if (one.outcome != MigratedModel::Outcome::kKept) one.outcome = MigratedModel::Outcome::kWritten;
  one.format = report->format;
  one.info = report->info;
  one.notes = report->notes;
  return one;
}

std::string Quoted(std::string_view text) { return StrCat("\"", text, "\""); }

std::string Joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += StrCat(all.empty() ? "" : ", ", part);
  return all;
}

std::string NumberText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

// Pictures in the order of blobFromImage.
bool IsPicture(const TensorInfo& input) {
  return input.cv_shape.size() == 4 && input.cv_layout == "NCHW" && (input.cv_shape[1] == 1 || input.cv_shape[1] == 3);
}

// image, scale factor, size, mean, swapRB, crop: what the model says; where it does not, what the code passes today.
std::string BlobCall(const TensorInfo& input, bool python) {
  const Preprocessing known = input.preprocessing.value_or(Preprocessing());
  const auto side = [](int64_t pixels, const char* name) { return pixels > 0 ? std::to_string(pixels) : std::string(name); };
  const std::string width = side(input.cv_shape[3], "width"), height = side(input.cv_shape[2], "height");
  const std::string scale = known.scale ? NumberText(*known.scale) : "scale";
  std::string mean = "mean";
  if (known.mean) {
    mean = StrCat("(", NumberText((*known.mean)[0]), ", ", NumberText((*known.mean)[1]), ", ", NumberText((*known.mean)[2]), ")");
    if (!python) mean = StrCat("cv::Scalar", mean);
  }
  const std::string swap = known.channel_order.empty() ? "swapRB" : known.channel_order == "RGB" ? (python ? "True" : "true") : (python ? "False" : "false");
  const std::string crop = known.crop ? (*known.crop ? (python ? "True" : "true") : (python ? "False" : "false")) : "crop";
  if (python) {
    return StrCat("blob = cv2.dnn.blobFromImage(image, ", scale, ", (", width, ", ", height, "), ", mean, ", ", swap, ", ", crop, ")");
  }
  return StrCat("cv::Mat blob = cv::dnn::blobFromImage(image, ", scale, ", cv::Size(", width, ", ", height, "), ", mean, ", ", swap,
                ", ", crop, ");");
}

}  // namespace

StatusOr<MigrationReport> Migrate(const MigrateOptions& options) {
  const fs::path folder(options.folder);
  Found found;
  RETURN_IF_ERROR(Walk(folder, found));
  std::vector<ModelCall> calls = CallsIn(folder, found.sources);
  for (const fs::path& path : found.maybe) {
    if (OpenModel(path.string(), options.each.limits).ok()) found.models.push_back(path);
  }
  std::sort(found.models.begin(), found.models.end());
  MigrationReport report;
  std::set<fs::path> taken;
  for (const fs::path& path : found.models) {
    const std::string name = path.lexically_relative(folder).string();
    if (IsDescription(name, calls)) continue;
    const auto file = MappedFile::Open(path.string());
    fs::path onnx = path;
    const bool is_folder = !file.ok() && fs::is_directory(path);
    onnx = is_folder ? fs::path(path.string() + ".onnx") : fs::path(path).replace_extension(".onnx");
    if (!taken.insert(onnx).second) {  // net.pb and net.h5
      onnx = fs::path(path.string() + ".onnx");
      taken.insert(onnx);
    }
    if (options.each.progress) options.each.progress(name);
    report.models.push_back(MigrateOne(options, folder, path, onnx));
    report.failed += report.models.back().outcome == MigratedModel::Outcome::kFailed ? 1 : 0;
  }
  for (ModelCall& call : calls) {
    bool known = false;
    for (MigratedModel& model : report.models) {
      const bool names = std::any_of(call.literals.begin(), call.literals.end(),
                                     [&](const std::string& literal) { return NamesModel(literal, model.model); });
      if (names) model.calls.push_back(call);
      known = known || names;
    }
    const bool onnx = std::any_of(call.literals.begin(), call.literals.end(),
                                  [](const std::string& literal) { return literal.ends_with(".onnx"); });
    if (!known && !onnx) report.unknown_calls.push_back(std::move(call));
  }
  return report;
}

std::vector<std::string> CodeChange(const MigratedModel& model, bool python) {
  std::vector<std::string> lines;
  const std::string scope = python ? "cv2.dnn." : "cv::dnn::", end = python ? "" : ";";
  const std::string net = python ? "net = " : "cv::dnn::Net net = ";
  const bool loads = model.format == Format::kGraphDef || model.format == Format::kGraphDefText;
  if (loads) lines.push_back(StrCat("- ", net, scope, "readNetFromTensorflow(", Quoted(model.model), ")", end));
  lines.push_back(StrCat("+ ", net, scope, "readNetFromONNX(", Quoted(model.onnx), ")", end));
  for (const TensorInfo& input : model.info.inputs) {
    const std::string value = IsPicture(input) ? "blob" : "value";
    if (IsPicture(input)) {
      lines.push_back(StrCat("  ", BlobCall(input, python)));
    } else {
      lines.push_back(StrCat("  ", python ? "# " : "// ", value, ": ", input.dtype, " ", Shape(input.cv_shape).ToString(),
                             input.cv_layout.empty() ? "" : " ", input.cv_layout));
    }
    lines.push_back(StrCat("  net.setInput(", value, ", ", Quoted(input.cv_name), ")", end));
  }
  std::vector<std::string> outputs;
  for (const TensorInfo& output : model.info.outputs) outputs.push_back(Quoted(output.cv_name));
  if (python) {
    lines.push_back(StrCat("  outputs = net.forward([", Joined(outputs), "])"));
  } else {
    lines.push_back(StrCat("  net.forward(outputs, std::vector<cv::String>{", Joined(outputs), "});"));
  }
  return lines;
}

}  // namespace permafrost
