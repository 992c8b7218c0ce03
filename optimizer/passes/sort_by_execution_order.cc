#include "optimizer/passes/sort_by_execution_order.h"

namespace permafrost {
namespace {

Status SortByExecutionOrder(GraphEditor& editor, PassContext&) {
  const Graph& graph = editor.graph();
  ASSIGN_OR_RETURN(const std::vector<NodeId> producers_first, graph.TopoOrder());
  if (producers_first.empty()) return OkStatus();
  std::vector<NodeId> order;
  order.reserve(producers_first.size());
  std::vector<bool> placed(static_cast<size_t>(graph.NodeIds().back()) + 1, false);
  const auto place = [&](NodeId id) {
    if (!placed[static_cast<size_t>(id)]) order.push_back(id);
    placed[static_cast<size_t>(id)] = true;
  };
  const auto is_source = [&](NodeId id) { return graph.node(id).inputs.empty() && graph.node(id).controls.empty(); };
  const auto is_constant = [&](NodeId id) { return graph.node(id).IsConst() && is_source(id); };
  for (NodeId id : graph.inputs()) {
    if (is_source(id)) place(id);
  }
  for (NodeId id : producers_first) {
    if (is_constant(id)) continue;
    for (Value input : graph.node(id).inputs) {
      if (is_constant(input.node)) place(input.node);
    }
    for (NodeId control : graph.node(id).controls) {
      if (is_constant(control)) place(control);
    }
    place(id);
  }
  for (NodeId id : producers_first) place(id);  // constants that nothing but outputs use
  editor.Reorder(order);
  return OkStatus();
}

}  // namespace

const PassInfo kSortByExecutionOrder{.name = "sort-by-execution-order",
                                     .summary = "put every node after what it needs",
                                     .needs = {Fact::kNoControlFlow},
                                     .gives = {Fact::kExecutionOrder},
                                     .run = SortByExecutionOrder,
                                     .aliases = {"sort_by_execution_order"}};

}  // namespace permafrost
