#include "optimizer/passes/lowering/variables.h"

#include <algorithm>

namespace permafrost {

bool IsVariable(const Node& node) {
  return node.op == "VariableV2" || node.op == "Variable" || node.op == "VarHandleOp";
}

bool HasVariables(const Graph& graph) {
  const auto holds = [](const Graph& body) {
    const std::vector<NodeId> ids = body.NodeIds();
    return std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return IsVariable(body.node(id)); });
  };
  return holds(graph) || std::any_of(graph.functions().begin(), graph.functions().end(),
                                     [&](const auto& function) { return holds(*function.second); });
}

NodeId VariableBehind(const Graph& graph, Value reference) {
  for (int64_t hops = graph.node_count(); hops > 0; --hops) {
    const Node& node = graph.node(reference.node);
    if (IsVariable(node)) return reference.node;
    const bool forwards = node.op == "Identity" || node.op == "RefIdentity" || node.op == "RefSwitch" ||
                          node.op == "Switch" || node.op == "ReadVariableOp";
    if (!forwards || node.inputs.empty()) break;
    reference = node.inputs[0];
  }
  return kNoNode;
}

}  // namespace permafrost
