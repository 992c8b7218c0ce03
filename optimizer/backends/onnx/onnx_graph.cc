#include "optimizer/backends/onnx/onnx_graph.h"

#include <algorithm>

namespace permafrost {

void OnnxGraph::RemoveUnused() {
  std::vector<bool> used(values.size());
  for (int id : outputs) used[static_cast<size_t>(id)] = true;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const bool needed = std::any_of(node->outputs.begin(), node->outputs.end(),
                                    [&](int id) { return id >= 0 && used[static_cast<size_t>(id)]; });
    if (!needed) {
      node->outputs.clear();
      continue;
    }
    for (int id : node->inputs) {
      if (id >= 0) used[static_cast<size_t>(id)] = true;
    }
  }
  std::erase_if(nodes, [](const OnnxNode& node) { return node.outputs.empty(); });
}

std::vector<int> OnnxGraph::Constants() const {
  std::vector<bool> seen(values.size());
  std::vector<int> found;
  const auto visit = [&](int id) {
    if (!IsConstant(id) || seen[static_cast<size_t>(id)]) return;
    seen[static_cast<size_t>(id)] = true;
    found.push_back(id);
  };
  for (const OnnxNode& node : nodes) std::for_each(node.inputs.begin(), node.inputs.end(), visit);
  std::for_each(outputs.begin(), outputs.end(), visit);
  return found;
}

}  // namespace permafrost
