#include "optimizer/passes/lowering/undecided.h"

#include <algorithm>
#include <set>

#include "optimizer/ops/op.h"

namespace permafrost {
namespace {

bool IsMeasure(const Node& node) { return node.op == "Shape" || node.op == "ShapeN" || node.op == "Size" || node.op == "Rank"; }

// The input placeholder of not fully known shape nearest to `start`.
const Node* OpenInput(const Graph& graph, Value start) {
  std::set<NodeId> seen = {start.node};
  std::vector<NodeId> queue = {start.node};
  for (size_t next = 0; next < queue.size(); ++next) {
    const Node& node = graph.node(queue[next]);
    if (node.op == "Placeholder" && !graph.type({queue[next], 0}).shape.FullyKnown()) return &node;
    for (Value input : node.inputs) {
      if (seen.insert(input.node).second) queue.push_back(input.node);
    }
  }
  return nullptr;
}

std::string GiveShape(const Graph& graph, const Node& input) {
  const Shape shape = graph.type({*graph.Find(input.name), 0}).shape;
  std::string spelled;
  for (int64_t dim : shape.dims()) spelled += StrCat(spelled.empty() ? "" : "x", dim < 0 ? "?" : StrCat(dim));
  return StrCat("it follows from the shape of input '", input.name, "', which is ", shape.ToString(),
                "; give it with --inputs ", input.name, ":", spelled.empty() ? "1x..." : spelled, ", numbers for each ?");
}

}  // namespace

std::string WhyUndecided(SymbolicGraph& symbols, const Symbol& symbol) {
  const auto* start = std::get_if<Value>(&symbol);
  if (start == nullptr) return "it is no number";
  const Graph& graph = symbols.graph();
  std::string by_value;
  std::set<NodeId> seen = {start->node};
  std::vector<Value> queue = {*start};
  for (size_t next = 0; next < queue.size(); ++next) {
    const Value value = queue[next];
    const Node& node = graph.node(value.node);
    if (IsMeasure(node) && !node.inputs.empty()) {
      const Node* input = OpenInput(graph, node.inputs[0]);
      if (input != nullptr) return GiveShape(graph, *input);
      by_value = StrCat("it follows from the shape behind node '", node.name, "' (", node.op, "), which is ",
                        graph.type(node.inputs[0]).shape.ToString());
      continue;
    }
    if (node.inputs.empty() && by_value.empty()) {
      by_value = StrCat("it follows from the values of '", node.name, "' (", node.op, "), which only a run knows; fix them with --set ",
                        node.name, "=value");
    }
    for (Value input : node.inputs) {
      if (!symbols.Known(input) && seen.insert(input.node).second) queue.push_back(input);
    }
    const OpDef* op = FindOp(node.op);
    if (by_value.empty() && (op == nullptr || op->kernel == nullptr)) {
      by_value = StrCat("it hangs on node '", node.name, "' (", node.op, ")");
    }
  }
  if (!by_value.empty()) return by_value;
  const Node& node = graph.node(start->node);
  return StrCat("it hangs on node '", node.name, "' (", node.op, ")");
}

}  // namespace permafrost
