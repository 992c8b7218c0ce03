#pragma once

#include <string_view>

#include "optimizer/ir/graph.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// OpenCV's own text graph (.pbtxt of its tf_text_graph_*.py) with the weights of the frozen graph it was made from, as
// cv::dnn::readNetFromTensorflow takes the two together: the net is what the text says, and constants it does not hold
// itself are those of that name in `weights`, behind Identity nodes too. All but constants and placeholders are layers of
// OpenCV ("cv::Conv2D"): their attributes and shapes are its own, so no pass touches them.
//   text:    conv = Conv2D(image, "conv/weights")        weights: conv/weights = Const [3,3,3,8]
//   result:  conv = cv::Conv2D(image, conv/weights)
// Outputs are its last layers, and "detection_out_final", which Mask R-CNN crops its masks by.
// Errors: text that is no GraphDef, an input that neither has, or that is no constant in the frozen graph, a DetectionOutput for
// another number of classes than the weights have.
StatusOr<Graph> ReadOpenCvGraph(std::string_view text, const Graph& weights, const Limits& limits);

}  // namespace permafrost
