#include "shared_io/detector_json.h"

#include <algorithm>

namespace permafrost {

Json DetectorToJson(const DetectorInfo& detector) {
  const bool heads = detector.kind == DetectorInfo::kHeads, boxes = detector.kind == DetectorInfo::kBoxes;
  Json json;
  json["version"] = DetectorInfo::kVersion;
  json["family"] = detector.family;
  json["kind"] = detector.kind;
  if (heads || boxes) {
    json["boxes"] = detector.boxes;
    json["scores"] = detector.scores;
    if (boxes || detector.boxes == detector.scores) {
      json["boxes_column"] = detector.boxes_column;
      json["scores_column"] = detector.scores_column;
    }
    json["score_converter"] = detector.score_converter;
  } else if (detector.kind == DetectorInfo::kYolo) {
    json["score_converter"] = detector.score_converter;
    for (const DetectorInfo::YoloHead& head : detector.heads) {
      json["heads"].push_back(Json{{"output", head.output}, {"xy_scale", head.xy_scale}, {"anchors", head.anchors}});
    }
  } else if (detector.kind == DetectorInfo::kCenters) {
    json["centers"] = detector.centers;
    json["sizes"] = detector.sizes;
    json["offsets"] = detector.offsets;
    json["score_converter"] = detector.score_converter;
    json["peak_window"] = detector.peak_window;
  } else {
    json["detections"] = detector.detections;
    if (!detector.masks.empty()) json["masks"] = detector.masks;
  }
  json["classes"] = detector.classes;
  json["background"] = detector.background;
  json["class_offset"] = detector.class_offset;
  json["score_threshold"] = detector.score_threshold;
  json["iou_threshold"] = detector.iou_threshold;
  json["max_detections_per_class"] = detector.max_detections_per_class;
  json["max_detections"] = detector.max_detections;
  json["clip"] = detector.clip;
  json["clip_first"] = detector.clip_first;
  json["input"] = Json{{"name", detector.input}, {"width", detector.input_width}, {"height", detector.input_height}};
  if (boxes) {
    json["box_order"] = detector.box_order;
    json["box_units"] = detector.box_units;
    json["objectness_column"] = detector.objectness_column;
  }
  if (heads || boxes) {
    json["best_class_only"] = detector.best_class_only;
    json["across_classes"] = detector.across_classes;
    json["soft_sigma"] = detector.soft_sigma;
  }
  if (heads) {
    json["box_coder"] = Json{{"kind", detector.box_coder}, {"scales", detector.box_scales}};
    json["anchors"] = detector.anchors;
  }
  return json;
}

namespace {

void ReadConverter(FieldReader& fields, std::string& converter) {
  fields.Read("score_converter", converter);
  if (converter != "sigmoid" && converter != "softmax" && converter != "identity") {
    fields.Fail("score_converter", "\"sigmoid\", \"softmax\" or \"identity\"");
  }
}

std::vector<float> ReadAnchors(FieldReader& fields) {
  std::vector<float> anchors;
  for (const Json& number : fields.List("anchors")) {
    if (!number.is_number()) {
      fields.Fail("anchors", "a list of numbers");
      return {};
    }
    anchors.push_back(number.get<float>());
  }
  return anchors;
}

void ReadYolo(FieldReader& fields, DetectorInfo& detector, Status& status) {
  ReadConverter(fields, detector.score_converter);
  for (const Json& item : fields.List("heads")) {
    FieldReader head(item, StrCat("detector.heads[", detector.heads.size(), "]"), status);
    DetectorInfo::YoloHead& read = detector.heads.emplace_back();
    head.Read("output", read.output);
    head.Read("xy_scale", read.xy_scale);
    if (!(read.xy_scale >= 1 && read.xy_scale < 10)) head.Fail("xy_scale", "a number from 1 to 10");
    read.anchors = ReadAnchors(head);
    const auto positive = [](float number) { return number > 0; };
    const bool all = std::all_of(read.anchors.begin(), read.anchors.end(), positive);
    if (read.anchors.empty() || read.anchors.size() % 2 != 0 || !all) head.Fail("anchors", "a width and a height for each box");
    if (!status.ok()) return;
  }
  if (detector.heads.empty()) fields.Fail("heads", "a list of heads");
  if (detector.input_width < 1 || detector.input_height < 1) fields.Fail("input", "a picture with width and height");
}

void ReadCenters(FieldReader& fields, DetectorInfo& detector) {
  constexpr int64_t kMost = 101;
  fields.Read("centers", detector.centers);
  fields.Read("sizes", detector.sizes);
  fields.Read("offsets", detector.offsets);
  ReadConverter(fields, detector.score_converter);
  fields.Read("peak_window", detector.peak_window);
  if (detector.peak_window < 1 || detector.peak_window > kMost || detector.peak_window % 2 == 0) {
    fields.Fail("peak_window", StrCat("an odd number up to ", kMost));
  }
}

void ReadColumn(FieldReader& fields, const char* name, int64_t least, int64_t& column) {
  constexpr int64_t kMost = 1 << 20;
  if (!fields.Has(name)) return;
  fields.Read(name, column);
  if (column < least || column > kMost) fields.Fail(name, "the number of a column");
}

// What kinds heads and boxes have in common.
void ReadBoxesAndScores(FieldReader& fields, DetectorInfo& detector) {
  fields.Read("boxes", detector.boxes);
  fields.Read("scores", detector.scores);
  if (detector.boxes == detector.scores) detector.scores_column = 4;
  ReadColumn(fields, "boxes_column", 0, detector.boxes_column);
  ReadColumn(fields, "scores_column", 0, detector.scores_column);
  ReadConverter(fields, detector.score_converter);
  if (fields.Has("best_class_only")) fields.Read("best_class_only", detector.best_class_only);
  if (fields.Has("across_classes")) fields.Read("across_classes", detector.across_classes);
  if (fields.Has("soft_sigma")) fields.Read("soft_sigma", detector.soft_sigma);
  if (!(detector.soft_sigma >= 0)) fields.Fail("soft_sigma", "a number from 0 on");
}

void ReadDecoded(FieldReader& fields, DetectorInfo& detector) {
  ReadBoxesAndScores(fields, detector);
  fields.Read("box_order", detector.box_order);
  fields.Read("box_units", detector.box_units);
  ReadColumn(fields, "objectness_column", -1, detector.objectness_column);
  const auto is_one = [](const std::string& text, std::initializer_list<std::string_view> of) {
    return std::find(of.begin(), of.end(), text) != of.end();
  };
  if (!is_one(detector.box_order, {"yxyx", "xyxy", "cxcywh", "xywh"})) fields.Fail("box_order", "\"yxyx\", \"xyxy\", \"cxcywh\" or \"xywh\"");
  if (!is_one(detector.box_units, {"relative", "pixels", "auto"})) fields.Fail("box_units", "\"relative\", \"pixels\" or \"auto\"");
}

void ReadHeads(FieldReader& fields, DetectorInfo& detector, Status& status) {
  ReadBoxesAndScores(fields, detector);
  if (!fields.Has("box_coder")) return fields.Fail("box_coder", "an object");
  FieldReader coder(fields.At("box_coder"), "detector.box_coder", status);
  coder.Read("kind", detector.box_coder);
  if (detector.box_coder != DetectorInfo::kCenterSize && detector.box_coder != DetectorInfo::kCenterSizeXy) {
    coder.Fail("kind", "\"center_size\" or \"center_size_xy\"");
  }
  const Json& scales = coder.List("scales");
  if (scales.size() != 4) return coder.Fail("scales", "four numbers");
  for (size_t i = 0; i < 4; ++i) {
    if (!scales[i].is_number() || !(scales[i].get<double>() > 0)) return coder.Fail("scales", "four positive numbers");
    detector.box_scales[i] = scales[i].get<double>();
  }
  detector.anchors = ReadAnchors(fields);
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
  fields.Read("clip_first", detector.clip_first);
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
  } else if (detector.kind == DetectorInfo::kBoxes) {
    ReadDecoded(fields, detector);
  } else if (detector.kind == DetectorInfo::kDetectionOutput) {
    fields.Read("detections", detector.detections);
    if (fields.Has("masks")) fields.Read("masks", detector.masks);
  } else if (detector.kind == DetectorInfo::kYolo) {
    ReadYolo(fields, detector, status);
  } else if (detector.kind == DetectorInfo::kCenters) {
    ReadCenters(fields, detector);
  } else {
    fields.Fail("kind", "\"detection_output\", \"heads\", \"boxes\", \"yolo\" or \"centers\"");
  }
  return detector;
}

}  // namespace permafrost
