#include "optimizer/passes/lowering/batch_statistics.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

bool IsCheap(std::string_view op) {
  static const std::set<std::string_view> kOps = {"Identity", "Squeeze", "Reshape", "ExpandDims",   "Cast",   "Sub",
                                                  "Add",      "AddV2",   "Mul",     "RealDiv",      "Square", "Maximum",
                                                  "Switch",   "Merge",   "Relu",    "StopGradient"};
  return kOps.contains(op);
}

bool IsMean(const Node& node) { return (node.op == "Mean" || node.op == "Sum") && node.inputs.size() == 2; }

bool AlongBatch(const Graph& graph, const Node& mean, bool unknown_axes) {
  const Tensor* axes = ConstantBehind(graph, mean.inputs[1]);
  if (axes == nullptr) return unknown_axes;
  const Shape& shape = graph.type(mean.inputs[0]).shape;
  const std::vector<int64_t> values = axes->Values<int64_t>();
  return std::any_of(values.begin(), values.end(), [&](int64_t axis) { return axis == 0 || (shape.has_rank() && axis + shape.rank() == 0);
  });
}

// A mean of squares, as moments take it, along a batch that is not one element and not along all axes.
bool IsVariance(const Graph& graph, const Node& mean) {
  if (!IsMean(mean) || !AlongBatch(graph, mean, false)) return false;
  const Node& squares = graph.node(mean.inputs[0].node);
  if (squares.op != "SquaredDifference" && squares.op != "Square") return false;
  const Shape& shape = graph.type(mean.inputs[0]).shape;
  const Tensor* axes = ConstantBehind(graph, mean.inputs[1]);
  return shape.has_rank() && shape.rank() >= 2 && shape.dim(0) != 1 && axes->elements() < shape.rank();
}

// Calls `take` with the means behind the value until it says true.
template <class Take>
bool AnyMean(const Graph& graph, Value value, const Take& take) {
  constexpr size_t kMostNodes = 24;
  std::vector<NodeId> work = {value.node};
  std::set<NodeId> seen = {value.node};
  for (size_t next = 0; next < work.size() && next < kMostNodes; ++next) {
    const Node& node = graph.node(work[next]);
    if (IsMean(node)) {
      if (take(node)) return true;
      continue;
    }
    if (!IsCheap(node.op)) continue;
    for (Value input : node.inputs) {
      if (seen.insert(input.node).second) work.push_back(input.node);
    }
  }
  return false;
}

}  // namespace

bool IsFusedNorm(const Node& node) {
  const bool fused = node.op == "FusedBatchNorm" || node.op == "FusedBatchNormV2" || node.op == "FusedBatchNormV3";
  return fused && node.inputs.size() >= 5;
}

bool IsTrainingNorm(const Node& node) { return IsFusedNorm(node) && node.attr_or<bool>("is_training", true); }

bool IsBatchStatistic(const Graph& graph, Value value, bool unknown_axes) {
  return AnyMean(graph, value, [&](const Node& mean) { return AlongBatch(graph, mean, unknown_axes); });
}

Value BatchVarianceBehind(const Graph& graph, const Node& root) {
  if ((root.op != "Rsqrt" && root.op != "Sqrt") || root.inputs.empty()) return {};
  const Node& sum = graph.node(root.inputs[0].node);
  if ((sum.op != "Add" && sum.op != "AddV2") || sum.inputs.size() != 2) return {};
  for (size_t i = 0; i < 2; ++i) {
    if (!ScalarBehind(graph, sum.inputs[1 - i])) continue;
    const bool variance =
        AnyMean(graph, sum.inputs[i], [&](const Node& mean) { return IsVariance(graph, mean); });
    if (variance) return sum.inputs[i];
  }
  return {};
}

}  // namespace permafrost
