#include "optimizer/passes/lowering/training_conditions.h"

#include <functional>
#include <optional>

#include "optimizer/passes/lowering/batch_statistics.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

enum class Statistics { kOther, kOfBatch, kKept };

struct Origin {
  Statistics statistics = Statistics::kOther;
  Value branch;  // the port of the nearest Switch on the way; none within functions
};

bool IsSwitch(const Node& node) { return (node.op == "Switch" || node.op == "RefSwitch") && node.inputs.size() == 2; }

// The first Switch behind an input of the norm.
Value BranchOf(const Graph& graph, const Node& norm) {
  for (Value input : norm.inputs) {
    for (int hops = 0; hops < 4; ++hops) {
      const Node& node = graph.node(input.node);
      if (IsSwitch(node)) return input;
      if (node.inputs.empty()) break;
      input = node.inputs[0];
    }
  }
  return {};
}

// Where a branch's result comes from. Values that cannot be followed further in a function go to `argument`.
Origin OriginOf(const Graph& graph, Value value, const std::function<Origin(NodeId)>& argument = {}) {
  constexpr int kHops = 16;
  Origin origin;
  for (int hops = 0; hops < kHops; ++hops) {
    const Node& node = graph.node(value.node);
    if (IsFusedNorm(node)) {
      origin.statistics = IsTrainingNorm(node) ? Statistics::kOfBatch : Statistics::kKept;
      if (origin.branch.node == kNoNode) origin.branch = BranchOf(graph, node);
      return origin;
    }
    if (node.op == "Mean") {
      origin.statistics = Statistics::kOfBatch;
      return origin;
    }
    if (IsVariable(node)) {
      origin.statistics = Statistics::kKept;
      return origin;
    }
    if (node.inputs.empty()) return argument ? argument(value.node) : Origin();
    const bool forwards = IsSwitch(node) || node.op == "Identity" || node.op == "Squeeze" || node.op == "Reshape" ||
                          node.op == "Cast" || node.op == "ReadVariableOp";
    if (!forwards) return {};
    if (IsSwitch(node) && origin.branch.node == kNoNode) origin.branch = value;
    value = node.inputs[0];
  }
  return {};
}

void Decide(GraphEditor& editor, Value predicate, bool value, PassContext& context) {
  while (editor.node(predicate.node).op == "Identity" && !editor.node(predicate.node).inputs.empty()) {
    predicate = editor.node(predicate.node).inputs[0];
  }
  // What is constant, or becomes so because the user said it, is not ours to decide.
  for (NodeId id : ConeOf(editor.graph(), {predicate})) {
    const Node& node = editor.node(id);
    if (node.inputs.empty() && !node.IsConst()) {
      const std::string name = ToString(editor.graph(), predicate);
      editor.ReplaceUses(predicate, EmitConst(editor, StrCat(editor.node(predicate.node).name, "/fix-training-switches"),
                                              Tensor::Scalar<bool>(value)));
      context.Note(StrCat("'", name, "' chooses between a norm's statistics of the batch and kept ones: set to ",
                          value ? "true" : "false"));
      return;
    }
  }
}

void DecideMerge(GraphEditor& editor, NodeId merge, PassContext& context) {
  const Graph& graph = editor.graph();
  if (graph.node(merge).inputs.size() != 2) return;
  const Origin first = OriginOf(graph, graph.node(merge).inputs[0]);
  const Origin second = OriginOf(graph, graph.node(merge).inputs[1]);
  const bool first_kept = first.statistics == Statistics::kKept && second.statistics == Statistics::kOfBatch;
  const bool second_kept = second.statistics == Statistics::kKept && first.statistics == Statistics::kOfBatch;
  if (!first_kept && !second_kept) return;
  const Value branch = first_kept ? first.branch : second.branch;
  if (branch.node == kNoNode || branch.port > 1) return;
  Decide(editor, graph.node(branch.node).inputs[1], branch.port == 1, context);
}

// What the branch gives as result k. Arguments of the branch are inputs of the If behind the condition.
Origin OriginInBranch(const Graph& graph, const Node& node, std::string_view attr, size_t result) {
  const auto* name = node.attr<FunctionName>(attr);
  const auto found = name == nullptr ? graph.functions().end() : graph.functions().find(name->name);
  if (found == graph.functions().end() || result >= found->second->outputs().size()) return {};
  const Graph& body = *found->second;
  return OriginOf(body, body.outputs()[result].value, [&](NodeId id) -> Origin {
    for (size_t i = 0; i < body.inputs().size() && i + 1 < node.inputs.size(); ++i) {
      if (body.inputs()[i] == id) return OriginOf(graph, node.inputs[i + 1]);
    }
    return {};
  });
}

void DecideIf(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Node& node = graph.node(id);
  if (node.inputs.empty()) return;
  constexpr size_t kMostResults = 8;
  for (size_t result = 0; result < kMostResults; ++result) {
    const Statistics then_case = OriginInBranch(graph, node, "then_branch", result).statistics;
    const Statistics else_case = OriginInBranch(graph, node, "else_branch", result).statistics;
    if (then_case == else_case || then_case == Statistics::kOther || else_case == Statistics::kOther) continue;
    return Decide(editor, node.inputs[0], then_case == Statistics::kKept, context);
  }
}

}  // namespace

void DecideTrainingConditions(GraphEditor& editor, PassContext& context) {
  for (NodeId id : editor.graph().NodeIds()) {
    const std::string& op = editor.node(id).op;
    if (op == "Merge") {
      DecideMerge(editor, id, context);
    } else if (op == "If" || op == "StatelessIf") {
      DecideIf(editor, id, context);
    }
  }
}

}  // namespace permafrost
