#include "optimizer/passes/lowering/cone.h"

#include <set>

namespace permafrost {

std::vector<NodeId> ConeOf(const Graph& graph, const std::vector<Value>& values) {
  std::set<NodeId> seen;
  std::vector<NodeId> work;
  for (Value value : values) work.push_back(value.node);
  while (!work.empty()) {
    const NodeId id = work.back();
    work.pop_back();
    if (!seen.insert(id).second) continue;
    for (Value input : graph.node(id).inputs) work.push_back(input.node);
  }
  return {seen.begin(), seen.end()};
}

StatusOr<std::vector<NodeId>> ProducersFirst(const Graph& graph, const std::vector<Value>& values, bool controls) {
  enum class State : uint8_t { kNew, kOpen, kDone };
  std::vector<State> states(static_cast<size_t>(graph.next_id()), State::kNew);
  std::vector<NodeId> order;
  std::vector<std::pair<NodeId, size_t>> stack;
  const auto visit = [&](NodeId id) {
    states[static_cast<size_t>(id)] = State::kOpen;
    stack.emplace_back(id, 0);
  };
  for (Value value : values) {
    if (!graph.IsLive(value.node)) return InvalidArgument("a value that is needed does not exist");
    if (states[static_cast<size_t>(value.node)] == State::kNew) visit(value.node);
    while (!stack.empty()) {
      auto& [id, next] = stack.back();
      const Node& node = graph.node(id);
      if (next == node.inputs.size() + (controls ? node.controls.size() : 0)) {
        states[static_cast<size_t>(id)] = State::kDone;
        order.push_back(id);
        stack.pop_back();
        continue;
      }
      const NodeId producer = next < node.inputs.size() ? node.inputs[next].node : node.controls[next - node.inputs.size()];
      ++next;
      if (!graph.IsLive(producer)) return InvalidArgument("node '", node.name, "' (", node.op, "): an input is not defined");
      const State state = states[static_cast<size_t>(producer)];
      if (state == State::kOpen) {
        const Node& at = graph.node(producer);
        return InvalidArgument("node '", at.name, "' (", at.op,
                               "): depends on itself through a cycle that is not a while loop");
      }
      if (state == State::kNew) visit(producer);
    }
  }
  return order;
}

}  // namespace permafrost
