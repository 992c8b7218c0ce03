#include "optimizer/passes/lowering/settle_updates.h"

#include <set>
#include <string_view>

#include "optimizer/ops/training_ops.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

bool AsksForAValue(std::string_view op) { return op == "IsVariableInitialized" || op == "VarIsInitializedOp"; }

// What Assign assigns is its value, unless it hangs on the variable itself or on chance.
bool HandsOnTheAssigned(const Graph& graph, const Node& assign, NodeId variable) {
  if (assign.op != "Assign" || assign.inputs.size() != 2) return false;
  constexpr size_t kMostNodes = 1000;  // of more, the variable's value is the safe guess
  std::vector<NodeId> work = {assign.inputs[1].node};
  std::set<NodeId> seen = {work[0]};
  for (size_t next = 0; next < work.size(); ++next) {
    const Node& node = graph.node(work[next]);
    if (next > kMostNodes || work[next] == variable || IsRandomOp(node.op)) return false;
    for (Value input : node.inputs) {
      if (seen.insert(input.node).second) work.push_back(input.node);
    }
  }
  return true;
}

}  // namespace

bool IsReferenceUpdate(std::string_view op) {
  static const std::set<std::string_view> kOps = {"Assign",     "AssignAdd",    "AssignSub",    "ScatterAdd",
                                                  "ScatterSub", "ScatterMul",   "ScatterDiv",   "ScatterUpdate",
                                                  "CountUpTo",  "ScatterNdAdd", "ScatterNdSub", "ScatterNdUpdate"};
  return kOps.contains(op);
}

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
