#include "shared_io/cascade_json.h"

#include "optimizer/support/mapped_file.h"
#include "shared_io/json_fields.h"

namespace permafrost {
namespace {

constexpr size_t kStages = 3;
constexpr std::string_view kFile = "cascade";  // in errors

CascadeInfo::Stage ReadStage(const Json& json, size_t index, Status& status) {
  FieldReader fields(json, StrCat("stages[", index, "]"), status, kFile);
  CascadeInfo::Stage stage;
  fields.Read("file", stage.file);
  fields.Read("size", stage.size);
  fields.Read("scores", stage.scores);
  fields.Read("boxes", stage.boxes);
  if (fields.Has("points")) fields.Read("points", stage.points);
  fields.Read("threshold", stage.threshold);
  fields.Read("overlap", stage.overlap);
  if (!status.ok()) return stage;
  if (stage.file.empty() || stage.file.find('/') != std::string::npos) fields.Fail("file", "the name of a file beside this one");
  if (stage.size < 1 || stage.size > 1024) fields.Fail("size", "a number of pixels up to 1024");
  if (!(stage.threshold > 0 && stage.threshold < 1)) fields.Fail("threshold", "a number between 0 and 1");
  if (!(stage.overlap > 0 && stage.overlap <= 1)) fields.Fail("overlap", "a number between 0 and 1");
  return stage;
}

}  // namespace

std::string CascadeToJson(const CascadeInfo& cascade) {
  Json json;
  json["cascade_version"] = CascadeInfo::kVersion;
  json["kind"] = "mtcnn";
  for (const CascadeInfo::Stage& stage : cascade.stages) {
    Json one = {{"file", stage.file}, {"size", stage.size}, {"scores", stage.scores}, {"boxes", stage.boxes}};
    if (!stage.points.empty()) one["points"] = stage.points;
    one["threshold"] = stage.threshold;
    one["overlap"] = stage.overlap;
    json["stages"].push_back(std::move(one));
  }
  json["stride"] = cascade.stride;
  json["overlap_of_scale"] = cascade.overlap_of_scale;
  json["factor"] = cascade.factor;
  json["least_face"] = cascade.least_face;
  json["mean"] = cascade.mean;
  json["scale"] = cascade.scale;
  json["channel_order"] = cascade.bgr ? "BGR" : "RGB";
  json["turned"] = cascade.turned;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<CascadeInfo> ParseCascade(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return DataLoss("not JSON");
  Status status;
  FieldReader fields(json, "", status, kFile);
  if (!fields.Has("cascade_version")) {
    return InvalidArgument("is no cascade (it has no \"cascade_version\"); to run one network, name its .pb or .onnx");
  }
  int64_t version = 0;
  std::string kind, order;
  fields.Read("cascade_version", version);
  fields.Read("kind", kind);
  if (version != CascadeInfo::kVersion) fields.Fail("cascade_version", StrCat(CascadeInfo::kVersion));
  if (kind != "mtcnn") fields.Fail("kind", "\"mtcnn\"");
  CascadeInfo cascade;
  for (const Json& stage : fields.List("stages")) {
    cascade.stages.push_back(ReadStage(stage, cascade.stages.size(), status));
    RETURN_IF_ERROR(status);
  }
  if (cascade.stages.size() != kStages) fields.Fail("stages", "a list of three");
  fields.Read("stride", cascade.stride);
  fields.Read("overlap_of_scale", cascade.overlap_of_scale);
  fields.Read("factor", cascade.factor);
  fields.Read("least_face", cascade.least_face);
  fields.Read("mean", cascade.mean);
  fields.Read("scale", cascade.scale);
  fields.Read("channel_order", order);
  fields.Read("turned", cascade.turned);
  RETURN_IF_ERROR(status);
  if (order != "RGB" && order != "BGR") fields.Fail("channel_order", "\"RGB\" or \"BGR\"");
  cascade.bgr = order == "BGR";
  if (cascade.stride < 1 || cascade.stride > 64) fields.Fail("stride", "a number from 1 to 64");
  if (!(cascade.overlap_of_scale > 0 && cascade.overlap_of_scale <= 1)) fields.Fail("overlap_of_scale", "a number between 0 and 1");
  if (!(cascade.factor >= 0.1 && cascade.factor <= 0.95)) fields.Fail("factor", "a number from 0.1 to 0.95");
  if (cascade.least_face < 4 || cascade.least_face > 65536) fields.Fail("least_face", "a number of pixels from 4 on");
  RETURN_IF_ERROR(status);
  return cascade;
}

StatusOr<CascadeInfo> ReadCascade(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  auto cascade = ParseCascade(file->bytes());
  if (!cascade.ok()) return WithContext(cascade.status(), path);
  return cascade;
}

}  // namespace permafrost
