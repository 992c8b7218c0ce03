#include "optimizer/pipeline/find_tables.h"

#include <algorithm>

#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

bool IsTableOp(std::string_view op) {
  for (std::string_view kind : {"HashTable", "MutableHashTable", "MutableDenseHashTable", "AnonymousHashTable",
                                "AnonymousMutableHashTable", "LookupTable"}) {
    if (op.starts_with(kind)) return true;
  }
  return false;
}

// The asset whose name the value holds: TensorFlow 2 keeps it in a variable.
const Asset* FindAsset(const Graph& graph, Value value, const std::vector<Asset>& assets) {
  const Node* node = &graph.node(value.node);
  for (int hops = 0; hops < 8 && (node->op == "Identity" || node->op == "ReadVariableOp") && !node->inputs.empty();
       ++hops) {
    node = &graph.node(node->inputs[0].node);
  }
  std::vector<std::string> names = {node->name};
  for (NodeId id : graph.NodeIds()) {
    const Node& assign = graph.node(id);
    if (assign.op != "AssignVariableOp" || assign.inputs.size() != 2) continue;
    if (&graph.node(assign.inputs[0].node) == node) names.push_back(graph.node(assign.inputs[1].node).name);
  }
  const auto found = std::find_if(assets.begin(), assets.end(), [&](const Asset& asset) {
    const std::string name = asset.tensor.substr(0, asset.tensor.find(':'));
    return std::find(names.begin(), names.end(), name) != names.end();
  });
  return found != assets.end() ? &*found : nullptr;
}

}  // namespace

std::map<std::string, std::string> FilesOfTables(const Graph& graph, const std::vector<Asset>& assets) {
  std::map<std::string, std::string> files;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (!node.op.starts_with("InitializeTableFromTextFile") || node.inputs.size() < 2) continue;
    const std::string& table = graph.node(node.inputs[0].node).name;
    const Tensor* value = ConstantBehind(graph, node.inputs[1]);
    if (const Asset* asset = FindAsset(graph, node.inputs[1], assets)) {
      files[table] = "assets/" + asset->file;
    } else if (value != nullptr && value->dtype() == DType::kString && value->strings().size() == 1) {
      files[table] = value->strings()[0];
    }
  }
  return files;
}

Status CheckNoTables(const Graph& graph, const std::map<std::string, std::string>& files) {
  for (const GraphOutput& output : graph.outputs()) {
    for (NodeId id : ConeOf(graph, {output.value})) {
      const Node& node = graph.node(id);
      if (!IsTableOp(node.op)) continue;
      const auto file = files.find(node.name);
      return Unsupported(
          "output '", output.name, "' needs node '", node.name, "' (", node.op, "), a lookup table",
          file != files.end() ? StrCat(" filled from '", file->second, "'") : "",
          ": a frozen graph holds none; name other outputs with --outputs, or a tensor after it with --inputs");
    }
  }
  return OkStatus();
}

}  // namespace permafrost
