#include "shared_io/model_json.h"

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
#include "shared_io/detector_json.h"

namespace permafrost {
namespace {

Json ToJson(const Preprocessing& preprocessing) {
  Json json = Json::object();
  if (preprocessing.scale) json["scale"] = *preprocessing.scale;
  if (preprocessing.mean) json["mean"] = *preprocessing.mean;
  if (preprocessing.std) json["std"] = *preprocessing.std;
  if (!preprocessing.channel_order.empty()) json["channel_order"] = preprocessing.channel_order;
  if (preprocessing.width != 0) json["width"] = preprocessing.width;
  if (preprocessing.height != 0) json["height"] = preprocessing.height;
  if (preprocessing.crop) json["crop"] = *preprocessing.crop;
  return json;
}

Json ToJson(const TensorInfo& tensor) {
  Json json;
  json["name"] = tensor.name;
  if (!tensor.tensor.empty()) json["tensor"] = tensor.tensor;
  json["dtype"] = tensor.dtype;
  json["shape"] = tensor.rank_known ? Json(tensor.shape) : Json(nullptr);
  json["layout"] = tensor.layout;
  json["cv_name"] = tensor.cv_name;
  json["cv_shape"] = tensor.rank_known ? Json(tensor.cv_shape) : Json(nullptr);
  json["cv_layout"] = tensor.cv_layout;
  if (tensor.preprocessing) json["preprocessing"] = ToJson(*tensor.preprocessing);
  return json;
}

Preprocessing ReadPreprocessing(const Json& json, const std::string& where, Status& status) {
  FieldReader fields(json, where, status);
  Preprocessing out;
  fields.ReadOptional("scale", out.scale);
  fields.ReadOptional("mean", out.mean);
  fields.ReadOptional("std", out.std);
  fields.ReadOptional("crop", out.crop);
  if (fields.Has("channel_order")) fields.Read("channel_order", out.channel_order);
  if (out.channel_order != "" && out.channel_order != "RGB" && out.channel_order != "BGR") {
    fields.Fail("channel_order", "\"RGB\" or \"BGR\"");
  }
  if (fields.Has("width")) fields.Read("width", out.width);
  if (fields.Has("height")) fields.Read("height", out.height);
  constexpr int64_t kLargest = 1 << 20;
  if (out.width < 0 || out.width > kLargest) fields.Fail("width", "a size in pixels");
  if (out.height < 0 || out.height > kLargest) fields.Fail("height", "a size in pixels");
  return out;
}

std::vector<TensorInfo> ReadTensors(FieldReader& parent, const char* name, Status& status) {
  std::vector<TensorInfo> tensors;
  for (const Json& item : parent.List(name)) {
    const std::string where = StrCat(name, "[", tensors.size(), "]");
    FieldReader fields(item, where, status);
    TensorInfo tensor;
    bool cv_rank_known = true;
    fields.Read("name", tensor.name);
    if (fields.Has("tensor")) fields.Read("tensor", tensor.tensor);
    fields.Read("dtype", tensor.dtype);
    fields.Read("shape", tensor.shape, tensor.rank_known);
    fields.Read("layout", tensor.layout);
    fields.Read("cv_name", tensor.cv_name);
    fields.Read("cv_shape", tensor.cv_shape, cv_rank_known);
    fields.Read("cv_layout", tensor.cv_layout);
    if (cv_rank_known != tensor.rank_known) fields.Fail("cv_shape", "null exactly when shape is null");
    if (fields.Has("preprocessing")) {
      tensor.preprocessing = ReadPreprocessing(fields.At("preprocessing"), where + ".preprocessing", status);
    }
    if (!status.ok()) break;
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace

std::string ModelInfoToJson(const ModelInfo& info) {
  Json json;
  json["format_version"] = ModelInfo::kFormatVersion;
  json["tool_version"] = info.tool_version;
  json["file"] = info.file;
  json["file_sha256"] = info.file_sha256;
  json["source"] = info.source;
  json["source_sha256"] = info.source_sha256;
  json["target"] = info.target;
  if (info.opencv_only) json["opencv_only"] = true;
  json["passes"] = info.passes;
  json["inputs"] = Json::array();
  for (const TensorInfo& tensor : info.inputs) json["inputs"].push_back(ToJson(tensor));
  json["outputs"] = Json::array();
  for (const TensorInfo& tensor : info.outputs) json["outputs"].push_back(ToJson(tensor));
  if (info.detector) json["detector"] = DetectorToJson(*info.detector);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<ModelInfo> ParseModelInfo(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return DataLoss("model.json: not JSON");
  Status status;
  FieldReader fields(json, "", status);
  int64_t version = 0;
  fields.Read("format_version", version);
  RETURN_IF_ERROR(status);
  if (version != ModelInfo::kFormatVersion) {
    return Unsupported("model.json: format version ", version, "; this program knows ", ModelInfo::kFormatVersion,
                       "; optimize the model again with this version");
  }
  ModelInfo info;
  fields.Read("tool_version", info.tool_version);
  fields.Read("file", info.file);
  fields.Read("file_sha256", info.file_sha256);
  fields.Read("source", info.source);
  fields.Read("source_sha256", info.source_sha256);
  fields.Read("target", info.target);
  std::optional<bool> opencv_only;
  fields.ReadOptional("opencv_only", opencv_only);
  info.opencv_only = opencv_only.value_or(false);
  fields.Read("passes", info.passes);
  info.inputs = ReadTensors(fields, "inputs", status);
  info.outputs = ReadTensors(fields, "outputs", status);
  if (fields.Has("detector")) info.detector = ReadDetector(fields.At("detector"), status);
  RETURN_IF_ERROR(status);
  return info;
}

StatusOr<ModelInfo> ReadModelInfo(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  auto info = ParseModelInfo(file->bytes());
  if (!info.ok()) return WithContext(info.status(), path);
  return info;
}

Status WriteModelInfo(const std::string& path, const ModelInfo& info) {
  return WriteFileAtomically(path, ModelInfoToJson(info));
}

}  // namespace permafrost
