#include "bench/model_case.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

#include "optimizer/support/mapped_file.h"
#include "shared_io/json_fields.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

Status ReadNames(const Json& meta, const char* field, std::vector<std::string>& names) {
  const auto found = meta.find(field);
  if (found == meta.end() || !found->is_array() || found->empty()) {
    return InvalidArgument("meta.json: \"", field, "\" is no list of names");
  }
  for (const Json& name : *found) {
    if (!name.is_string()) return InvalidArgument("meta.json: \"", field, "\" is no list of names");
    names.push_back(name.get<std::string>());
  }
  return OkStatus();
}

StatusOr<std::string> FindNamedModel(const std::string& folder, const std::string& model,
                                     const std::vector<std::string>& models_folders) {
  std::vector<std::string> places = {folder};
  places.insert(places.end(), models_folders.begin(), models_folders.end());
  for (const std::string& place : places) {
    const fs::path path = fs::path(place) / model;
    std::error_code error;
    if (fs::exists(path, error)) return path.lexically_normal().string();
  }
  std::string text;
  for (const std::string& place : places) text += StrCat(text.empty() ? "" : ", ", place);
  return NotFound("the model ", model, " is in none of ", text, " (scripts/get_models installs the large ones)");
}

// Cases that do not name their model hold just one of that kind.
StatusOr<std::string> FindModelOfKind(const std::string& folder, const std::string& kind) {
  static const std::map<std::string, std::vector<std::string>> kSuffixes = {
      {"pb", {".pb"}},          {"pbtxt", {".pbtxt"}}, {"meta", {".meta"}},
      {"h5", {".h5", ".hdf5"}}, {"keras", {".keras"}}, {"onnx", {".onnx"}}};
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (kind == "saved_model") {
      if (path.filename() == "saved_model.pb") found.push_back(path.parent_path().string());
    } else if (const auto suffixes = kSuffixes.find(kind);
               suffixes != kSuffixes.end() && it->is_regular_file(error) &&
               std::count(suffixes->second.begin(), suffixes->second.end(), path.extension().string()) > 0) {
      found.push_back(path.string());
    }
  }
  if (found.size() == 1) return found[0];
  return InvalidArgument("holds ", found.size(), " models of kind \"", kind, "\"; let meta.json name one (\"model\")");
}

Status ReadLimits(const Json& meta, DetectionLimits& limits) {
  const auto found = meta.find("detections");
  // A list names other files of the folder.
  if (found == meta.end() || !found->is_object()) return OkStatus();
  for (const auto& [key, value] : found->items()) {
    double* limit = key == "min_score" ? &limits.min_score : key == "iou" ? &limits.iou : key == "score" ? &limits.score
                    : key == "mask_iou" ? &limits.mask_iou : nullptr;
    if (limit != nullptr && value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1) {
      *limit = value.get<double>();
    } else if (key == "class_shift" && value.is_number_integer() && std::abs(value.get<double>()) < 1e6) {
      limits.class_shift = value.get<int64_t>();
    } else {
      return InvalidArgument("meta.json: \"detections\": \"", key,
                             "\": expected min_score, iou, mask_iou or score from 0 to 1, or class_shift, a whole number");
    }
  }
  return OkStatus();
}

Status ReadArrays(const std::string& folder, const std::string& stem, size_t count, std::vector<Array>& arrays) {
  for (size_t i = 0; i < count; ++i) {
    std::string path = StrCat(folder, "/", stem, i, ".npy");
    std::error_code error;
    if (count == 1 && !fs::exists(path, error)) path = StrCat(folder, "/", stem, ".npy");
    ASSIGN_OR_RETURN(Array array, ReadNpy(path));
    arrays.push_back(std::move(array));
  }
  return OkStatus();
}

constexpr std::string_view kDetections[] = {"detection_boxes", "detection_scores", "detection_classes", "detection_masks"};

std::string DetectionsFile(const std::string& folder, std::string_view name) { return StrCat(folder, "/", name, ".npy"); }

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Status KeepFirst(Array& array) {
  if (array.dims.empty() || array.dims[0] < 1) return InvalidArgument("an array of shape ", DimsText(array.dims), ", expected one of pictures");
  array.bytes.resize(array.bytes.size() / static_cast<size_t>(array.dims[0]));
  array.dims[0] = 1;
  return OkStatus();
}

Status ReadDetections(ModelCase& model) {
  for (const std::string_view name : kDetections) {
    const std::string path = DetectionsFile(model.folder, name);
    if (name == "detection_masks" && !Exists(path)) continue;
    ASSIGN_OR_RETURN(Array array, ReadNpy(path));
    RETURN_IF_ERROR(WithContext(KeepFirst(array), path));
    model.output_names.emplace_back(name);
    model.outputs.push_back(std::move(array));
  }
  for (Array& input : model.inputs) RETURN_IF_ERROR(WithContext(KeepFirst(input), "inputs"));
  return OkStatus();
}

Status Load(const std::vector<std::string>& models_folders, ModelCase& model) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(model.folder + "/meta.json"));
  const Json meta = Json::parse(file->bytes(), nullptr, /*allow_exceptions=*/false);
  if (!meta.is_object()) return DataLoss("meta.json: no JSON object");
  model.kind = TextIn(meta, "kind");
  model.own_outputs = Exists(DetectionsFile(model.folder, kDetections[0]));
  if (model.kind.empty() && model.own_outputs) model.kind = Exists(model.folder + "/saved_model") ? "saved_model" : "pb";
  RETURN_IF_ERROR(ReadLimits(meta, model.detections));
  RETURN_IF_ERROR(ReadNames(meta, "inputs", model.input_names));
  if (!model.own_outputs) RETURN_IF_ERROR(ReadNames(meta, "outputs", model.output_names));
  if (const auto flags = meta.find("flags"); flags != meta.end()) {
    if (!flags->is_object()) return InvalidArgument("meta.json: \"flags\" is no object");
    for (const auto& [name, value] : flags->items()) {
      model.flags.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  const std::string named = TextIn(meta, "model");
  ASSIGN_OR_RETURN(model.model_path, named.empty() ? FindModelOfKind(model.folder, model.kind)
                                                   : FindNamedModel(model.folder, named, models_folders));
  if (const std::string graph = TextIn(meta, "opencv_graph"); !graph.empty()) {
    ASSIGN_OR_RETURN(model.opencv_graph, FindNamedModel(model.folder, graph, models_folders));
  }
  RETURN_IF_ERROR(ReadArrays(model.folder, "in", model.input_names.size(), model.inputs));
  if (model.own_outputs) return ReadDetections(model);
  return ReadArrays(model.folder, "out", model.output_names.size(), model.outputs);
}

}  // namespace

bool IsModelCase(const std::string& folder) {
  std::error_code error;
  return fs::is_regular_file(folder + "/meta.json", error);
}

StatusOr<std::vector<std::string>> ListModelCases(const std::string& folder) {
  std::vector<std::string> cases;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsModelCase(it->path().string())) cases.push_back(it->path().string());
  }
  if (cases.empty()) return NotFound(folder, ": no folder with a meta.json in it");
  std::sort(cases.begin(), cases.end());
  return cases;
}

StatusOr<ModelCase> LoadModelCase(const std::string& folder, const std::vector<std::string>& models_folders) {
  ModelCase model;
  model.folder = folder;
  while (model.folder.size() > 1 && model.folder.back() == '/') model.folder.pop_back();
  model.name = model.folder.substr(model.folder.rfind('/') + 1);
  RETURN_IF_ERROR(WithContext(Load(models_folders, model), model.folder));
  return model;
}

}  // namespace permafrost
