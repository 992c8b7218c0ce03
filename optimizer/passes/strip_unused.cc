#include "optimizer/passes/strip_unused.h"

namespace permafrost {
namespace {

Status StripUnused(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  if (graph.outputs().empty()) {
    return InvalidArgument("the graph has no outputs, so all of it is unused; name them with --outputs");
  }
  editor.PruneDead();
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

const PassInfo kStripUnused{
    .name = "strip-unused",
    .summary = "remove what no output reaches",
    .needs = {},
    .gives = {},
    .run = StripUnused,
    .aliases = {"strip_unused_nodes"}};

}  // namespace permafrost
