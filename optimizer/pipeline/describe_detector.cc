#include "optimizer/pipeline/describe_detector.h"

#include <algorithm>

namespace permafrost {

void DescribePicture(const Graph& graph, DetectorInfo& info) {
  for (NodeId id : graph.inputs()) {
    const Shape& shape = graph.type({id, 0}).shape;
    if (!shape.IsRank(4)) continue;
    info.input = graph.node(id).name;
    info.input_height = std::max<int64_t>(shape.dim(1), 0);
    info.input_width = std::max<int64_t>(shape.dim(2), 0);
    break;
  }
}

void DescribeSuppression(const Suppression& suppression, bool clip, DetectorInfo& info) {
  info.class_offset = suppression.label_offset;
  info.score_threshold = suppression.score_threshold;
  info.iou_threshold = suppression.iou_threshold;
  info.best_class_only = suppression.best_class_only;
  info.across_classes = suppression.across_classes;
  info.soft_sigma = suppression.soft_sigma;
  info.max_detections_per_class = suppression.max_per_class;
  info.max_detections = suppression.max_total;
  info.clip = clip;
  info.clip_first = clip && suppression.cut_first;
}

}  // namespace permafrost
