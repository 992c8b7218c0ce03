#include "optimizer/pipeline/detector.h"

#include <algorithm>
#include <set>

#include "optimizer/backends/opencv_tf/detection_output.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/detection/detector_heads.h"
#include "optimizer/passes/detection/emit_heads.h"
#include "optimizer/passes/fold_constants.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/remove_identity.h"
#include "optimizer/passes/remove_training.h"
#include "optimizer/passes/rewrite.h"
#include "optimizer/passes/run_pass.h"

namespace permafrost {
namespace {

// The outputs of a cut graph.
constexpr size_t kBoxes = 0, kScores = 1, kWindow = 2;

bool IsResize(const Node& node) {
  static const std::set<std::string_view> kOps = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"};
  return kOps.contains(node.op) && node.inputs.size() == 2;
}

// Height and width that pictures are brought to before the network sees them.
std::optional<std::vector<int64_t>> SizeOfPictures(const Graph& graph, Value boxes) {
  for (NodeId id : ConeOf(graph, {boxes})) {
    if (!IsResize(graph.node(id))) continue;
    const Tensor* size = ConstantBehind(graph, graph.node(id).inputs[1]);
    if (size == nullptr || size->elements() != 2) continue;
    const std::vector<NodeId> above = ConeOf(graph, {graph.node(id).inputs[0]});
    const bool in_network = std::any_of(above.begin(), above.end(), [&](NodeId node) { return graph.node(node).op == "Conv2D"; });
    const std::vector<int64_t> pixels = size->Values<int64_t>();
    if (!in_network && pixels[0] > 0 && pixels[1] > 0) return pixels;
  }
  return std::nullopt;
}

// One picture of the size that the graph would bring it to.
void FixInputs(GraphEditor& editor, Value boxes, std::vector<std::string>& notes) {
  const Graph& graph = editor.graph();
  for (NodeId id : graph.inputs()) {
    Shape shape = graph.type({id, 0}).shape;
    if (!shape.IsRank(4) || shape.FullyKnown()) continue;
    if (shape.dim(0) < 0) shape.set_dim(0, 1);
    const auto size = SizeOfPictures(graph, boxes);
    for (int axis : {1, 2}) {
      if (size && shape.dim(axis) < 0) shape.set_dim(axis, (*size)[static_cast<size_t>(axis) - 1]);
    }
    editor.SetAttr(id, "shape", shape);
    notes.push_back(StrCat("input '", graph.node(id).name, "' takes ", shape.ToString(),
                           size ? ", the size that the graph would bring pictures to (--inputs names another)" : ""));
  }
}

// Whether boxes are cut at the picture's edges. Errors: at others.
StatusOr<bool> CutsAtEdges(const Graph& graph, const Suppression& suppression) {
  if (suppression.cut_at_one) return true;
  if (graph.outputs().size() <= kWindow) return false;
  const Tensor* window = ConstantBehind(graph, graph.outputs()[kWindow].value);
  if (window == nullptr) return Unsupported("boxes are cut at a window that depends on the picture's size; fix it with --inputs");
  const std::vector<float> edges = window->Values<float>();
  if (edges.size() == 4 && edges == std::vector<float>{0, 0, 1, 1}) return true;
  return Unsupported("boxes are cut at a window other than the picture");
}

DetectorInfo Describe(const Graph& graph, const DetectorHeads& heads, const Suppression& suppression, bool clip) {
  DetectorInfo info;
  info.family = "ssd";
  info.classes = heads.classes;
  info.background = heads.background;
  info.class_offset = suppression.label_offset - (heads.background == 0 ? 1 : 0);
  info.score_threshold = suppression.score_threshold;
  info.iou_threshold = suppression.iou_threshold;
  info.max_detections_per_class = suppression.max_per_class;
  info.max_detections = suppression.max_total;
  info.clip = clip;
  info.clip_first = clip && suppression.cut_first;
  for (NodeId id : graph.inputs()) {
    const Shape& shape = graph.type({id, 0}).shape;
    if (!shape.IsRank(4)) continue;
    info.input = graph.node(id).name;
    info.input_height = std::max<int64_t>(shape.dim(1), 0);
    info.input_width = std::max<int64_t>(shape.dim(2), 0);
    break;
  }
  return info;
}

}  // namespace

std::optional<DetectorFormat> FormatOfDetectors(const OptimizeOptions& options) {
  if (options.detector_format) {
    return *options.detector_format == DetectorFormat::kGraph ? std::nullopt : options.detector_format;
  }
  if (options.passes || options.target.kind == Target::Kind::kGraphDef) return std::nullopt;
  return options.target.kind == Target::Kind::kOpenCv ? DetectorFormat::kDetections : DetectorFormat::kHeads;
}

std::optional<Suppression> CutDetector(GraphEditor& editor, std::vector<std::string>& notes, std::string& refusal) {
  auto found = FindSuppression(editor);
  if (!found.ok()) {
    refusal = std::string(Message(found.status()));
    return std::nullopt;
  }
  if (!*found) return std::nullopt;
  const Suppression suppression = **found;
  FixInputs(editor, suppression.boxes, notes);
  std::vector<GraphOutput> outputs = {{"detector/decoded_boxes", suppression.boxes},
                                      {"detector/converted_scores", suppression.scores}};
  if (suppression.window) outputs.push_back({"detector/window", *suppression.window});
  editor.SetGraphOutputs(std::move(outputs));
  return suppression;
}

StatusOr<DetectorInfo> BuildDetector(Graph& graph, const Suppression& suppression, DetectorFormat format,
                                     const PassOptions& passes, std::vector<std::string>& notes) {
  for (const PassInfo* pass : {&kRemoveTraining, &kRemoveIdentity, &kFoldConstants}) {
    RETURN_IF_ERROR(RunPass(*pass, graph, passes).status());
  }
  ASSIGN_OR_RETURN(const bool clip, CutsAtEdges(graph, suppression));
  ASSIGN_OR_RETURN(const DetectorHeads heads, ReadHeads(graph, graph.outputs()[kBoxes].value, graph.outputs()[kScores].value));
  if (suppression.classes != 0 && suppression.classes != heads.foreground_classes()) {
    return Unsupported(heads.foreground_classes(), " classes have scores, but boxes are chosen for ", suppression.classes);
  }
  DetectorInfo info = Describe(graph, heads, suppression, clip);
  GraphEditor editor(graph);
  if (format == DetectorFormat::kHeads) {
    EmitHeads(editor, heads);
    info.kind = std::string(DetectorInfo::kHeads);
    info.boxes = std::string(kBoxEncodings);
    info.scores = std::string(kClassScores);
    info.score_converter = std::string(heads.converter);
    info.box_coder = "center_size";
    info.box_scales = heads.scales;
    info.anchors = heads.anchors;
  } else {
    EmitDetectionOutput(editor, heads, suppression, clip);
    info.kind = std::string(DetectorInfo::kDetectionOutput);
    info.detections = std::string(kDetections);
    const int64_t candidates = CandidatesPerClass(heads, suppression);
    if (candidates < heads.anchor_count()) {
      notes.push_back(StrCat("of each class the ", candidates, " best of ", heads.anchor_count(), " boxes are compared"));
    }
  }
  editor.PruneDead();
  RETURN_IF_ERROR(InferTypes(editor));
  notes.push_back(StrCat("a detector: ", heads.foreground_classes(), heads.foreground_classes() == 1 ? " class, " : " classes, ",
                         heads.anchor_count(), " anchors, ", heads.converter, " scores above ",
                         suppression.score_threshold, ", overlap up to ", suppression.iou_threshold, "; ",
                         format == DetectorFormat::kHeads
                             ? "its heads are written, anchors are in model.json"
                             : "written with OpenCV's DetectionOutput, which only OpenCV knows (--format heads: without)"));
  return info;
}

Graph UpToDetections(const Graph& graph) {
  Graph copy = graph;
  GraphEditor editor(copy);
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.op != "cv::DetectionOutput" || node.inputs.size() < 2) continue;
    editor.SetGraphOutputs({{"boxes", node.inputs[0]}, {"scores", node.inputs[1]}});
    editor.PruneDead();
    break;
  }
  return copy;
}

}  // namespace permafrost
