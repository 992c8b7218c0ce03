#pragma once

#include <string>
#include <vector>

#include "optimizer/backends/onnx/conversion.h"

namespace permafrost {

struct OnnxModel {
  OnnxGraph graph;
  std::vector<AxisOrder> input_orders, output_orders;  // how the boundary lies
  bool weights_stay_small = true;  // false: the runtime takes no half weights or levels, they are written in 32 bits
};

struct OnnxRefusal {
  std::string node, op, reason;
};

// A flat, optimized TensorFlow graph as ONNX: one builder per op (op_table.h), layouts kept track of on the way.
// `refused` gets the nodes that cannot be said; then there is no model.
StatusOr<OnnxModel> ConvertToOnnx(const Graph& graph, const OnnxOptions& options, std::vector<OnnxRefusal>& refused);

}  // namespace permafrost
