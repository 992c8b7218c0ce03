#include "optimizer/passes/detection/emit_heads.h"

#include <algorithm>

#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

Value EmitShaped(GraphEditor& editor, std::string_view name, Value value, const std::vector<int64_t>& dims) {
  const std::vector<int32_t> narrow(dims.begin(), dims.end());
  const Value shape = EmitConst(editor, StrCat(name, "/shape"), Tensor::Vector<int32_t>(narrow));
  return Emit(editor, "Reshape", name, {value, shape});
}

// Past changes of shape alone, none of which the elements' order shows.
Value Unshaped(const Graph& graph, Value value) {
  while (true) {
    const Node& node = graph.node(value.node);
    const bool shapes = node.op == "Reshape" || node.op == "Squeeze" || node.op == "ExpandDims" || node.op == "Identity";
    if (!shapes || node.inputs.empty() || !graph.type(node.inputs[0]).shape.FullyKnown()) return value;
    value = node.inputs[0];
  }
}

// Rows of one picture, joined one below the other: [1, a, c] and [1, b, c] to [1, a + b, c].
bool JoinsRows(const Graph& graph, const Node& node) {
  if (node.op != "ConcatV2" || node.inputs.size() < 3) return false;
  const Tensor* axis = ConstValue(graph, node.inputs.back());
  const auto whole = graph.type(node.inputs[0]).shape;
  if (axis == nullptr || axis->elements() != 1 || whole.rank() < 2) return false;
  const int64_t at = axis->Values<int64_t>()[0] < 0 ? axis->Values<int64_t>()[0] + whole.rank() : axis->Values<int64_t>()[0];
  for (int64_t i = 0; i < at; ++i) {
    if (whole.dim(static_cast<int>(i)) != 1) return false;
  }
  return std::all_of(node.inputs.begin(), node.inputs.end() - 1, [&](Value input) {
    return graph.type(input).shape.FullyKnown() && ConstValue(graph, input) == nullptr;
  });
}

}  // namespace

Value EmitFlat(GraphEditor& editor, std::string_view name, Value value) {
  const Graph& graph = editor.graph();
  value = Unshaped(graph, value);
  if (!JoinsRows(graph, graph.node(value.node))) {
    return EmitShaped(editor, name, value, {1, graph.type(value).shape.Elements()});
  }
  std::vector<Value> parts = graph.node(value.node).inputs;
  parts.pop_back();
  for (Value& part : parts) {
    const Value plain = Unshaped(graph, part);
    part = EmitShaped(editor, StrCat(graph.node(plain.node).name, "/flat"), plain, {1, graph.type(part).shape.Elements()});
  }
  parts.push_back(EmitConst(editor, StrCat(name, "/axis"), Tensor::Scalar<int32_t>(1)));
  return Emit(editor, "ConcatV2", name, parts);
}

void EmitHeads(GraphEditor& editor, const DetectorHeads& heads) {
  const auto named = [&](std::string_view name, Value value, int64_t columns) {
    const std::string inner = StrCat("detector/", name);
    return GraphOutput{std::string(name), EmitShaped(editor, inner, value, {1, heads.anchor_count(), columns})};
  };
  editor.SetGraphOutputs({named(kBoxEncodings, heads.boxes, 4), named(kClassScores, heads.scores, heads.classes)});
}

}  // namespace permafrost
