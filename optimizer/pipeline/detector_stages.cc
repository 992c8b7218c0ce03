#include "optimizer/pipeline/detector_stages.h"

#include <algorithm>
#include <set>
#include <utility>

#include "optimizer/backends/opencv_tf/stage_output.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/detection/read_stages.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/rewrite.h"
#include "optimizer/pipeline/describe_detector.h"

namespace permafrost {
namespace {

// Names of outputs and inputs of the graph while it is cut.
constexpr std::string_view kProposals = "detector/proposals", kDetected = "detector/detected", kMaskHead = "detector/mask_head";

NodeId EmitBoxes(GraphEditor& editor, std::string_view name, int64_t count) {
  const Shape shape({1, count, 4});
  Node node{.name = editor.UniqueName(name), .op = "Placeholder", .inputs = {}, .controls = {}, .attrs = {}, .outputs = {}};
  node.attrs["dtype"] = DType::kFloat32;
  node.attrs["shape"] = shape;
  const NodeId id = editor.AddNode(std::move(node));
  editor.SetOutputTypes(id, {{DType::kFloat32, shape, std::nullopt}});
  return id;
}

void AddOutputs(std::string_view scope, const Suppression& suppression, std::vector<GraphOutput>& outputs) {
  outputs.push_back({StrCat(scope, "/decoded"), suppression.boxes});
  outputs.push_back({StrCat(scope, "/converted"), suppression.scores});
  if (suppression.window) outputs.push_back({StrCat(scope, "/window"), *suppression.window});
}

std::optional<Value> OutputNamed(const Graph& graph, std::string_view name) {
  for (const GraphOutput& output : graph.outputs()) {
    if (output.name == name) return output.value;
  }
  return std::nullopt;
}

NodeId InputNamed(const Graph& graph, std::string_view name) {
  for (NodeId id : graph.inputs()) {
    const Shape& shape = graph.type({id, 0}).shape;
    if (graph.node(id).name.starts_with(name) && shape.IsRank(3) && shape.FullyKnown()) return id;
  }
  return kNoNode;
}

StatusOr<CutStages::Boxes> BoxesNamed(const Graph& graph, std::string_view scope) {
  const auto decoded = OutputNamed(graph, StrCat(scope, "/decoded")), converted = OutputNamed(graph, StrCat(scope, "/converted"));
  if (!decoded || !converted) return Internal("the outputs of ", scope, " are gone");
  return CutStages::Boxes{*decoded, *converted, OutputNamed(graph, StrCat(scope, "/window"))};
}

StatusOr<CutStages> FindCuts(const Graph& graph, const DetectorStages& stages) {
  CutStages cut;
  ASSIGN_OR_RETURN(cut.proposals, BoxesNamed(graph, kProposals));
  ASSIGN_OR_RETURN(cut.detections, BoxesNamed(graph, kDetected));
  cut.masks = OutputNamed(graph, kMaskHead);
  cut.masks_converted = stages.masks_converted;
  cut.proposed = InputNamed(graph, kProposals);
  cut.found = InputNamed(graph, kDetected);
  if (cut.proposed == kNoNode || (cut.masks && cut.found == kNoNode)) return Internal("the inputs of the second stage are gone");
  return cut;
}

// The boxes that were fed go; nothing but what was recognised may have read them.
Status DropBoxes(GraphEditor& editor, const CutStages& cut) {
  editor.PruneDead();
  const Graph& graph = editor.graph();
  std::vector<NodeId> inputs = graph.inputs();
  for (NodeId boxes : {cut.proposed, cut.found}) {
    if (boxes == kNoNode) continue;
    if (!editor.Users(boxes).empty()) {
      return Unsupported("node '", graph.node(editor.Users(boxes)[0].node).name, "' reads boxes in a way that no detector of two stages does");
    }
    std::erase(inputs, boxes);
  }
  editor.SetGraphInputs(std::move(inputs));
  editor.PruneDead();
  return OkStatus();
}

// The least shorter and the most longer side, where a resize works its size out from these and the picture's.
std::optional<std::pair<int64_t, int64_t>> RangeOfSides(const Graph& graph, Value boxes) {
  constexpr double kLeast = 16, kMost = 8192;
  for (NodeId id : ConeOf(graph, {boxes})) {
    const Node& node = graph.node(id);
    if (!node.op.starts_with("Resize") || node.inputs.size() != 2 || ConstantBehind(graph, node.inputs[1]) != nullptr) continue;
    const std::vector<NodeId> above = ConeOf(graph, {node.inputs[0]});
    if (std::any_of(above.begin(), above.end(), [&](NodeId other) { return graph.node(other).op == "Conv2D"; })) continue;
    std::set<int64_t> sides;
    for (NodeId part : ConeOf(graph, {node.inputs[1]})) {
      const Tensor* number = ConstValue(graph, {part, 0});
      if (number == nullptr || number->elements() > 2 || number->dtype() == DType::kString) continue;
      for (const double side : number->Values<double>()) {
        if (side >= kLeast && side <= kMost) sides.insert(static_cast<int64_t>(side));
      }
    }
    if (sides.size() == 1 || sides.size() == 2) return std::pair(*sides.begin(), *sides.rbegin());
  }
  return std::nullopt;
}

}  // namespace

void FixSidesInRange(GraphEditor& editor, Value boxes, std::vector<std::string>& notes) {
  const Graph& graph = editor.graph();
  for (NodeId id : graph.inputs()) {
    Shape shape = graph.type({id, 0}).shape;
    if (!shape.IsRank(4) || (shape.dim(1) >= 0 && shape.dim(2) >= 0)) continue;
    const auto range = RangeOfSides(graph, boxes);
    if (!range) return;
    const int64_t sides[] = {1, range->first, range->second};
    for (int axis : {0, 1, 2}) {
      if (shape.dim(axis) < 0) shape.set_dim(axis, sides[axis]);
    }
    editor.SetAttr(id, "shape", shape);
    editor.SetOutputTypes(id, {{graph.type({id, 0}).dtype, shape, std::nullopt}});
    notes.push_back(StrCat("input '", graph.node(id).name, "' takes ", shape.ToString(), ", the least shorter by the most longer side that the "
                           "graph would bring pictures to (--inputs names others)"));
  }
}

void CutAtStages(GraphEditor& editor, const DetectorStages& stages) {
  std::vector<NodeId> inputs = editor.graph().inputs();
  const auto feed = [&](Value boxes, std::string_view name, int64_t count) {
    inputs.push_back(EmitBoxes(editor, name, count));
    editor.ReplaceUses(boxes, {inputs.back(), 0});
  };
  std::vector<GraphOutput> outputs;
  AddOutputs(kProposals, stages.proposals, outputs);
  AddOutputs(kDetected, stages.detections, outputs);
  if (stages.masks) outputs.push_back({std::string(kMaskHead), *stages.masks});
  editor.SetGraphOutputs(std::move(outputs));
  feed(stages.proposed, kProposals, stages.proposals.max_total);
  if (stages.found) feed(*stages.found, kDetected, stages.detections.max_total);
  editor.SetGraphInputs(std::move(inputs));
}

StatusOr<DetectorInfo> BuildStages(Graph& graph, const DetectorStages& stages, DetectorFormat format, bool for_opencv,
                                   std::vector<std::string>& notes) {
  if (format == DetectorFormat::kHeads) {
    return Unsupported("its second stage looks at boxes that the first one's suppression leaves, so it has no heads to decode outside of "
                       "the file; --format detections writes all of it: as .pb for OpenCV, as .onnx with --target onnxruntime, "
                       "tensorrt or opencv-5.0");
  }
  ASSIGN_OR_RETURN(const CutStages cut, FindCuts(graph, stages));
  ASSIGN_OR_RETURN(const StageHeads heads, ReadStages(graph, cut));
  const int64_t classes = heads.detections.foreground_classes();
  if (stages.detections.classes != classes || (stages.detections.boxes_per_class && heads.box_classes != classes)) {
    return Unsupported(classes, " classes have scores, but boxes are chosen for ", stages.detections.classes);
  }
  GraphEditor editor(graph);
  for_opencv ? EmitStages(editor, stages, heads) : EmitStageSuppressions(editor, stages, heads);
  RETURN_IF_ERROR(DropBoxes(editor, cut));
  RETURN_IF_ERROR(InferTypes(editor));
  DetectorInfo info;
  info.family = heads.masks ? "mask_rcnn" : heads.crops.size() > 1 ? "rfcn" : "faster_rcnn";
  info.kind = std::string(DetectorInfo::kDetectionOutput);
  info.detections = std::string(kFinalDetections);
  if (heads.masks) info.masks = std::string(kDetectionMasks);
  info.classes = classes;
  DescribeSuppression(stages.detections, stages.detections.window.has_value(), info);
  DescribePicture(graph, info);
  notes.push_back(StrCat("a detector of two stages", heads.masks ? " with masks: " : ": ", classes, classes == 1 ? " class, " : " classes, ",
                         heads.proposals.anchor_count(), " anchors, ", stages.proposals.max_total, " proposals, ",
                         heads.detections.converter, " scores above ", stages.detections.score_threshold, ", overlap up to ",
                         stages.detections.iou_threshold, "; written with ",
                         for_opencv ? "OpenCV's DetectionOutput and CropAndResize, which only OpenCV knows" : "two suppressions of boxes that overlap"));
  return info;
}

}  // namespace permafrost
