#include "optimizer/passes/detection/emit_suppression.h"

#include <algorithm>

#include "optimizer/passes/detection/emit_boxes.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {

int64_t KeptInAll(const DetectorHeads& heads, const Suppression& suppression) {
  const int64_t per_class = std::min(suppression.max_per_class, heads.anchor_count());
  return std::min(suppression.max_total, per_class * heads.foreground_classes());
}

Status EmitSuppression(GraphEditor& editor, const DetectorHeads& heads, const Suppression& suppression, bool clip) {
  constexpr std::string_view kScope = "detector";
  if (heads.background > 0 && heads.background != heads.classes - 1) {
    return Unsupported("the background is column ", heads.background, " of ", heads.classes, ", expected the first or the last");
  }
  const int64_t rows = KeptInAll(heads, suppression);
  constexpr int64_t kMostRows = 1 << 20;
  if (rows < 1 || rows > kMostRows) return Unsupported("keeps ", rows, " boxes, expected at most ", kMostRows);
  const Value boxes = EmitDecoded(editor, kScope, heads, clip && suppression.cut_first);
  const Value axis = EmitConst(editor, StrCat(kScope, "/axis"), Tensor::Scalar<int32_t>(2));
  SuppressedBoxes given;
  given.boxes = Emit(editor, "ExpandDims", StrCat(kScope, "/shared_boxes"), {boxes, axis});
  given.scores = EmitScores(editor, kScope, heads, heads.anchor_count());
  given.max_per_class = std::min(suppression.max_per_class, heads.anchor_count());
  given.max_total = rows;
  given.iou_threshold = suppression.iou_threshold;
  given.score_threshold = suppression.score_threshold;
  given.clip_after = clip && !suppression.cut_first;
  const Value found = EmitSuppressionOf(editor, kScope, given);
  editor.SetGraphOutputs({{std::string(kDetections), EmitDetectionTable(editor, kScope, found, rows, heads.background == 0)}});
  return OkStatus();
}

}  // namespace permafrost
