#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/passes/pass.h"

namespace permafrost {

// What rules that rewrite one node at a time say often. A rule that rewrote leaves the old node without users.
class NodeRewriter {
 public:
  NodeRewriter(GraphEditor& editor, PassContext& context)
      : editor_(editor), graph_(editor.graph()), context_(context) {}

 protected:
  // 2^100: a difference of normal floats times this is at least 1, and nothing that a net computes overflows by it.
  static constexpr double kSteep = 1.2676506002282294e30;

  const Node& node(NodeId id) const { return graph_.node(id); }
  Value in(NodeId id, int i) const { return node(id).inputs[static_cast<size_t>(i)]; }
  const Tensor* constant(Value value) const { return ConstValue(graph_, value); }
  const Tensor* constant(NodeId id, int i) const { return ConstValue(graph_, in(id, i)); }
  const ValueType& type(Value value) const { return graph_.type(value); }
  bool IsFloat(Value value) const { return IsFloating(type(value).dtype); }
  std::string NewName(NodeId id) const { return StrCat(node(id).name, "/opencv"); }
  void Replace(NodeId id, Value by) { editor_.ReplaceUses({id, 0}, by); }

  // `op` is copied: it may be a node's own, and inputs that are emitted in the call move the nodes.
  Value New(NodeId id, std::string op, std::vector<Value> inputs, AttrMap attrs = {}) {
    return Emit(editor_, op, NewName(id), std::move(inputs), std::move(attrs));
  }
  // A constant of the dtype of `like`.
  Value Number(NodeId id, Value like, double value) {
    const Tensor tensor = Tensor::Scalar<float>(static_cast<float>(value)).Cast(type(like).dtype).Dense();
    return EmitConst(editor_, StrCat(NewName(id), "/c"), tensor);
  }
  Value Numbers(NodeId id, Value like, const std::vector<int64_t>& dims, const std::vector<double>& values) {
    return EmitConst(editor_, StrCat(NewName(id), "/c"),
                     Tensor::Of<double>(dims, values).Cast(type(like).dtype).Dense());
  }
  // int32, as the importer wants indices.
  Value Ints(NodeId id, const std::vector<int64_t>& values) {
    return EmitConst(editor_, StrCat(NewName(id), "/c"),
                     Tensor::Vector<int32_t>({values.begin(), values.end()}));
  }
  Value Plus(NodeId id, Value x, double c) { return New(id, "Add", {x, Number(id, x, c)}); }
  Value Times(NodeId id, Value x, double c) { return New(id, "Mul", {x, Number(id, x, c)}); }
  Value Clip(NodeId id, Value x, double low, double high) {
    return New(id, "ClipByValue", {x, Number(id, x, low), Number(id, x, high)});
  }
  // Between channels first and last: no work in cv::dnn, where pictures lie as NCHW either way.
  Value ChannelsLast(NodeId id, Value x) { return WithAxes(id, x, {0, 2, 3, 1}); }
  Value ChannelsFirst(NodeId id, Value x) { return WithAxes(id, x, {0, 3, 1, 2}); }
  Value WithAxes(NodeId id, Value x, const std::vector<int32_t>& axes) {
    return New(id, "Transpose", {x, EmitConst(editor_, StrCat(NewName(id), "/axes"), Tensor::Vector<int32_t>(axes))});
  }
  // c / x. Division knows no constant on the left, and OpenCV 4.5.5 no reciprocal: c comes from x, cut at c.
  Value Over(NodeId id, double c, Value x) { return New(id, "RealDiv", {Clip(id, x, c, c), x}); }

  GraphEditor& editor_;
  const Graph& graph_;
  PassContext& context_;
};

// Calls `visit` for every node that is used, producers first.
inline Status ForEachUsedNode(GraphEditor& editor, const std::function<void(NodeId)>& visit) {
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, editor.graph().TopoOrder());
  for (const NodeId id : order) {
    const bool output = editor.IsOutput({id, 0});
    if (output || !editor.Users(id).empty()) visit(id);
  }
  return OkStatus();
}

}  // namespace permafrost
