#include "shared_io/make_detector.h"

#include <algorithm>

#include "optimizer/support/mapped_file.h"
#include "shared_io/detector_json.h"
#include "shared_io/face_anchors.h"

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

// The outputs of boxes and scores for so many anchors: two, or one [1,A,4+C] or [1,4+C,A], boxes before scores.
Status FindHeads(int64_t count, const std::vector<HeadShape>& outputs, DetectorInfo& detector, bool& converted) {
  const auto take = [&](const HeadShape& output, bool boxes, int64_t classes) {
    if (boxes) detector.boxes = output.name;
    if (classes < 1) return;
    detector.scores = output.name;
    detector.classes = classes;
    converted = output.converted;
  };
  for (const HeadShape& output : outputs) {
    if (output.dims.size() < 2) continue;
    const int64_t last = output.dims.back(), before = output.dims[output.dims.size() - 2];
    const int64_t width = before == count ? last : last == count ? before : 0;
    if (width == 4 && detector.boxes.empty()) {
      take(output, true, 0);
    } else if (width >= 1 && detector.scores.empty()) {
      take(output, false, width);
    }
  }
  const bool one = detector.boxes.empty() && detector.classes > 4;
  if (one) {
    detector.boxes = detector.scores;
    detector.scores_column = 4;
    detector.classes -= 4;
  }
  if (!detector.boxes.empty() && !detector.scores.empty()) return OkStatus();
  return InvalidArgument("there are ", count, " anchors, and no pair of outputs [1,", count, ",4] and [1,", count, ",C], nor one [1,", count,
                         ",4+C] or [1,4+C,", count, "]; there is: ", ShapesText(outputs));
}

StatusOr<DetectorInfo> MakeSsd(const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs) {
  const std::string where = StrCat("--decoder ", recipe.name, ": ");
  if (recipe.anchors.bytes.empty()) return InvalidArgument(where, "give the anchors with --anchors FILE.npy");
  DetectorInfo detector;
  ASSIGN_OR_RETURN(detector.anchors, Corners(recipe));
  bool converted = false;
  if (Status found = FindHeads(static_cast<int64_t>(detector.anchors.size() / 4), outputs, detector, converted); !found.ok()) {
    return InvalidArgument(where, Message(found));
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

// Networks whose anchors follow from the size of the picture.
struct Faces {
  std::string_view name;
  std::vector<float> (*anchors)(int64_t width, int64_t height);
  void (*fill)(DetectorInfo& detector);
};

// As its TensorFlow port chooses: boxes are cut, then compared; a background and faces.
void FillUltraLight(DetectorInfo& detector) {
  detector.score_converter = "softmax";
  detector.background = 0;
  detector.iou_threshold = 0.3;
  detector.max_detections_per_class = 200;
  detector.max_detections = 100;
  detector.clip = detector.clip_first = true;
}

// The best class of each box, all of them compared with each other.
void FillFaceMask(DetectorInfo& detector) {
  detector.score_converter = "identity";
  detector.iou_threshold = 0.4;
  detector.clip = true;
  detector.best_class_only = detector.across_classes = true;
}

const std::vector<Faces>& FaceDetectors() {
  static const std::vector<Faces> kFaces = {{"ultra-light-face", AnchorsOfUltraLightFaces, FillUltraLight},
                                            {"face-mask", AnchorsOfFaceMasks, FillFaceMask}};
  return kFaces;
}

StatusOr<DetectorInfo> MakeFaces(const Faces& faces, const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs) {
  constexpr int64_t kMostPixels = 8192;  // along a side
  const std::string where = StrCat("--decoder ", faces.name, ": ");
  if (recipe.input_width < 1 || recipe.input_height < 1) {
    return InvalidArgument(where, "its anchors follow from the size of the network's input, which is not known here; fix it with --inputs "
                           "when the model is optimized with --decoder ", faces.name, ", or run on a picture");
  }
  if (std::max(recipe.input_width, recipe.input_height) > kMostPixels) {
    return InvalidArgument(where, "the network's input has ", recipe.input_width, "x", recipe.input_height, " pixels, expected at most ", kMostPixels, " along a side");
  }
  DetectorInfo detector;
  detector.family = faces.name;
  detector.kind = DetectorInfo::kHeads;
  detector.anchors = faces.anchors(recipe.input_width, recipe.input_height);
  faces.fill(detector);
  bool converted = false;
  if (Status found = FindHeads(static_cast<int64_t>(detector.anchors.size() / 4), outputs, detector, converted); !found.ok()) {
    return InvalidArgument(where, "for an input of ", recipe.input_width, "x", recipe.input_height, " ", Message(found));
  }
  if (converted) detector.score_converter = "identity";
  if (detector.background >= detector.classes) return InvalidArgument(where, "scores of ", detector.classes, " class, expected a background and faces");
  detector.box_coder = DetectorInfo::kCenterSizeXy;
  detector.box_scales = {10, 10, 5, 5};
  return detector;
}

// Networks that decode their boxes themselves: one output, middles and sizes before the scores.
struct DecodedYolo {
  std::string_view name;
  bool objectness;
  double overlap;
};
constexpr DecodedYolo kDecodedYolos[] = {{"yolov5", true, 0.45}, {"yolov8", false, 0.7}};

StatusOr<DetectorInfo> MakeDecodedYolo(const DecodedYolo& yolo, const std::vector<HeadShape>& outputs) {
  const int64_t first = yolo.objectness ? 5 : 4;
  const bool fits = outputs.size() == 1 && outputs[0].dims.size() == 3 && std::min(outputs[0].dims[1], outputs[0].dims[2]) > first;
  if (!fits) {
    return InvalidArgument("--decoder ", yolo.name, ": takes one output [1,A,", first, "+C] or [1,", first, "+C,A]; there is: ", ShapesText(outputs));
  }
  DetectorInfo detector;
  detector.family = yolo.name;
  detector.kind = DetectorInfo::kBoxes;
  detector.boxes = detector.scores = outputs[0].name;
  detector.scores_column = first;
  detector.objectness_column = yolo.objectness ? 4 : -1;
  detector.classes = std::min(outputs[0].dims[1], outputs[0].dims[2]) - first;
  detector.score_converter = "identity";
  detector.iou_threshold = yolo.overlap;
  detector.box_order = "cxcywh";
  detector.box_units = "auto";
  return detector;
}

// The picture's size, where heads do not tell it themselves.
StatusOr<DetectorInfo> WithInput(StatusOr<DetectorInfo> detector, const DecoderRecipe& recipe) {
  if (detector.ok() && detector->input_width == 0) {
    detector->input_width = recipe.input_width;
    detector->input_height = recipe.input_height;
  }
  return detector;
}

}  // namespace

std::vector<std::string_view> DecoderNames() {
  std::vector<std::string_view> names;
  for (const Yolo& yolo : Yolos()) names.push_back(yolo.name);
  for (const DecodedYolo& yolo : kDecodedYolos) names.push_back(yolo.name);
  names.insert(names.end(), {kSsd, "ssd-sigmoid", "ssd-softmax"});
  for (const Faces& faces : FaceDetectors()) names.push_back(faces.name);
  return names;
}

StatusOr<DetectorInfo> MakeDetector(const DecoderRecipe& recipe, const std::vector<HeadShape>& outputs) {
  for (const Yolo& yolo : Yolos()) {
    if (yolo.name == recipe.name) return MakeYolo(yolo, outputs);
  }
  for (const DecodedYolo& yolo : kDecodedYolos) {
    if (yolo.name == recipe.name) return WithInput(MakeDecodedYolo(yolo, outputs), recipe);
  }
  for (const Faces& faces : FaceDetectors()) {
    if (faces.name == recipe.name) return WithInput(MakeFaces(faces, recipe, outputs), recipe);
  }
  for (const std::string_view name : DecoderNames()) {
    if (name == recipe.name) return WithInput(MakeSsd(recipe, outputs), recipe);
  }
  return InvalidArgument("--decoder: '", recipe.name, "' is neither a file.json nor one of ", DecoderNamesText());
}

std::string DecoderNamesText() {
  std::string names;
  for (const std::string_view name : DecoderNames()) names += StrCat(names.empty() ? "" : ", ", name);
  return names;
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
