#include "optimizer/backends/opencv_tf/importer_layouts.h"

#include <algorithm>
#include <bit>

#include "optimizer/backends/opencv_tf/axes.h"
#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// Sets of layouts that the importer may believe in: where nodes disagree, it depends on their order in the file.
using Layouts = unsigned;
constexpr Layouts kNothing = 1, kNhwc = 2, kNchw = 4, kNdhwc = 8, kPlanar = 16;

Layouts SaidBy(const Node& node) {
  const auto* format = node.attr<std::string>("data_format");
  if (format == nullptr) return kNothing;
  if (*format == "NHWC") return kNhwc;
  if (*format == "NCHW") return kNchw;
  return *format == "NDHWC" ? kNdhwc : kNothing;
}

class ImporterLayouts {
 public:
  ImporterLayouts(const Graph& graph, const std::vector<NodeId>& order)
      : graph_(graph), layouts_(static_cast<size_t>(graph.next_id()), kNothing) {
    for (auto id = order.rbegin(); id != order.rend(); ++id) TellInputs(*id);
    for (const NodeId id : order) {
      if (graph.node(id).IsConst()) continue;
      of(id) = Predicted(graph.node(id), of(id));
      of(id) = AfterParsing(graph.node(id), of(id));
    }
  }
  Layouts of(Value value) const { return layouts_[static_cast<size_t>(value.node)]; }

 private:
  Layouts& of(NodeId id) { return layouts_[static_cast<size_t>(id)]; }

  void TellInputs(NodeId id) {
    const Layouts said = SaidBy(graph_.node(id));
    if (said != kNothing) of(id) = of(id) == kNothing ? said : of(id) == said ? said : (of(id) | said | kNothing);
    const Layouts layout = of(id);
    if (layout == kNothing) return;
    for (const Value input : graph_.node(id).inputs) {
      Layouts& its = of(input.node);
      its = its == kNothing ? layout : its == layout ? layout : (its | layout | kNothing);
    }
  }

  Layouts Predicted(const Node& node, Layouts told) const {
    if (const Layouts said = SaidBy(node); said != kNothing) return said;
    Layouts all = 0;
    bool may_be_nothing = true;
    for (const Value input : node.inputs) {
      all |= of(input) & ~kNothing;
      may_be_nothing = may_be_nothing && (of(input) & kNothing) != 0;
    }
    if (std::popcount(all) > 1) return all | kNothing;
    return may_be_nothing ? all | told : all;
  }

  Layouts AfterParsing(const Node& node, Layouts own) const {
    const Layouts in = node.inputs.empty() ? kNothing : of(node.inputs[0]);
    if (node.op == "MatMul" || node.op == "Squeeze") return kPlanar;
    if (node.op == "Conv2D" || node.op == "DepthwiseConv2dNative") return own == kNothing ? kNhwc : own;
    if (node.op == "Mean" || node.op == "Sum" || node.op == "Max") {
      const bool keeps = node.attr_or<bool>("keep_dims", false) || node.attr_or<bool>("keepdims", false);
      const Tensor* axes = ConstValue(graph_, node.inputs[1]);
      return !keeps && axes != nullptr && axes->elements() == 2 ? kPlanar : own;
    }
    if (node.op == "Reshape" && ConstValue(graph_, node.inputs[1]) != nullptr) return OfReshape(node, in);
    if (node.op == "Transpose") {
      const Tensor* order = ConstValue(graph_, node.inputs[1]);
      if (order == nullptr) return own;
      if (order->elements() != 4) return kNothing;
      const std::vector<int64_t> axes = order->Values<int64_t>();
      if (axes == std::vector<int64_t>{0, 2, 3, 1} && in == kNchw) return kNhwc;
      if (axes == std::vector<int64_t>{0, 1, 2, 3}) return in;
      return in == kNhwc ? kNchw : own;
    }
    return own;
  }

  Layouts OfReshape(const Node& node, Layouts in) const {
    const std::vector<int64_t> dims = ConstValue(graph_, node.inputs[1])->Values<int64_t>();
    if (dims.size() == 2) return kPlanar;
    const auto one = [](int64_t dim) { return dim == 1 || dim == -1; };
    const bool swapped = dims.size() == 4 && one(dims[0]) && one(dims[1]);
    if ((in & kNhwc) != 0) {
      const Layouts turned = dims.size() < 4 ? kNchw : kNhwc;  // up to 4.6 always NCHW
      in = (in & ~kNhwc) | turned;
    }
    if (dims.size() != 4 || swapped) return in;
    return (in & (kNhwc | kNothing | kPlanar)) != 0 ? (in & ~(kNhwc | kNothing | kPlanar)) | kNchw : in;
  }

  const Graph& graph_;
  std::vector<Layouts> layouts_;
};

class Reading {
 public:
  Reading(const Graph& graph, const std::vector<NodeId>& order) : graph_(graph), layouts_(graph, order) {}

  bool IsWrong(NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.inputs.empty()) return false;
    if (node.op == "Reshape" || node.op == "Squeeze") return IsReorderedWrongly(node.inputs[0]);
    if (node.op == "Transpose") {
      const std::string meant = LayoutAbove(graph_, node.inputs[0]);
      return graph_.type({id, 0}).shape.rank() == 4 && layouts_.of(node.inputs[0]) != (meant == "NHWC" ? kNhwc : kNchw);
    }
    if (node.op == "ConcatV2") return IsCountedWrongly(id, node.inputs.back());
    if (node.op == "Split") return IsCountedWrongly(id, node.inputs[0]);
    if (node.op == "Slice" || node.op == "StridedSlice") {
      if (graph_.type({id, 0}).shape.rank() != 4) return false;
      const bool nhwc = LayoutAbove(graph_, {id, 0}) == "NHWC";
      return nhwc ? layouts_.of({id, 0}) != kNhwc : (layouts_.of({id, 0}) & kNhwc) != 0;
    }
    return false;
  }

 private:
  // Data called NHWC are put in that order first.
  bool IsReorderedWrongly(Value x) const {
    const Shape& shape = graph_.type(x).shape;
    const Layouts layout = layouts_.of(x);
    if (shape.rank() == 4 && LayoutAbove(graph_, x) == "NHWC") {
      const bool lies_the_same = shape.dim(3) == 1 || (shape.dim(1) == 1 && shape.dim(2) == 1);
      return layout != kNhwc && !lies_the_same;
    }
    return (layout & kNhwc) != 0;
  }

  bool IsCountedWrongly(NodeId id, Value axis_value) const {
    const Tensor* axis = ConstValue(graph_, axis_value);
    if (axis == nullptr || axis->elements() != 1 || axis->Values<int64_t>()[0] == 0) return false;
    const int rank = graph_.type({id, 0}).shape.rank();
    const std::string meant = rank == 4 || rank == 5 ? LayoutAbove(graph_, {id, 0}) : "";
    const Layouts layout = layouts_.of({id, 0});
    if (meant == "NHWC") return layout != kNhwc;
    if (meant == "NDHWC") return layout != kNdhwc;
    return (layout & (kNhwc | kNdhwc)) != 0;
  }

  const Graph& graph_;
  ImporterLayouts layouts_;
};

}  // namespace

std::vector<NodeId> NodesThatImporterMisreads(const Graph& graph) {
  const auto order = graph.TopoOrder();
  if (!order.ok()) return {};
  const KnownLayouts known(graph);
  const Reading reading(graph, *order);
  std::vector<NodeId> misread;
  std::copy_if(order->begin(), order->end(), std::back_inserter(misread), [&](NodeId id) { return reading.IsWrong(id); });
  return misread;
}

}  // namespace permafrost
