#include "optimizer/passes/lowering/moving_averages.h"

#include <string_view>

#include "optimizer/passes/lowering/variables.h"

namespace permafrost {
namespace {

// What lies between a value and the update of its average.
bool IsAveraging(std::string_view op) {
  static const std::set<std::string_view> kOps = {"Identity", "Sub",     "Mul",   "Add",    "AddV2",      "RealDiv",
                                                  "Cast",     "Squeeze", "Merge", "Switch", "ExpandDims", "Reshape"};
  return kOps.contains(op);
}

bool IsUpdate(const Node& node) {
  static const std::set<std::string_view> kOps = {"Assign",           "AssignSub",           "AssignAdd",
                                                  "AssignVariableOp", "AssignSubVariableOp", "AssignAddVariableOp"};
  return kOps.contains(node.op) && node.inputs.size() == 2;
}

struct Update {
  NodeId variable;
  std::set<NodeId> variables;  // that it is worked out from
  std::set<Value> values;      // the values of the live graph that it is worked out from
};

bool IsLive(const Node& node, const Graph& live) {
  const auto id = live.Find(node.name);
  return id && live.node(*id).op == node.op;
}

Update Trace(const Graph& original, const Graph& live, NodeId variable, Value assigned) {
  constexpr size_t kMostNodes = 200;
  Update update{variable, {}, {}};
  std::vector<Value> work = {assigned};
  std::set<Value> seen = {assigned};
  for (size_t next = 0; next < work.size() && next < kMostNodes; ++next) {
    const Value value = work[next];
    const Node& node = original.node(value.node);
    if (const NodeId source = VariableBehind(original, value); source != kNoNode) {
      update.variables.insert(source);
    } else if (!node.IsConst() && IsLive(node, live)) {
      update.values.insert(value);
    } else if (IsAveraging(node.op)) {
      for (Value input : node.inputs) {
        if (seen.insert(input).second) work.push_back(input);
      }
    }
  }
  return update;
}

}  // namespace

std::map<Value, std::set<NodeId>> FindMovingAverages(const Graph& original, const Graph& live) {
  std::vector<Update> updates;
  for (NodeId id : original.NodeIds()) {
    const Node& node = original.node(id);
    if (!IsUpdate(node)) continue;
    const NodeId variable = VariableBehind(original, node.inputs[0]);
    if (variable == kNoNode) continue;
    updates.push_back(Trace(original, live, variable, node.inputs[1]));
  }
  // TensorFlow corrects an average that starts from zero: "biased" averages the value, another variable is updated with
  // that, and is the one to take.
  std::map<NodeId, std::set<NodeId>> corrected;
  for (const Update& update : updates) {
    if (!update.values.empty()) continue;
    for (NodeId biased : update.variables) {
      const bool other = biased != update.variable && original.node(biased).name.ends_with("/biased");
      if (other) corrected[biased].insert(update.variable);
    }
  }
  std::map<Value, std::set<NodeId>> averages;
  for (const Update& update : updates) {
    if (update.values.size() != 1 || !update.variables.contains(update.variable)) continue;
    std::set<NodeId>& variables = averages[*update.values.begin()];
    if (const auto found = corrected.find(update.variable); found != corrected.end()) {
      variables.insert(found->second.begin(), found->second.end());
    } else {
      variables.insert(update.variable);
    }
  }
  return averages;
}

}  // namespace permafrost
