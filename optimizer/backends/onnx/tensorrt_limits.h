#pragma once

#include <string>

#include "optimizer/backends/onnx/onnx_graph.h"

namespace permafrost {

// What docs/operators.md of ONNX-TensorRT 10.1 lets TensorRT 10 read: opsets, ops, element types and the restrictions
// beside them. Never run.
inline constexpr int kLastOpsetOfTensorRt = 20;

// Why it does not take the node; empty: it does.
std::string WhyNotInTensorRt(const OnnxGraph& graph, const OnnxNode& node);

}  // namespace permafrost
