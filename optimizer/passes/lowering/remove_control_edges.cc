#include "optimizer/passes/lowering/remove_control_edges.h"

namespace permafrost {
namespace {

Status RemoveControlEdges(GraphEditor& editor, PassContext&) {
  for (NodeId id : editor.graph().NodeIds()) editor.SetControls(id, {});
  return OkStatus();
}

}  // namespace

const PassInfo kRemoveControlEdges{
    .name = "remove-control-edges",
    .summary = "drop control inputs",
    .needs = {},
    .gives = {Fact::kNoControlEdges},
    .run = RemoveControlEdges,
    .aliases = {"remove_control_dependencies"}};

}  // namespace permafrost
