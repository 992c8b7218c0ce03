#include "optimizer/passes/lowering/settle_updates.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "optimizer/ops/training_ops.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// Ops whose first input and result are a reference to a variable.
bool IsReferenceUpdate(std::string_view op) {
  static const std::set<std::string_view> kOps = {"Assign",        "AssignAdd",  "AssignSub",    "ScatterAdd",
                                                  "ScatterSub",    "ScatterMul", "ScatterUpdate", "ScatterNdAdd",
                                                  "ScatterNdSub",  "ScatterDiv", "ScatterNdUpdate", "CountUpTo"};
  return kOps.contains(op);
}

bool AsksForAValue(std::string_view op) { return op == "IsVariableInitialized" || op == "VarIsInitializedOp"; }

// What Assign assigns is its value, unless it hangs on the variable itself or on chance.
bool HandsOnTheAssigned(const Graph& graph, const Node& assign, NodeId variable) {
  if (assign.op != "Assign" || assign.inputs.size() != 2) return false;
  const std::vector<NodeId> cone = ConeOf(graph, {assign.inputs[1]});
  return std::none_of(cone.begin(), cone.end(),
                      [&](NodeId id) { return id == variable || IsRandomOp(graph.node(id).op); });
}

}  // namespace

Status SettleUpdates(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  std::vector<Value> outputs;
  for (const GraphOutput& output : graph.outputs()) outputs.push_back(output.value);
  for (NodeId id : ConeOf(graph, outputs)) {
    const std::string name = graph.node(id).name, op = graph.node(id).op;
    if (AsksForAValue(op)) {
      editor.ReplaceUses({id, 0}, EmitConst(editor, StrCat(name, "/settle"), Tensor::Scalar<bool>(true)));
      continue;
    }
    if (!IsReferenceUpdate(op) || graph.node(id).inputs.empty()) continue;
    const NodeId variable = VariableBehind(graph, graph.node(id).inputs[0]);
    if (variable == kNoNode) continue;
    const bool assigned = HandsOnTheAssigned(graph, graph.node(id), variable);
    const Value stands_for = graph.node(id).inputs[assigned ? 1 : 0];
    editor.ReplaceUses({id, 0}, stands_for);
    context.Note(StrCat("update '", name, "' (", op, ") of variable '", graph.node(variable).name, "' is not run: ",
                        assigned ? "what it assigns is taken" : "the variable's value is taken"));
  }
  return OkStatus();
}

}  // namespace permafrost
