#include "optimizer/ops/cost.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace permafrost {
namespace {

// Elements with an unknown first dim taken as 1; -1 when more is unknown.
int64_t Elements(const Shape& shape) {
  if (!shape.has_rank()) return -1;
  std::vector<int64_t> dims = shape.dims();
  if (!dims.empty() && dims[0] < 0) dims[0] = 1;
  return CheckedElements(dims);
}

// Multiplications per element of the result.
int64_t ProductsPerElement(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2) return 0;
  const Shape& weights = graph.type(node.inputs[1]).shape;
  if (node.op == "Conv2D" || node.op == "Conv3D") {
    const int64_t all = weights.Elements();
    return all < 0 || weights.dim(-1) <= 0 ? 0 : all / weights.dim(-1);
  }
  if (node.op == "DepthwiseConv2dNative") return std::max<int64_t>(0, weights.dim(0) * weights.dim(1));
  if (node.op == "MatMul" || node.op.starts_with("BatchMatMul")) {
    const bool transposed = node.attr_or<bool>("transpose_a", node.attr_or<bool>("adj_x", false));
    return std::max<int64_t>(0, graph.type(node.inputs[0]).shape.dim(transposed ? -2 : -1));
  }
  return 0;
}

int64_t FlopsOf(const Graph& graph, const Node& node, int64_t result_elements) {
  static const std::set<std::string_view> kFree = {"Const",   "Placeholder", "Identity", "Reshape", "Squeeze",
                                                   "ExpandDims", "Shape",    "Pack",     "StridedSlice"};
  if (kFree.contains(node.op) || result_elements < 0) return 0;
  if (node.op.starts_with("Conv2DBackpropInput") && node.inputs.size() == 3) {
    const Shape& kernel = graph.type(node.inputs[1]).shape;
    const int64_t from = Elements(graph.type(node.inputs[2]).shape), all = kernel.Elements();
    return from < 0 || all < 0 || kernel.dim(3) <= 0 ? 0 : 2 * from * (all / kernel.dim(3));
  }
  if (const int64_t products = ProductsPerElement(graph, node); products > 0) return 2 * products * result_elements;
  if ((node.op == "MaxPool" || node.op == "AvgPool")) {
    const auto window = node.attr_or<std::vector<int64_t>>("ksize", {});
    const int64_t taps = CheckedElements(window);
    return std::max<int64_t>(1, taps) * result_elements;
  }
  return result_elements;
}

}  // namespace

StatusOr<Cost> CostOf(const Graph& graph) {
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, graph.TopoOrder());
  Cost cost;
  // The place in `order` after which nobody needs the node's values.
  std::vector<size_t> last_use(static_cast<size_t>(graph.next_id()), 0);
  for (size_t at = 0; at < order.size(); ++at) {
    for (Value input : graph.node(order[at]).inputs) last_use[static_cast<size_t>(input.node)] = at;
  }
  for (const GraphOutput& output : graph.outputs()) last_use[static_cast<size_t>(output.value.node)] = order.size();
  std::vector<std::vector<int64_t>> freed_after(order.size() + 1);
  int64_t alive = 0;
  for (size_t at = 0; at < order.size(); ++at) {
    const Node& node = graph.node(order[at]);
    if (const Tensor* value = node.IsConst() ? node.attr<Tensor>("value") : nullptr) {
      cost.weight_bytes += value->byte_size();
      continue;
    }
    int64_t bytes = 0, elements = -1;
    for (size_t port = 0; port < node.outputs.size(); ++port) {
      const int64_t count = Elements(node.outputs[port].shape);
      if (port == 0) elements = count;
      if (count < 0) {
        ++cost.unknown_shapes;
      } else {
        bytes += count * std::max<int64_t>(1, SizeOf(node.outputs[port].dtype));
      }
    }
    cost.flops += FlopsOf(graph, node, elements);
    alive += bytes;
    cost.peak_value_bytes = std::max(cost.peak_value_bytes, alive);
    freed_after[std::max(at, last_use[static_cast<size_t>(order[at])])].push_back(bytes);
    for (int64_t freed : freed_after[at]) alive -= freed;
  }
  return cost;
}

}  // namespace permafrost
