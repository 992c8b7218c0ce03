#include "optimizer/passes/strip_unused.h"

#include <map>
#include <memory>
#include <set>

namespace permafrost {
namespace {

using Functions = std::map<std::string, std::shared_ptr<const Graph>, std::less<>>;

// Adds the functions that the nodes of `graph` name, and those that these name.
void AddUsedFunctions(const Graph& graph, const Functions& all, std::set<std::string>& used) {
  std::vector<std::string> names;
  for (NodeId id : graph.NodeIds()) {
    names.push_back(graph.node(id).op);
    for (const auto& [key, attr] : graph.node(id).attrs) {
      if (const auto* one = std::get_if<FunctionName>(&attr)) names.push_back(one->name);
      if (const auto* many = std::get_if<std::vector<FunctionName>>(&attr)) {
        for (const FunctionName& function : *many) names.push_back(function.name);
      }
    }
  }
  for (const std::string& name : names) {
    const auto found = all.find(name);
    if (found != all.end() && used.insert(name).second) AddUsedFunctions(*found->second, all, used);
  }
}

void StripFunctions(GraphEditor& editor) {
  const Functions all = editor.graph().functions();
  std::set<std::string> used;
  AddUsedFunctions(editor.graph(), all, used);
  if (used.size() == all.size()) return;
  editor.ClearFunctions();
  for (const std::string& name : used) editor.SetFunction(name, all.at(name));
}

Status StripUnused(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  if (graph.outputs().empty()) {
    return InvalidArgument("the graph has no outputs, so all of it is unused; name them with --outputs");
  }
  editor.PruneDead();
  StripFunctions(editor);
  std::vector<bool> needed(static_cast<size_t>(graph.NodeIds().back()) + 1, false);
  for (NodeId id : graph.NodeIds()) {
    for (Value input : graph.node(id).inputs) needed[static_cast<size_t>(input.node)] = true;
    for (NodeId control : graph.node(id).controls) needed[static_cast<size_t>(control)] = true;
  }
  for (const GraphOutput& output : graph.outputs()) needed[static_cast<size_t>(output.value.node)] = true;
  for (NodeId id : graph.inputs()) {
    if (!needed[static_cast<size_t>(id)]) {
      context.Note(StrCat("input '", graph.node(id).name, "': no output depends on it; it stays because it is named"));
    }
  }
  return OkStatus();
}

}  // namespace

const PassInfo kStripUnused{.name = "strip-unused",
                            .summary = "remove what no output reaches",
                            .needs = {},
                            .gives = {},
                            .run = StripUnused,
                            .aliases = {"strip_unused_nodes"},
                            .options = {{.name = "type", .kind = PassOption::Kind::kDType},
                                        {.name = "shape", .kind = PassOption::Kind::kShape},
                                        {.name = "name", .repeated = true},
                                        {.name = "type_for_name", .kind = PassOption::Kind::kDType, .repeated = true},
                                        {.name = "shape_for_name", .kind = PassOption::Kind::kShape, .repeated = true}}};

}  // namespace permafrost
