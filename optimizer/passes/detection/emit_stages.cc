#include "optimizer/passes/detection/emit_stages.h"

#include <algorithm>

#include "optimizer/passes/detection/emit_boxes.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

constexpr std::string_view kFirst = "detector/first_stage", kSecond = "detector/second_stage";

SuppressedBoxes LimitsOf(const Suppression& suppression, int64_t boxes) {
  SuppressedBoxes given;
  given.max_per_class = std::min(suppression.max_per_class, boxes);
  given.max_total = suppression.max_total;
  given.iou_threshold = suppression.iou_threshold;
  given.score_threshold = std::max(suppression.score_threshold, 0.0);  // what is no proposal has a score of 0
  given.clip_after = suppression.window && !suppression.cut_first;
  return given;
}

// Boxes [1, proposals, 4] of the picture; rows of zeros where there are fewer.
Value EmitProposals(GraphEditor& editor, const Suppression& suppression, const DetectorHeads& heads) {
  const bool clip_first = suppression.window && suppression.cut_first;
  const Value boxes = EmitDecoded(editor, kFirst, heads, clip_first);
  const Value axis = EmitConst(editor, StrCat(kFirst, "/axis"), Tensor::Scalar<int32_t>(2));
  SuppressedBoxes given = LimitsOf(suppression, heads.anchor_count());
  given.boxes = Emit(editor, "ExpandDims", StrCat(kFirst, "/shared_boxes"), {boxes, axis});
  given.scores = EmitScores(editor, kFirst, heads, heads.anchor_count());
  if (clip_first) {
    given.scores = Emit(editor, "Mul", StrCat(kFirst, "/in_picture"), {given.scores, EmitHasExtent(editor, kFirst, given.boxes)});
  }
  return EmitSuppressionOf(editor, kFirst, given);
}

// The same part of each box [n, 4]: low + part (high - low) for each edge.
Value PartOf(GraphEditor& editor, Value boxes, const std::array<double, 4>& part) {
  if (part == std::array<double, 4>{0, 0, 1, 1}) return boxes;
  std::vector<float> weights(16, 0);
  for (size_t edge = 0; edge < 4; ++edge) {
    weights[edge % 2 * 4 + edge] = static_cast<float>(1 - part[edge]);
    weights[(edge % 2 + 2) * 4 + edge] = static_cast<float>(part[edge]);
  }
  return Emit(editor, "MatMul", StrCat(kSecond, "/part"), {boxes, EmitConst(editor, StrCat(kSecond, "/part/weights"), Tensor::Of<float>({4, 4}, weights))});
}

// Every crop takes its part of the boxes [1, n, 4].
void CutOut(GraphEditor& editor, const std::vector<StageCrop>& crops, Value boxes) {
  const auto count = static_cast<int32_t>(editor.graph().type(boxes).shape.dim(1));
  const Value shape = EmitConst(editor, StrCat(kSecond, "/cut/shape"), Tensor::Vector<int32_t>({count, 4}));
  const Value rows = Emit(editor, "Reshape", StrCat(kSecond, "/cut"), {boxes, shape});
  const Value picture = EmitConst(editor, StrCat(kSecond, "/cut/picture"), Tensor::Vector<int32_t>(std::vector<int32_t>(static_cast<size_t>(count), 0)));
  for (const StageCrop& crop : crops) {
    const std::string name = editor.node(crop.node).name;
    const Value features = editor.node(crop.node).inputs[0], size = editor.node(crop.node).inputs[3];
    const AttrMap attrs = {{"extrapolation_value", editor.node(crop.node).attr_or<float>("extrapolation_value", 0.0F)}};
    editor.ReplaceUses({crop.node, 0}, Emit(editor, "CropAndResize", StrCat(name, "/crop"), {features, PartOf(editor, rows, crop.part), picture, size}, attrs));
  }
}

Value EmitDetections(GraphEditor& editor, const Suppression& suppression, const StageHeads& heads, Value proposals) {
  const int64_t count = editor.graph().type(proposals).shape.dim(1);
  const bool clip_first = suppression.window && suppression.cut_first;
  SuppressedBoxes given = LimitsOf(suppression, count);
  given.boxes = EmitDecodedAround(editor, kSecond, heads.detections, proposals, heads.box_classes, clip_first);
  const auto weigh = [&](Value scores, Value boxes) {
    return Emit(editor, "Mul", StrCat(kSecond, "/there"), {scores, EmitHasExtent(editor, kSecond, boxes)});
  };
  const Value axis = EmitConst(editor, StrCat(kSecond, "/axis"), Tensor::Scalar<int32_t>(2));
  const Value each = Emit(editor, "ExpandDims", StrCat(kSecond, "/each"), {proposals, axis});
  given.scores = weigh(EmitScores(editor, kSecond, heads.detections, count), each);
  if (clip_first) given.scores = weigh(given.scores, given.boxes);
  return EmitSuppressionOf(editor, kSecond, given);
}

}  // namespace

void EmitStageSuppressions(GraphEditor& editor, const DetectorStages& stages, const StageHeads& heads) {
  const Value proposals = EmitProposals(editor, stages.proposals, heads.proposals);
  CutOut(editor, heads.crops, proposals);
  const Value found = EmitDetections(editor, stages.detections, heads, proposals);
  std::vector<GraphOutput> outputs = {{std::string(kFinalDetections), EmitDetectionTable(editor, kSecond, found, stages.detections.max_total, false)}};
  if (heads.masks) {
    CutOut(editor, heads.mask_crops, found);
    const Value masks = heads.masks_converted ? Emit(editor, "Sigmoid", "detector/masks", {*heads.masks}) : *heads.masks;
    outputs.push_back({std::string(kDetectionMasks), masks});
  }
  editor.SetGraphOutputs(std::move(outputs));
}

}  // namespace permafrost
