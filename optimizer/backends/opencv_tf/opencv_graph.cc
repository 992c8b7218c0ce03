#include "optimizer/backends/opencv_tf/opencv_graph.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

namespace permafrost {
namespace {

const std::set<std::string_view> kVolumeOps = {"Conv3D", "Conv3DBackpropInputV2", "MaxPool3D", "AvgPool3D"};

// Breadth first over the values of the same rank.
std::string FirstLayout(const Graph& graph, const GraphEditor* users_below, Value value) {
  const bool below = users_below != nullptr;
  const int rank = graph.type(value).shape.rank();
  if (rank != 4 && rank != 5) return "";
  std::deque<NodeId> queue = {value.node};
  std::set<NodeId> seen = {value.node};
  const auto visit = [&](NodeId id, Value through) {
    const int its_rank = graph.type(through).shape.rank();
    if ((its_rank == rank || its_rank < 0) && seen.insert(id).second) queue.push_back(id);
  };
  while (!queue.empty()) {
    const NodeId id = queue.front();
    queue.pop_front();
    const Node& node = graph.node(id);
    const bool itself = below && id == value.node;
    const auto* format = node.attr<std::string>("data_format");
    if (format != nullptr && static_cast<int>(format->size()) == rank) return *format;
    if (format == nullptr && kVolumeOps.contains(node.op)) return "NDHWC";
    if (!itself) {
      if (const std::string layout = LayoutOfTranspose(graph, node, !below); !layout.empty()) return layout;
    }
    // Beyond these the axes mean something else.
    if ((node.op == "Reshape" || node.op == "Transpose") && !itself) continue;
    if (below) {
      for (const Use& use : users_below->Users(id)) visit(use.node, {use.node, 0});
    } else {
      for (Value input : node.inputs) visit(input.node, input);
    }
  }
  return rank == 4 ? "NHWC" : "";
}

}  // namespace

std::string LayoutOfTranspose(const Graph& graph, const Node& node, bool result) {
  using Axes = std::vector<int64_t>;
  if (node.op != "Transpose") return "";
  const Tensor* order = node.inputs.size() == 2 ? ConstValue(graph, node.inputs[1]) : nullptr;
  if (order == nullptr || order->elements() != 4) return "";
  const Axes axes = order->Values<int64_t>();
  if (axes == Axes{0, 3, 1, 2}) return result ? "NCHW" : "NHWC";
  if (axes == Axes{0, 2, 3, 1}) return result ? "NHWC" : "NCHW";
  return "";
}

std::string LayoutAbove(const Graph& graph, Value value) { return FirstLayout(graph, nullptr, value); }
std::string LayoutBelow(const GraphEditor& editor, Value value) { return FirstLayout(editor.graph(), &editor, value); }

bool TakesBias(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op == "Conv2D" || node.op == "DepthwiseConv2dNative" || node.op == "Conv2DBackpropInput" ||
      node.op == "Conv3D" || node.op == "MatMul") {
    return node.inputs.size() >= 2 && ConstValue(graph, node.inputs[1]) != nullptr;
  }
  return false;
}

bool BatchIsOne(const ValueType& type) {
  return type.shape.has_rank() && type.shape.rank() > 0 && type.shape.dim(0) == 1;
}

bool IsChannelVector(const Tensor& constant) {
  return constant.elements() > 1 && constant.rank() >= 1 && constant.dims().back() == constant.elements();
}

bool SameShape(const ValueType& a, const ValueType& b) { return a.shape.has_rank() && a.shape == b.shape; }

void SetScaleAxis(GraphEditor& editor, NodeId mul) {
  const Node& node = editor.node(mul);
  const Tensor* scale = ConstValue(editor.graph(), node.inputs[1]);
  if (scale == nullptr || !IsChannelVector(*scale) || editor.graph().type(node.inputs[0]).shape.rank() != 3) return;
  if (node.attr<int64_t>("axis") == nullptr) editor.SetAttr(mul, "axis", int64_t{2});
}

Value EmitShift(GraphEditor& editor, std::string_view name, Value x, Tensor shift) {
  const Tensor vector = shift.Reshaped({shift.elements()});
  const std::string one(Tensor::Scalar<float>(1.0F).Cast(shift.dtype()).Dense().DenseBytes());
  const Value ones = EmitConst(editor, StrCat(name, "/ones"), Tensor::Splat(shift.dtype(), vector.dims(), one));
  const Value scaled = Emit(editor, "Mul", StrCat(name, "/scale"), {x, ones});
  SetScaleAxis(editor, scaled.node);
  return Emit(editor, "Add", name, {scaled, EmitConst(editor, StrCat(name, "/shift"), vector)});
}

}  // namespace permafrost
