#include "shared_io/model_json.h"

#include <nlohmann/json.hpp>

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {
namespace {

using Json = nlohmann::ordered_json;

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

// Reads fields of one object; the first thing wrong is kept, with the path to it.
class FieldReader {
 public:
  FieldReader(const Json& json, std::string where, Status& status)
      : json_(json), where_(std::move(where)), status_(status) {
    if (!json_.is_object()) Fail("", "an object");
  }

  void Read(const char* name, std::string& value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_string()) return Fail(name, "a string");
    value = field->get<std::string>();
  }
  void Read(const char* name, int64_t& value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!IsInteger(*field)) return Fail(name, "an integer");
    value = field->get<int64_t>();
  }
  void Read(const char* name, std::vector<std::string>& values) {
    for (const Json& item : List(name)) {
      if (!item.is_string()) return Fail(name, "a list of strings");
      values.push_back(item.get<std::string>());
    }
  }
  void Read(const char* name, std::vector<int64_t>& values, bool& known) {
    const Json* field = Find(name);
    known = field != nullptr && !field->is_null();
    if (!known) return;
    for (const Json& item : List(name)) {
      if (!IsInteger(item) || item.get<int64_t>() < -1) return Fail(name, "null or a list of dims, -1 for unknown");
      values.push_back(item.get<int64_t>());
    }
  }
  void ReadOptional(const char* name, std::optional<double>& value) {
    if (!Has(name)) return;
    if (!json_[name].is_number()) return Fail(name, "a number");
    value = json_[name].get<double>();
  }
  void ReadOptional(const char* name, std::optional<bool>& value) {
    if (!Has(name)) return;
    if (!json_[name].is_boolean()) return Fail(name, "true or false");
    value = json_[name].get<bool>();
  }
  void ReadOptional(const char* name, std::optional<std::array<double, 3>>& values) {
    if (!Has(name)) return;
    const Json& field = json_[name];
    const bool three =
        field.is_array() && field.size() == 3 && field[0].is_number() && field[1].is_number() && field[2].is_number();
    if (!three) return Fail(name, "three numbers");
    values = {field[0].get<double>(), field[1].get<double>(), field[2].get<double>()};
  }
  const Json& List(const char* name) {
    static const Json kEmpty = Json::array();
    const Json* field = Find(name);
    if (field == nullptr) return kEmpty;
    if (field->is_array()) return *field;
    Fail(name, "a list");
    return kEmpty;
  }
  bool Has(const char* name) const { return json_.is_object() && json_.contains(name); }
  const Json& At(const char* name) const { return json_[name]; }

  void Fail(std::string_view name, std::string_view expected) {
    if (!status_.ok()) return;
    const char* dot = where_.empty() || name.empty() ? "" : ".";
    const std::string path = StrCat(where_, dot, name);
    const bool missing = !name.empty() && !Has(std::string(name).c_str());
    status_ = InvalidArgument("model.json: ", path.empty() ? "the file" : path,
                              missing ? " is missing; expected " : " is not ", expected);
  }

 private:
  static bool IsInteger(const Json& json) {
    return json.is_number_integer() &&
           !(json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
  }
  const Json* Find(const char* name) {
    if (Has(name)) return &json_[name];
    Fail(name, "a value");
    return nullptr;
  }

  const Json& json_;
  std::string where_;
  Status& status_;
};

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
