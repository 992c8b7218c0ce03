#include "shared_io/make_detector.h"

#include <algorithm>

#include "optimizer/support/mapped_file.h"
#include "shared_io/detector_json.h"

namespace permafrost {
namespace {

// One scale of a family: the boxes that it begins from, in pixels of the input.
struct Scale {
  int64_t stride;
  double xy_scale;
  std::vector<float> anchors;
};

struct Yolo {
  std::string_view name;
  std::string_view classes;  // converter
  std::vector<Scale> scales;
};

// Of the .cfg files of Darknet.
const std::vector<Yolo>& Yolos() {
  static const std::vector<Yolo> kYolos = {
      {"yolov2",
       "softmax",
       {{32, 1, {18.32736F, 21.67632F, 59.98272F, 66.00096F, 106.82976F, 175.17888F, 252.25024F, 112.88896F, 312.65664F, 293.38496F}}}},
      {"yolov3",
       "sigmoid",
       {{8, 1, {10, 13, 16, 30, 33, 23}}, {16, 1, {30, 61, 62, 45, 59, 119}}, {32, 1, {116, 90, 156, 198, 373, 326}}}},
      {"yolov3-tiny", "sigmoid", {{16, 1, {10, 14, 23, 27, 37, 58}}, {32, 1, {81, 82, 135, 169, 344, 319}}}},
      {"yolov4",
       "sigmoid",
       {{8, 1.2, {12, 16, 19, 36, 40, 28}},
        {16, 1.1, {36, 75, 76, 55, 72, 146}},
        {32, 1.05, {142, 110, 192, 243, 459, 401}}}},
      {"yolov4-tiny", "sigmoid", {{16, 1.05, {23, 27, 37, 58, 81, 82}}, {32, 1.05, {81, 82, 135, 169, 344, 319}}}},
  };
  return kYolos;
}

constexpr std::string_view kSsd = "ssd";

std::string ShapesText(const std::vector<HeadShape>& outputs) {
  std::string text;
  for (const HeadShape& output : outputs) text += StrCat(text.empty() ? "" : ", ", output.name, " ", DimsText(output.dims));
  return text;
}

// Numbers in a cell, whether the anchors have an axis of their own or not; 0: no head.
int64_t NumbersInACell(const HeadShape& head) {
  const std::vector<int64_t>& dims = head.dims;
  if (dims.size() == 4) return dims[3];
  return dims.size() == 5 && dims[3] > 0 && dims[4] > 0 && dims[3] < 64 && dims[4] < 65536 ? dims[3] * dims[4] : 0;
}

StatusOr<DetectorInfo> MakeYolo(const Yolo& yolo, const std::vector<HeadShape>& outputs) {
  const auto misfit = [&] {
    return InvalidArgument("--decoder ", yolo.name, ": takes ", yolo.scales.size(), " outputs [1,H,W,A*(5+classes)] with ",
                           yolo.scales[0].anchors.size() / 2, " boxes a cell; there is: ", ShapesText(outputs));
  };
  if (outputs.size() != yolo.scales.size()) return misfit();
  std::vector<const HeadShape*> heads;
  for (const HeadShape& output : outputs) {
    if (NumbersInACell(output) < 1 || output.dims[1] < 1 || output.dims[2] < 1) return misfit();
    heads.push_back(&output);
  }
  std::stable_sort(heads.begin(), heads.end(), [](const auto* a, const auto* b) { return a->dims[1] > b->dims[1]; });
  DetectorInfo detector;
  detector.family = yolo.name;
  detector.kind = DetectorInfo::kYolo;
  detector.score_converter = yolo.classes;
  detector.iou_threshold = 0.45;
  for (size_t i = 0; i < heads.size(); ++i) {
    const Scale& scale = yolo.scales[i];
    const int64_t boxes = static_cast<int64_t>(scale.anchors.size() / 2), numbers = NumbersInACell(*heads[i]);
    if (numbers % boxes != 0 || numbers / boxes < 6) return misfit();
    const int64_t classes = numbers / boxes - 5;
    if (i > 0 && classes != detector.classes) return misfit();
    detector.classes = classes;
    const int64_t width = heads[i]->dims[2] * scale.stride, height = heads[i]->dims[1] * scale.stride;
    if (i > 0 && (width != detector.input_width || height != detector.input_height)) return misfit();
    detector.input_width = width;
    detector.input_height = height;
    detector.heads.push_back({heads[i]->name, scale.xy_scale, scale.anchors});
  }
  return detector;
}

// y1, x1, y2, x2 of each.
StatusOr<std::vector<float>> Corners(const DecoderRecipe& recipe) {
  ASSIGN_OR_RETURN(std::vector<float> numbers, ToFloats(recipe.anchors));
  if (numbers.empty() || recipe.anchors.dims.empty() || recipe.anchors.dims.back() != 4) {
    return InvalidArgument("--anchors: has the shape ", DimsText(recipe.anchors.dims), ", expected [A,4]");
  }
  for (size_t i = 0; i < numbers.size(); i += 4) {
    float* box = numbers.data() + i;
    if (recipe.anchor_order == "xyxy") {
      std::swap(box[0], box[1]);
      std::swap(box[2], box[3]);
    } else if (recipe.anchor_order == "cxcywh") {
      const float cx = box[0], cy = box[1], w = box[2], h = box[3];
      box[0] = cy - h / 2, box[1] = cx - w / 2, box[2] = cy + h / 2, box[3] = cx + w / 2;
    } else if (recipe.anchor_order != "yxyx") {
      return InvalidArgument("--anchors: their order is '", recipe.anchor_order, "', expected yxyx, xyxy or cxcywh");
    }
  }
  return numbers;
}

StatusOr<DetectorInfo> MakeSsd(const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs) {
  const std::string where = StrCat("--decoder ", recipe.name, ": ");
  if (recipe.anchors.bytes.empty()) return InvalidArgument(where, "give the anchors with --anchors FILE.npy");
  DetectorInfo detector;
  ASSIGN_OR_RETURN(detector.anchors, Corners(recipe));
  const int64_t count = static_cast<int64_t>(detector.anchors.size() / 4);
  const auto is_row = [&](const HeadShape& one) { return one.dims.size() >= 2 && one.dims[one.dims.size() - 2] == count; };
  for (const HeadShape& output : outputs) {
    if (!is_row(output)) continue;
    if (output.dims.back() == 4 && detector.boxes.empty()) {
      detector.boxes = output.name;
    } else if (output.dims.back() >= 1 && detector.scores.empty()) {
      detector.scores = output.name;
      detector.classes = output.dims.back();
    }
  }
  if (detector.boxes.empty() || detector.scores.empty()) {
    return InvalidArgument(where, "there are ", count, " anchors, and no pair of outputs [1,", count, ",4] and [1,", count,
                           ",C]; there is: ", ShapesText(outputs));
  }
  detector.family = kSsd;
  detector.kind = DetectorInfo::kHeads;
  detector.score_converter = recipe.name == kSsd ? "identity" : recipe.name.substr(kSsd.size() + 1);
  detector.background = detector.score_converter == "softmax" ? 0 : -1;
  detector.iou_threshold = 0.45;
  detector.box_coder = recipe.anchor_order == "yxyx" ? DetectorInfo::kCenterSize : DetectorInfo::kCenterSizeXy;
  detector.box_scales = {10, 10, 5, 5};
  return detector;
}

}  // namespace

std::vector<std::string_view> DecoderNames() {
  std::vector<std::string_view> names;
  for (const Yolo& yolo : Yolos()) names.push_back(yolo.name);
  names.insert(names.end(), {kSsd, "ssd-sigmoid", "ssd-softmax"});
  return names;
}

StatusOr<DetectorInfo> MakeDetector(const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs) {
  for (const Yolo& yolo : Yolos()) {
    if (yolo.name == recipe.name) return MakeYolo(yolo, outputs);
  }
  std::string names;
  for (const std::string_view name : DecoderNames()) {
    if (name == recipe.name) return MakeSsd(recipe, outputs);
    names += StrCat(names.empty() ? "" : ", ", name);
  }
  return InvalidArgument("--decoder: '", recipe.name, "' is neither a file.json nor one of ", names);
}

StatusOr<DetectorInfo> ReadDetectorFile(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const Json json = Json::parse(file->bytes(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return DataLoss(path, ": not JSON");
  Status status;
  DetectorInfo detector = ReadDetector(json, status);
  if (!status.ok()) return WithContext(status, path);
  return detector;
}

}  // namespace permafrost
