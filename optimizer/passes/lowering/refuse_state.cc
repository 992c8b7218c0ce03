#include "optimizer/passes/lowering/refuse_state.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/lowering/settle_updates.h"

namespace permafrost {
namespace {

// What the node is part of, in words; nothing if it keeps no state.
std::optional<std::string_view> StateOf(std::string_view op) {
  if (op.find("HashTable") != std::string_view::npos || op.starts_with("LookupTable") || op.starts_with("InitializeTable")) {
    return "a lookup table, whose content lies outside the graph";
  }
  if (op == "TemporaryVariable" || op == "DestroyTemporaryVariable") {
    return "a temporary variable, which exists only while TensorFlow runs the graph";
  }
  if (IsReferenceUpdate(op)) return "an update of what is no variable of the graph";
  return std::nullopt;
}

}  // namespace

Status RefuseState(const Graph& graph) {
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    const auto state = StateOf(node.op);
    if (!state) continue;
    for (const GraphOutput& output : graph.outputs()) {
      const std::vector<NodeId> cone = ConeOf(graph, {output.value});
      if (!std::binary_search(cone.begin(), cone.end(), id)) continue;
      return Unsupported("node '", node.name, "' (", node.op, "): output '", output.name, "' needs ", *state,
                         "; cut the graph behind it with --inputs, or before it with --outputs");
    }
  }
  return OkStatus();
}

}  // namespace permafrost
