#include "shared_io/detector_json.h"

namespace permafrost {

Json DetectorToJson(const DetectorInfo& detector) {
  const bool heads = detector.kind == DetectorInfo::kHeads;
  Json json;
  json["version"] = DetectorInfo::kVersion;
  json["family"] = detector.family;
  json["kind"] = detector.kind;
  if (heads) {
    json["boxes"] = detector.boxes;
    json["scores"] = detector.scores;
    json["score_converter"] = detector.score_converter;
  } else {
    json["detections"] = detector.detections;
  }
  json["classes"] = detector.classes;
  json["background"] = detector.background;
  json["class_offset"] = detector.class_offset;
  json["score_threshold"] = detector.score_threshold;
  json["iou_threshold"] = detector.iou_threshold;
  json["max_detections_per_class"] = detector.max_detections_per_class;
  json["max_detections"] = detector.max_detections;
  json["clip"] = detector.clip;
  json["input"] = Json{{"name", detector.input}, {"width", detector.input_width}, {"height", detector.input_height}};
  if (heads) {
    json["box_coder"] = Json{{"kind", detector.box_coder}, {"scales", detector.box_scales}};
    json["anchors"] = detector.anchors;
  }
  return json;
}

namespace {

void ReadHeads(FieldReader& fields, DetectorInfo& detector, Status& status) {
  fields.Read("boxes", detector.boxes);
  fields.Read("scores", detector.scores);
  fields.Read("score_converter", detector.score_converter);
  const std::string& converter = detector.score_converter;
  if (converter != "sigmoid" && converter != "softmax" && converter != "identity") {
    fields.Fail("score_converter", "\"sigmoid\", \"softmax\" or \"identity\"");
  }
  if (!fields.Has("box_coder")) return fields.Fail("box_coder", "an object");
  FieldReader coder(fields.At("box_coder"), "detector.box_coder", status);
  coder.Read("kind", detector.box_coder);
  if (detector.box_coder != "center_size") coder.Fail("kind", "\"center_size\"");
  const Json& scales = coder.List("scales");
  if (scales.size() != 4) return coder.Fail("scales", "four numbers");
  for (size_t i = 0; i < 4; ++i) {
    if (!scales[i].is_number() || !(scales[i].get<double>() > 0)) return coder.Fail("scales", "four positive numbers");
    detector.box_scales[i] = scales[i].get<double>();
  }
  for (const Json& number : fields.List("anchors")) {
    if (!number.is_number()) return fields.Fail("anchors", "a list of numbers");
    detector.anchors.push_back(number.get<float>());
  }
  if (detector.anchors.empty() || detector.anchors.size() % 4 != 0) fields.Fail("anchors", "four numbers for each box");
}

}  // namespace

DetectorInfo ReadDetector(const Json& json, Status& status) {
  FieldReader fields(json, "detector", status);
  DetectorInfo detector;
  int64_t version = 0;
  fields.Read("version", version);
  if (version != DetectorInfo::kVersion) fields.Fail("version", StrCat(DetectorInfo::kVersion));
  fields.Read("family", detector.family);
  fields.Read("kind", detector.kind);
  fields.Read("classes", detector.classes);
  fields.Read("background", detector.background);
  fields.Read("class_offset", detector.class_offset);
  fields.Read("score_threshold", detector.score_threshold);
  fields.Read("iou_threshold", detector.iou_threshold);
  fields.Read("max_detections_per_class", detector.max_detections_per_class);
  fields.Read("max_detections", detector.max_detections);
  fields.Read("clip", detector.clip);
  if (fields.Has("input")) {
    FieldReader input(fields.At("input"), "detector.input", status);
    input.Read("name", detector.input);
    input.Read("width", detector.input_width);
    input.Read("height", detector.input_height);
  } else {
    fields.Fail("input", "an object");
  }
  if (!status.ok()) return detector;
  constexpr int64_t kMost = 1 << 20;
  if (detector.classes < 1 || detector.classes > kMost) fields.Fail("classes", "a number of classes");
  if (detector.background < -1 || detector.background >= detector.classes) fields.Fail("background", "a class or -1");
  if (detector.kind == DetectorInfo::kHeads) {
    ReadHeads(fields, detector, status);
  } else if (detector.kind == DetectorInfo::kDetectionOutput) {
    fields.Read("detections", detector.detections);
  } else {
    fields.Fail("kind", "\"detection_output\" or \"heads\"");
  }
  return detector;
}

}  // namespace permafrost
