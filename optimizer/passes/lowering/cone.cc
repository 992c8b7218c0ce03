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

}  // namespace permafrost
