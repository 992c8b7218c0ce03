#include "optimizer/passes/stacked_values.h"

#include <algorithm>
#include <set>

namespace permafrost {
namespace {

std::optional<std::vector<int64_t>> KnownInts(const Graph& graph, Value value) {
  const auto& ints = graph.type(value).ints;
  if (!ints.has_value() || std::find(ints->begin(), ints->end(), kUnknownInt) != ints->end()) return std::nullopt;
  return ints;
}

bool LookThroughOne(const Graph& graph, Element& element) {
  const Node& node = graph.node(element.value.node);
  if (node.op == "Identity" && node.inputs.size() == 1) {
    element.value = node.inputs[0];
    return true;
  }
  static const std::set<std::string_view> kMoves = {"ReverseSequence", "ReverseV2", "Transpose"};
  if (node.inputs.size() != 2 || !kMoves.contains(node.op)) return false;
  auto axes = KnownInts(graph, node.inputs[1]);
  const int rank = graph.type(node.inputs[0]).shape.rank();
  if (!axes || rank < 1) return false;
  if (node.op == "ReverseSequence") {  // of full length for all: a ReverseV2
    const bool full = std::all_of(axes->begin(), axes->end(), [&](int64_t length) { return length == element.count; });
    if (!full || node.attr_or<int64_t>("seq_dim", -1) != element.axis) return false;
    element = {node.inputs[0], element.axis, element.count - 1 - element.index, element.count};
    return true;
  }
  if (node.op == "ReverseV2") {
    if (axes->size() != 1 || ((*axes)[0] < 0 ? (*axes)[0] + rank : (*axes)[0]) != element.axis) return false;
    element = {node.inputs[0], element.axis, element.count - 1 - element.index, element.count};
    return true;
  }
  // The axes that are left must keep their order.
  if (element.axis >= rank || static_cast<int>(axes->size()) != rank) return false;
  const int64_t axis = (*axes)[static_cast<size_t>(element.axis)];
  axes->erase(axes->begin() + element.axis);
  if (axis < 0 || axis >= rank || !std::is_sorted(axes->begin(), axes->end())) return false;
  element = {node.inputs[0], static_cast<int>(axis), element.index, element.count};
  return true;
}

}  // namespace

Element LookThroughMoves(const Graph& graph, Element element) {
  constexpr int kMaxSteps = 16;
  for (int i = 0; i < kMaxSteps && LookThroughOne(graph, element); ++i) continue;
  return element;
}

std::optional<Value> PackedElement(const Graph& graph, const Element& element) {
  const Element source = LookThroughMoves(graph, element);
  const Node& node = graph.node(source.value.node);
  const auto size = static_cast<int64_t>(node.inputs.size());
  if (node.op != "Pack" || size != source.count || source.index < 0 || source.index >= size) return std::nullopt;
  int64_t axis = node.attr_or<int64_t>("axis", 0);
  if (axis < 0) axis += graph.type(source.value).shape.rank();
  if (axis != source.axis) return std::nullopt;
  return node.inputs[static_cast<size_t>(source.index)];
}

}  // namespace permafrost
