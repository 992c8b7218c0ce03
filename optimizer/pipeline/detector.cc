#include "optimizer/pipeline/detector.h"

#include <algorithm>
#include <cmath>

#include "optimizer/backends/opencv_tf/detection_output.h"
#include "optimizer/backends/opencv_tf/stage_output.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/detection/class_choice.h"
#include "optimizer/passes/detection/detector_heads.h"
#include "optimizer/passes/detection/emit_heads.h"
#include "optimizer/passes/detection/emit_suppression.h"
#include "optimizer/passes/rewrite.h"
#include "optimizer/pipeline/describe_detector.h"
#include "optimizer/pipeline/detector_stages.h"
#include "optimizer/pipeline/onnx_output.h"
#include "optimizer/pipeline/picture_size.h"

namespace permafrost {
namespace {

// The outputs of a cut graph.
constexpr size_t kBoxes = 0, kScores = 1, kWindow = 2;

// Whether boxes are cut at the picture's edges. Errors: at others.
StatusOr<bool> CutsAtEdges(const Graph& graph, const Suppression& suppression) {
  if (suppression.cut_at_one) return true;
  if (!suppression.far_edges.empty()) {
    const std::vector<int64_t> sides = suppression.picture.value_or(std::vector<int64_t>{1, 1});
    const auto height = static_cast<float>(sides[0]), width = static_cast<float>(sides[1]);
    const std::vector<float>& edges = suppression.far_edges;
    if (edges == std::vector<float>{1, 1, 1, 1} || edges == std::vector<float>{height, width, height, width}) return true;
    return Unsupported("boxes are cut at edges other than the picture's");
  }
  if (graph.outputs().size() <= kWindow) return false;
  const Tensor* window = ConstantBehind(graph, graph.outputs()[kWindow].value);
  if (window == nullptr) return Unsupported("boxes are cut at a window that depends on the picture's size; fix it with --inputs");
  const std::vector<float> edges = window->Values<float>();
  if (edges.size() == 4 && edges == std::vector<float>{0, 0, 1, 1}) return true;
  return Unsupported("boxes are cut at a window other than the picture");
}

// Boxes all over the picture: rows as DetectionOutput gives them, or corners alone, y first.
Tensor MadeUpBoxes(const Shape& shape, bool rows) {
  const int64_t columns = rows ? 7 : 4;
  std::vector<float> made;
  for (int64_t i = 0; i < shape.Elements() / columns; ++i) {
    const auto x = static_cast<float>(i * 37 % 61) / 100, y = static_cast<float>(i * 23 % 53) / 100;
    const float right = x + 0.1F + static_cast<float>(i % 7) / 25, bottom = y + 0.1F + static_cast<float>(i % 5) / 16;
    if (rows) {
      made.insert(made.end(), {0, 1, 0.5F, x, y, right, bottom});
    } else {
      made.insert(made.end(), {y, x, bottom, right});
    }
  }
  return Tensor::Of<float>(shape.dims(), made);
}

// Boxes in pixels of the network's picture become fractions of it. Errors: pictures of another size are fed.
Status MakeRelative(const Graph& graph, const std::optional<std::vector<int64_t>>& canvas, DetectorHeads& heads) {
  constexpr float kFarthest = 8;  // from the picture, in pictures, that a box begins
  const auto beyond = [](float edge) { return std::abs(edge) > kFarthest; };
  if (std::none_of(heads.anchors.begin(), heads.anchors.end(), beyond)) return OkStatus();
  for (NodeId id : graph.inputs()) {
    const Shape& shape = graph.type({id, 0}).shape;
    if (!shape.IsRank(4)) continue;
    const int64_t height = shape.dim(1), width = shape.dim(2);
    if (height < 1 || width < 1 || (canvas && (height != (*canvas)[0] || width != (*canvas)[1]))) {
      return Unsupported("boxes are in pixels of the network's picture, but input '", graph.node(id).name, "' takes ",
                         shape.ToString(), canvas ? StrCat("; it has to take ", (*canvas)[0], "x", (*canvas)[1]) : "");
    }
    for (size_t i = 0; i < heads.anchors.size(); ++i) heads.anchors[i] /= static_cast<float>(i % 2 == 0 ? height : width);
    return OkStatus();
  }
  return Unsupported("boxes are in pixels of a picture that is no input");
}

// Why one suppression of each class by itself, which is all that files hold, is no match for this one; empty: it is.
std::string_view NeedsDecoder(const DetectorHeads& heads, const Suppression& suppression) {
  if (suppression.soft_sigma > 0) return "scores sink where boxes overlap";
  if (heads.foreground_classes() == 1) return "";
  if (suppression.across_classes) return "boxes of different classes are compared with each other";
  return suppression.best_class_only ? "only the best class of a box counts" : "";
}

DetectorInfo Describe(const Graph& graph, const DetectorHeads& heads, const Suppression& suppression, bool clip) {
  DetectorInfo info;
  info.family = "ssd";
  info.classes = heads.classes;
  info.background = heads.background;
  DescribeSuppression(suppression, clip, info);
  if (heads.background == 0) --info.class_offset;
  DescribePicture(graph, info);
  return info;
}

// What OpenCV's layer does otherwise than the graph.
void NoteLimits(const DetectorHeads& heads, const Suppression& suppression, std::vector<std::string>& notes) {
  const int64_t candidates = CandidatesPerClass(heads, suppression);
  if (candidates < heads.anchor_count()) {
    notes.push_back(StrCat("of each class the ", candidates, " best of ", heads.anchor_count(), " boxes are compared"));
  }
  if (heads.foreground_classes() > 1 && suppression.max_per_class < KeptInAll(heads, suppression)) {
    notes.push_back(StrCat("the graph keeps ", suppression.max_per_class, " boxes of a class, DetectionOutput has no such limit: rows beyond it are the "
                           "program's to leave out (permafrost-run does)"));
  }
}

}  // namespace

std::optional<DetectorFormat> FormatOfDetectors(const OptimizeOptions& options) {
  if (options.detector_format) {
    return *options.detector_format == DetectorFormat::kGraph ? std::nullopt : options.detector_format;
  }
  if (options.passes || options.target.kind == Target::Kind::kGraphDef) return std::nullopt;
  const bool takes = options.target.kind == Target::Kind::kOpenCv || SuppressesInOnnx(options.target);
  return takes ? DetectorFormat::kDetections : DetectorFormat::kHeads;
}

std::optional<DetectorCut> CutDetector(GraphEditor& editor, const std::optional<std::vector<int64_t>>& picture,
                                       std::vector<std::string>& notes, std::string& refusal) {
  const Graph& graph = editor.graph();
  auto stages = FindStages(editor);
  if (!stages.ok()) {
    refusal = std::string(Message(stages.status()));
    return std::nullopt;
  }
  if (*stages) {
    const Value boxes = (*stages)->proposals.boxes;
    FixSidesInRange(editor, boxes, notes);
    FixPictures(editor, picture ? picture : SizeOfPictures(graph, {boxes}), notes);
    CutAtStages(editor, **stages);
    return DetectorCut{{}, **stages};
  }
  auto found = FindSuppression(editor);
  if (!found.ok()) {
    refusal = std::string(Message(found.status()));
    return std::nullopt;
  }
  if (!*found) return std::nullopt;
  Suppression suppression = **found;
  suppression.picture = picture ? picture : SizeOfPictures(graph, {suppression.boxes});
  FixPictures(editor, suppression.picture, notes);
  if (suppression.top) TakeAllBoxes(editor, suppression.boxes, *suppression.top);
  if (suppression.sigmoid_to_come) suppression.scores = Emit(editor, "Sigmoid", "detector/sigmoid", {suppression.scores});
  std::vector<GraphOutput> outputs = {{"detector/decoded_boxes", suppression.boxes},
                                      {"detector/converted_scores", suppression.scores}};
  if (suppression.window) outputs.push_back({"detector/window", *suppression.window});
  editor.SetGraphOutputs(std::move(outputs));
  return DetectorCut{suppression, std::nullopt};
}

StatusOr<DetectorInfo> BuildDetector(Graph& graph, const DetectorCut& cut, DetectorFormat format, const Target& target,
                                     std::vector<std::string>& notes) {
  const bool for_opencv = target.kind == Target::Kind::kOpenCv;
  if (cut.stages) return BuildStages(graph, *cut.stages, format, for_opencv, notes);
  const Suppression& suppression = cut.suppression;
  ASSIGN_OR_RETURN(const bool clip, CutsAtEdges(graph, suppression));
  ASSIGN_OR_RETURN(DetectorHeads heads, ReadHeads(graph, graph.outputs()[kBoxes].value, graph.outputs()[kScores].value));
  if (suppression.classes != 0 && suppression.classes != heads.foreground_classes()) {
    return Unsupported(heads.foreground_classes(), " classes have scores, but boxes are chosen for ", suppression.classes);
  }
  RETURN_IF_ERROR(MakeRelative(graph, suppression.picture, heads));
  if (const std::string_view reason = NeedsDecoder(heads, suppression); !reason.empty() && format == DetectorFormat::kDetections) {
    format = DetectorFormat::kHeads;
    notes.push_back(StrCat(reason, ", which ", for_opencv ? "OpenCV's DetectionOutput" : target.kind == Target::Kind::kOnnx ? "ONNX's NonMaxSuppression" : "CombinedNonMaxSuppression",
                           " does not do: heads are written, which permafrost-run decodes"));
  }
  DetectorInfo info = Describe(graph, heads, suppression, clip);
  GraphEditor editor(graph);
  DropRoundTrips(editor);
  std::string_view how = "its heads are written, anchors are in model.json";
  if (format == DetectorFormat::kHeads) {
    EmitHeads(editor, heads);
    info.kind = std::string(DetectorInfo::kHeads);
    info.boxes = std::string(kBoxEncodings);
    info.scores = std::string(kClassScores);
    info.score_converter = std::string(heads.converter);
    info.box_coder = std::string(heads.x_first ? DetectorInfo::kCenterSizeXy : DetectorInfo::kCenterSize);
    info.box_scales = heads.scales;
    if (heads.x_first) {
      std::swap(info.box_scales[0], info.box_scales[1]);
      std::swap(info.box_scales[2], info.box_scales[3]);
    }
    info.anchors = heads.anchors;
  } else {
    info.kind = std::string(DetectorInfo::kDetectionOutput);
    info.detections = std::string(kDetections);
    if (for_opencv) {
      how = "written with OpenCV's DetectionOutput, which only OpenCV knows (--format heads: without)";
      EmitDetectionOutput(editor, heads, suppression, clip);
      NoteLimits(heads, suppression, notes);
    } else {
      how = "written with a suppression of boxes that overlap (--format heads: without)";
      RETURN_IF_ERROR(EmitSuppression(editor, heads, suppression, clip));
    }
  }
  editor.PruneDead();
  RETURN_IF_ERROR(InferTypes(editor));
  notes.push_back(StrCat("a detector: ", heads.foreground_classes(), heads.foreground_classes() == 1 ? " class, " : " classes, ",
                         heads.anchor_count(), " anchors, ", heads.converter, " scores above ",
                         suppression.score_threshold, ", overlap up to ", suppression.iou_threshold, "; ", how));
  return info;
}

Graph UpToDetections(const Graph& graph) {
  Graph copy = graph;
  GraphEditor editor(copy);
  std::vector<GraphOutput> outputs;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if ((node.op != "cv::DetectionOutput" && node.op != "CombinedNonMaxSuppression") || node.inputs.size() < 2) continue;
    const std::string number = outputs.empty() ? "" : StrCat("_", outputs.size() / 2);
    outputs.push_back({StrCat("boxes", number), node.inputs[0]});
    outputs.push_back({StrCat("scores", number), node.inputs[1]});
  }
  if (outputs.empty()) return copy;
  for (const GraphOutput& output : graph.outputs()) {
    if (output.name == kDetectionMasks) outputs.push_back(output);
  }
  editor.SetGraphOutputs(std::move(outputs));
  for (NodeId id : graph.NodeIds()) {
    const Shape shape = graph.type({id, 0}).shape;
    const bool rows = graph.node(id).op == "cv::DetectionOutput";
    if ((!rows && graph.node(id).op != "CombinedNonMaxSuppression") || !shape.FullyKnown()) continue;
    if (!editor.Users(id).empty()) editor.ReplaceUses({id, 0}, EmitConst(editor, "made_up_boxes", MadeUpBoxes(shape, rows)));
  }
  editor.PruneDead();
  return copy;
}

}  // namespace permafrost
