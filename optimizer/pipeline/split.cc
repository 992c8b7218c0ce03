#include "optimizer/pipeline/split.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <set>

#include "optimizer/ir/graph_editor.h"

namespace permafrost {
namespace {

// Sets of nodes that are joined over time.
class Sets {
 public:
  explicit Sets(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t Find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(size_t a, size_t b) { parent_[Find(a)] = Find(b); }

 private:
  std::vector<size_t> parent_;
};

std::string FileName(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '-') c = '_';
  }
  return name.substr(0, 100);
}

void NameComponents(std::vector<Component>& components) {
  std::map<std::string, int> scopes;
  const auto scope = [](const Component& component) {
    const std::string& first = component.outputs[0].name;
    return first.substr(0, first.find_first_of("/:"));
  };
  for (const Component& component : components) ++scopes[FileName(scope(component))];
  std::set<std::string> taken;
  for (Component& component : components) {
    const std::string by_scope = FileName(scope(component));
    const std::string base = scopes[by_scope] == 1 ? by_scope : FileName(component.outputs[0].name);
    component.name = base;
    for (int i = 2; !taken.insert(component.name).second; ++i) component.name = StrCat(base, "_", i);
  }
}

}  // namespace

std::vector<Component> FindComponents(const Graph& graph) {
  const auto order = graph.TopoOrder();
  if (!order.ok() || graph.outputs().empty()) return {};
  Sets sets(static_cast<size_t>(graph.next_id()));
  std::vector<bool> fed(static_cast<size_t>(graph.next_id()), false);  // an input reaches it
  for (NodeId id : graph.inputs()) fed[static_cast<size_t>(id)] = true;
  for (NodeId id : *order) {
    for (Value input : graph.node(id).inputs) {
      if (!fed[static_cast<size_t>(input.node)]) continue;
      fed[static_cast<size_t>(id)] = true;
      sets.Join(static_cast<size_t>(input.node), static_cast<size_t>(id));
    }
  }
  std::vector<Component> components;
  std::map<size_t, size_t> by_set;
  std::vector<GraphOutput> unfed;
  for (const GraphOutput& output : graph.outputs()) {
    const auto node = static_cast<size_t>(output.value.node);
    if (!fed[node]) {
      unfed.push_back(output);
      continue;
    }
    const auto [found, added] = by_set.try_emplace(sets.Find(node), components.size());
    if (added) components.emplace_back();
    components[found->second].outputs.push_back(output);
  }
  if (components.empty()) components.emplace_back();
  components[0].outputs.insert(components[0].outputs.end(), unfed.begin(), unfed.end());
  for (NodeId id : graph.inputs()) {
    const auto found = by_set.find(sets.Find(static_cast<size_t>(id)));
    if (found != by_set.end()) components[found->second].inputs.push_back(id);
  }
  NameComponents(components);
  return components;
}

Graph TakeComponent(const Graph& graph, const Component& component) {
  Graph part = graph;
  GraphEditor editor(part);
  editor.SetGraphInputs(component.inputs);
  editor.SetGraphOutputs(component.outputs);
  editor.PruneDead();
  return part;
}

std::string ComponentPath(const std::string& path, const std::string& name) {
  const size_t slash = path.rfind('/');
  const size_t dot = path.rfind('.');
  const bool has_suffix = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1) && dot > 0;
  const std::string stem = has_suffix ? path.substr(0, dot) : path;
  return StrCat(stem, "_", name, has_suffix ? path.substr(dot) : "");
}

}  // namespace permafrost
