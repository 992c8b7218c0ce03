#include "optimizer/ir/graph.h"

#include <algorithm>
#include <queue>

namespace permafrost {

std::vector<NodeId> Graph::NodeIds() const {
  std::vector<NodeId> ids;
  ids.reserve(static_cast<size_t>(live_count_));
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (live_[i]) ids.push_back(static_cast<NodeId>(i));
  }
  return ids;
}

std::optional<NodeId> Graph::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

const ValueType& Graph::type(Value value) const {
  static const ValueType kUnknown;
  if (!IsLive(value.node) || value.port < 0) return kUnknown;
  const std::vector<ValueType>& outputs = node(value.node).outputs;
  return static_cast<size_t>(value.port) < outputs.size() ? outputs[static_cast<size_t>(value.port)] : kUnknown;
}

StatusOr<std::vector<NodeId>> Graph::TopoOrder() const {
  std::vector<int> waiting(nodes_.size(), 0);
  std::vector<std::vector<NodeId>> users(nodes_.size());
  for (NodeId id : NodeIds()) {
    std::vector<NodeId> producers = node(id).controls;
    for (Value input : node(id).inputs) producers.push_back(input.node);
    std::sort(producers.begin(), producers.end());
    producers.erase(std::unique(producers.begin(), producers.end()), producers.end());
    for (NodeId producer : producers) {
      users[static_cast<size_t>(producer)].push_back(id);
      ++waiting[static_cast<size_t>(id)];
    }
  }
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  for (NodeId id : NodeIds()) {
    if (waiting[static_cast<size_t>(id)] == 0) ready.push(id);
  }
  std::vector<NodeId> order;
  order.reserve(static_cast<size_t>(live_count_));
  while (!ready.empty()) {
    const NodeId id = ready.top();
    ready.pop();
    order.push_back(id);
    for (NodeId user : users[static_cast<size_t>(id)]) {
      if (--waiting[static_cast<size_t>(user)] == 0) ready.push(user);
    }
  }
  if (static_cast<int64_t>(order.size()) == live_count_) return order;
  // Walking back from a node that still waits, always over one that waits, must come round.
  NodeId at = kNoNode;
  for (NodeId id : NodeIds()) {
    if (waiting[static_cast<size_t>(id)] > 0) {
      at = id;
      break;
    }
  }
  std::vector<bool> seen(nodes_.size(), false);
  while (!seen[static_cast<size_t>(at)]) {
    seen[static_cast<size_t>(at)] = true;
    std::vector<NodeId> producers = node(at).controls;
    for (Value input : node(at).inputs) producers.push_back(input.node);
    for (NodeId producer : producers) {
      if (waiting[static_cast<size_t>(producer)] > 0) {
        at = producer;
        break;
      }
    }
  }
  return InvalidArgument("node '", node(at).name, "' (", node(at).op,
                         "): depends on itself through a cycle; expected an acyclic graph");
}

const Tensor* ConstValue(const Graph& graph, Value value) {
  if (!graph.IsLive(value.node) || value.port != 0 || !graph.node(value.node).IsConst()) return nullptr;
  return graph.node(value.node).attr<Tensor>("value");
}

std::string ToString(const Graph& graph, Value value) {
  if (!graph.IsLive(value.node)) return "(nothing)";
  const std::string& name = graph.node(value.node).name;
  return value.port == 0 ? name : StrCat(name, ":", value.port);
}

}  // namespace permafrost
