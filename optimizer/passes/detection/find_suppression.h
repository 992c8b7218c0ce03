#pragma once

#include <array>
#include <optional>

#include "optimizer/ir/graph_editor.h"

namespace permafrost {

// How a graph chooses among boxes, and what it chooses from. Both values lie outside of loops.
struct Suppression {
  Value boxes;   // decoded, the same for all classes: [batch, anchors, 4], with dims of 1 anywhere
  Value scores;  // [batch, anchors, classes]
  std::optional<Value> window;  // [batch, 4] or [4]: where boxes are cut
  bool cut_first = false;       // boxes are cut before they are compared, not afterwards
  bool cut_at_one = false;      // at the picture's edges, without saying so by a window
  int64_t classes = 0;          // columns of `scores` that are looked at; 0: all of them
  double score_threshold = 0, iou_threshold = 0.5;
  int64_t max_per_class = 0, max_total = 0;
  int64_t label_offset = 0;  // what is added to a class's number at the end
};

// The post-processing of the Object Detection API: NonMaxSuppression (V1 to V5) for each class, in a loop over the batch
// or without, or CombinedNonMaxSuppression. For graphs at either level. Nullopt: no output hangs on such an op.
// Errors: it is there but does what is not known here; node and reason.
StatusOr<std::optional<Suppression>> FindSuppression(const GraphEditor& editor);

}  // namespace permafrost
