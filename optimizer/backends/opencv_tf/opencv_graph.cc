#include "optimizer/backends/opencv_tf/opencv_graph.h"

#include <algorithm>

namespace permafrost {

bool TakesBias(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op == "Conv2D" || node.op == "DepthwiseConv2dNative" || node.op == "Conv2DBackpropInput" ||
      node.op == "Conv3D" || node.op == "MatMul") {
    return node.inputs.size() >= 2 && ConstValue(graph, node.inputs[1]) != nullptr;
  }
  return false;
}

bool BatchIsOne(const ValueType& type) { return type.shape.has_rank() && type.shape.rank() > 0 && type.shape.dim(0) == 1; }

bool IsChannelVector(const Tensor& constant) {
  return constant.elements() > 1 && constant.rank() >= 1 && constant.dims().back() == constant.elements();
}

bool SameShape(const ValueType& a, const ValueType& b) { return a.shape.has_rank() && a.shape == b.shape; }

Value EmitShift(GraphEditor& editor, std::string_view name, Value x, Tensor shift) {
  const Tensor vector = shift.Reshaped({shift.elements()});
  const std::string one(Tensor::Scalar<float>(1.0F).Cast(shift.dtype()).Dense().DenseBytes());
  const Value ones = EmitConst(editor, StrCat(name, "/ones"), Tensor::Splat(shift.dtype(), vector.dims(), one));
  const Value scaled = Emit(editor, "Mul", StrCat(name, "/scale"), {x, ones});
  return Emit(editor, "Add", name, {scaled, EmitConst(editor, StrCat(name, "/shift"), vector)});
}

}  // namespace permafrost
