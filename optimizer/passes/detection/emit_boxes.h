#pragma once

#include <string_view>
#include <vector>

#include "optimizer/passes/detection/detector_heads.h"

// What becomes of a detector's heads in TensorFlow's own ops, part by part. New nodes are named `scope`/... . Boxes are y1, x1, y2, x2.
namespace permafrost {

// Columns of the last axis.
Value EmitColumns(GraphEditor& editor, std::string_view name, Value value, int64_t begin, int64_t count);
Value EmitJoined(GraphEditor& editor, std::string_view name, std::vector<Value> parts, int32_t axis);

// Boxes [1, anchors, 4] from the encodings and anchors of `heads`, with `clip` cut at the picture's edges.
Value EmitDecoded(GraphEditor& editor, std::string_view scope, const DetectorHeads& heads, bool clip);
// The same around boxes [1, n, 4] that the graph works out, `of_each` of them: [1, n, of_each, 4].
Value EmitDecodedAround(GraphEditor& editor, std::string_view scope, const DetectorHeads& heads, Value boxes, int64_t of_each, bool clip);
// Converted scores [1, rows, classes] without the background.
Value EmitScores(GraphEditor& editor, std::string_view scope, const DetectorHeads& heads, int64_t rows);
// 1 for boxes [..., 4] with an extent along both axes, 0 for others: [...].
Value EmitHasExtent(GraphEditor& editor, std::string_view scope, Value boxes);

struct SuppressedBoxes {
  Value boxes, scores;  // [1, n, 1 or classes, 4] and [1, n, classes]
  int64_t max_per_class = 0, max_total = 0;
  double iou_threshold = 0.5, score_threshold = 0;
  bool clip_after = false;
};
// A CombinedNonMaxSuppression: its outputs are boxes [1, max_total, 4], scores, classes and how many there are.
Value EmitSuppressionOf(GraphEditor& editor, std::string_view scope, const SuppressedBoxes& given);

// Rows [1, 1, rows, 7] = picture, class, score, x1, y1, x2, y2 of such a suppression. With `background_first` classes are counted
// from 1.
Value EmitDetectionTable(GraphEditor& editor, std::string_view scope, Value found, int64_t rows, bool background_first);

}  // namespace permafrost
