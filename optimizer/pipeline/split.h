#pragma once

#include <string>
#include <vector>

#include "optimizer/ir/graph.h"

// Nets in one graph that share nothing but constants.
namespace permafrost {

struct Component {
  std::string name;  // the scope of its first output, else that output's name; letters, digits, '.', '-' and '_' only
  std::vector<NodeId> inputs;
  std::vector<GraphOutput> outputs;
};

// In the order of their first outputs. Outputs that no input reaches go with the first component.
std::vector<Component> FindComponents(const Graph& graph);

Graph TakeComponent(const Graph& graph, const Component& component);

// "dir/model.pb" and "pnet" -> "dir/model_pnet.pb".
std::string ComponentPath(const std::string& path, const std::string& name);

}  // namespace permafrost
