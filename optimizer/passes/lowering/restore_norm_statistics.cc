#include "optimizer/passes/lowering/restore_norm_statistics.h"

#include <set>
#include <vector>

#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

bool IsTrainingNorm(const Node& node) {
  const bool norm = node.op == "FusedBatchNorm" || node.op == "FusedBatchNormV2" || node.op == "FusedBatchNormV3";
  return norm && node.inputs.size() >= 5 && node.attr_or<bool>("is_training", true);
}

// What lies between a batch statistic and the update of its moving average.
bool IsAveraging(const std::string& op) {
  static const std::set<std::string_view> kOps = {"Identity", "Sub",     "Mul",   "Add",    "AddV2",     "RealDiv",
                                                  "Cast",     "Squeeze", "Merge", "Switch", "ExpandDims"};
  return kOps.contains(op);
}

bool IsUpdate(const std::string& op) {
  static const std::set<std::string_view> kOps = {"Assign",           "AssignSub",           "AssignAdd",
                                                  "AssignVariableOp", "AssignSubVariableOp", "AssignAddVariableOp"};
  return kOps.contains(op);
}

// The variable behind a reference or handle.
NodeId VariableBehind(const Graph& graph, Value reference) {
  for (int64_t hops = graph.node_count(); hops > 0; --hops) {
    const Node& node = graph.node(reference.node);
    if (node.op == "VariableV2" || node.op == "Variable" || node.op == "VarHandleOp") return reference.node;
    const bool forwards = node.op == "Identity" || node.op == "RefSwitch" || node.op == "Switch";
    if (!forwards || node.inputs.empty()) break;
    reference = node.inputs[0];
  }
  return kNoNode;
}

// The one variable that is updated with `statistic`; kNoNode if there is none or several.
NodeId MovingAverageOf(const GraphEditor& original, Value statistic) {
  std::set<NodeId> seen, variables;
  std::vector<NodeId> work;
  const auto follow = [&](const Use& use) {
    const Node& node = original.node(use.node);
    if (IsUpdate(node.op) && use.index == 1) {
      const NodeId variable = VariableBehind(original.graph(), node.inputs[0]);
      if (variable != kNoNode) variables.insert(variable);
    } else if (IsAveraging(node.op) && seen.insert(use.node).second) {
      work.push_back(use.node);
    }
  };
  for (const Use& use : original.Users(statistic)) follow(use);
  while (!work.empty()) {
    const NodeId id = work.back();
    work.pop_back();
    for (const Use& use : std::vector<Use>(original.Users(id))) follow(use);
  }
  return variables.size() == 1 ? *variables.begin() : kNoNode;
}

// A constant with a number for each channel; the scale tells how many there are.
bool IsStatistic(const Graph& graph, const Node& norm, int input) {
  const Tensor* tensor = ConstantBehind(graph, norm.inputs[static_cast<size_t>(input)]);
  const Shape& scale = graph.type(norm.inputs[1]).shape;
  return tensor != nullptr && tensor->rank() == 1 && tensor->elements() > 0 &&
         (!scale.FullyKnown() || scale.Elements() == tensor->elements());
}

}  // namespace

Status RestoreNormStatistics(GraphEditor& editor, const Graph& original, const VariableValues* values,
                             PassContext& context) {
  std::vector<NodeId> norms;
  for (NodeId id : editor.graph().NodeIds()) {
    if (IsTrainingNorm(editor.node(id))) norms.push_back(id);
  }
  if (norms.empty()) return OkStatus();
  Graph copy = original;  // an editor for its index of users
  const GraphEditor index(copy);
  for (NodeId id : norms) {
    const Node& norm = editor.node(id);
    const std::string name = norm.name, what = StrCat("norm '", name, "' (", norm.op, ")");
    if (IsStatistic(editor.graph(), norm, 3) && IsStatistic(editor.graph(), norm, 4)) {
      editor.SetAttr(id, "is_training", false);
      context.Note(StrCat(what, ": takes the statistics of its inputs 3 and 4 instead of its batch's"));
      continue;
    }
    if (values == nullptr) continue;
    const std::optional<NodeId> before = original.Find(name);
    Value statistics[2];
    std::string variables[2];
    for (int i = 0; i < 2; ++i) {
      const NodeId variable =
          before && IsTrainingNorm(original.node(*before)) ? MovingAverageOf(index, {*before, 1 + i}) : kNoNode;
      if (variable == kNoNode) {
        return NotFound(
            what, ": is_training is true and the graph keeps no moving ", i == 0 ? "mean" : "variance",
            " of it; give the graph that was trained with its checkpoint (--checkpoint), or let the norm use "
            "the statistics of its batch with --keep-batch-stats");
      }
      variables[i] = original.node(variable).name;
      auto value = values->ValueOf(original.node(variable), context);
      if (!value.ok()) return WithContext(value.status(), what);
      const auto present = editor.graph().Find(variables[i]);
      statistics[i] =
          present && editor.node(*present).IsConst() ? Value{*present, 0} : EmitConst(editor, variables[i], *value);
    }
    for (int i = 0; i < 2; ++i) editor.SetInput(id, 3 + i, statistics[i]);
    editor.SetAttr(id, "is_training", false);
    context.Note(StrCat(what, ": takes the moving statistics '", variables[0], "' and '", variables[1],
                        "' instead of its batch's"));
  }
  return OkStatus();
}

}  // namespace permafrost
