#include "optimizer/backends/opencv_tf/native_sizes.h"

#include <map>
#include <optional>

namespace permafrost {
namespace {

Value EmitInts(GraphEditor& editor, std::string_view name, const std::vector<int32_t>& values) {
  return EmitConst(editor, StrCat(name, "/c"), Tensor::Vector<int32_t>(values));
}

Value EmitInt(GraphEditor& editor, std::string_view name, int64_t value) {
  return EmitConst(editor, StrCat(name, "/c"), Tensor::Scalar<int32_t>(static_cast<int32_t>(value)));
}

Value EmitElements(GraphEditor& editor, std::string_view name, Value shape, int first, int end, bool scalar) {
  const Value from = EmitInts(editor, name, {first}), to = EmitInts(editor, name, {end});
  return Emit(editor, "StridedSlice", StrCat(name, "/slice"), {shape, from, to, EmitInts(editor, name, {1})},
              {{"shrink_axis_mask", int64_t{scalar ? 1 : 0}}});
}

// Follows one spelling from its root down; collects what the importer will delete.
class Matcher {
 public:
  Matcher(const Graph& graph, const std::map<NodeId, int>& uses) : graph_(graph), uses_(uses) {}

  bool Resize(const Node& root) {
    if (root.inputs.size() != 2) return false;
    const Node* product = Inner(root.inputs[1], "Mul", 2);
    if (product == nullptr || !IsConst(product->inputs[1], 2)) return false;
    return Elements(product->inputs[0], root.inputs[0], 1, 3, false);
  }

  bool Deconvolution(const Node& root) {
    if (root.inputs.size() != 3) return false;
    const bool same = root.attr_or<std::string>("padding", "") == "SAME";
    const auto strides = root.attr_or<std::vector<int64_t>>("strides", {});
    const Tensor* kernel = ConstValue(graph_, root.inputs[1]);
    const Node* pack = Inner(root.inputs[0], "Pack", 4);
    if (pack == nullptr || kernel == nullptr || kernel->rank() != 4 || strides.size() != 4 || IsNchw(root) ||
        !IsConst(pack->inputs[3], 1) || !Elements(pack->inputs[0], root.inputs[2], 0, 1, true)) {
      return false;
    }
    for (int axis = 1; axis <= 2; ++axis) {
      const auto i = static_cast<size_t>(axis);
      const int64_t rest = kernel->dims()[i - 1] - strides[i];
      Value size = pack->inputs[i];
      if (!same) {
        const Node* sum = Inner(size, "Add", 2);
        if (sum == nullptr || rest < 0 || !IsNumber(sum->inputs[1], rest)) return false;
        size = sum->inputs[0];
      }
      const Node* product = Inner(size, "Mul", 2);
      if (product == nullptr || !IsNumber(product->inputs[1], strides[i])) return false;
      if (!Elements(product->inputs[0], root.inputs[2], axis, axis + 1, true)) return false;
    }
    return true;
  }

  const std::set<NodeId>& nodes() const { return nodes_; }

 private:
  const Node* Inner(Value value, std::string_view op, size_t inputs, int uses = 1) {
    const Node& node = graph_.node(value.node);
    const auto count = uses_.find(value.node);
    if (node.op != op || node.inputs.size() != inputs || value.port != 0) return nullptr;
    if (count == uses_.end() || count->second != uses) return nullptr;
    nodes_.insert(value.node);
    return &node;
  }
  bool IsConst(Value value, int64_t elements) const {
    const Tensor* tensor = ConstValue(graph_, value);
    return tensor != nullptr && tensor->dtype() == DType::kInt32 && tensor->elements() == elements &&
           uses_.at(value.node) == 1;
  }
  bool IsNumber(Value value, int64_t number) const {
    return IsConst(value, 1) && ConstValue(graph_, value)->Values<int64_t>()[0] == number;
  }
  // Shape(x)[first:end], or its element `first`.
  bool Elements(Value value, Value x, int first, int end, bool scalar) {
    const Node* slice = Inner(value, "StridedSlice", 4);
    if (slice == nullptr || slice->attr_or<int64_t>("shrink_axis_mask", 0) != (scalar ? 1 : 0)) return false;
    if (!IsNumber(slice->inputs[1], first) || !IsNumber(slice->inputs[2], end) || !IsNumber(slice->inputs[3], 1)) {
      return false;
    }
    const Node* shape = Inner(slice->inputs[0], "Shape", 1, scalar ? 3 : 1);
    return shape != nullptr && shape->inputs[0] == x;
  }

  const Graph& graph_;
  const std::map<NodeId, int>& uses_;
  std::set<NodeId> nodes_;
};

bool IsResize(const Node& node) { return node.op == "ResizeBilinear" || node.op == "ResizeNearestNeighbor"; }

}  // namespace

Value EmitResizeFactors(GraphEditor& editor, std::string_view name, Value x, int64_t height, int64_t width) {
  const Value shape = Emit(editor, "Shape", StrCat(name, "/shape"), {x}, {{"out_type", DType::kInt32}});
  const Value size = EmitElements(editor, name, shape, 1, 3, false);
  const Value factors = EmitInts(editor, name, {static_cast<int32_t>(height), static_cast<int32_t>(width)});
  return Emit(editor, "Mul", StrCat(name, "/size"), {size, factors});
}

Value EmitDeconvolutionShape(GraphEditor& editor, std::string_view name, Value x, const DeconvolutionSizes& sizes) {
  const Value shape = Emit(editor, "Shape", StrCat(name, "/shape"), {x}, {{"out_type", DType::kInt32}});
  std::vector<Value> parts = {EmitElements(editor, name, shape, 0, 1, true)};
  for (int axis = 1; axis <= 2; ++axis) {
    const int64_t stride = axis == 1 ? sizes.stride_h : sizes.stride_w;
    const int64_t kernel = axis == 1 ? sizes.kernel_h : sizes.kernel_w;
    const Value size = EmitElements(editor, name, shape, axis, axis + 1, true);
    Value extent = Emit(editor, "Mul", StrCat(name, "/extent"), {size, EmitInt(editor, name, stride)});
    if (!sizes.same) {
      extent = Emit(editor, "Add", StrCat(name, "/extent"), {extent, EmitInt(editor, name, kernel - stride)});
    }
    parts.push_back(extent);
  }
  parts.push_back(EmitInt(editor, name, sizes.channels));
  return Emit(editor, "Pack", StrCat(name, "/size"), parts, {{"axis", int64_t{0}}});
}

std::set<NodeId> NativeSizeNodes(const Graph& graph) {
  std::map<NodeId, int> uses;
  for (NodeId id : graph.NodeIds()) {
    for (Value input : graph.node(id).inputs) ++uses[input.node];
  }
  for (const GraphOutput& output : graph.outputs()) ++uses[output.value.node];
  std::set<NodeId> nodes;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    Matcher matcher(graph, uses);
    const bool matches =
        IsResize(node) ? matcher.Resize(node) : node.op == "Conv2DBackpropInput" && matcher.Deconvolution(node);
    if (!matches) continue;
    nodes.insert(matcher.nodes().begin(), matcher.nodes().end());
    nodes.insert(id);
  }
  return nodes;
}

}  // namespace permafrost
