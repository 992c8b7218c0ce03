#include "optimizer/ir/verify.h"

#include <set>

namespace permafrost {

bool IsControlFlow(std::string_view op) {
  static const std::set<std::string_view> kOps = {
      "Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "RefExit", "NextIteration",
      "RefNextIteration", "LoopCond", "If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase"};
  return kOps.contains(op);
}

namespace {

// Cycles are legal at level imported only through NextIteration -> Merge.
Status CheckCycles(const Graph& graph) {
  bool loops = false;
  for (NodeId id : graph.NodeIds()) loops |= graph.node(id).op == "NextIteration" || graph.node(id).op == "RefNextIteration";
  if (!loops) return graph.TopoOrder().status();
  // Depth-first over everything but the back edges.
  std::vector<int> state(static_cast<size_t>(graph.NodeIds().back()) + 1, 0);
  for (NodeId root : graph.NodeIds()) {
    std::vector<std::pair<NodeId, size_t>> stack;
    if (state[static_cast<size_t>(root)] == 0) stack.push_back({root, 0});
    while (!stack.empty()) {
      auto& [id, next] = stack.back();
      const Node& node = graph.node(id);
      state[static_cast<size_t>(id)] = 1;
      // Control edges run into the back edge too: the next round waits for all of this one.
      const bool back_edge = node.op == "NextIteration" || node.op == "RefNextIteration";
      const size_t inputs = node.inputs.size();
      if (back_edge || next == inputs + node.controls.size()) {
        state[static_cast<size_t>(id)] = 2;
        stack.pop_back();
        continue;
      }
      const NodeId producer = next < inputs ? node.inputs[next].node : node.controls[next - inputs];
      ++next;
      if (state[static_cast<size_t>(producer)] == 1) {
        return InvalidArgument("node '", graph.node(producer).name, "' (", graph.node(producer).op,
                               "): depends on itself through a cycle that is not a while loop");
      }
      if (state[static_cast<size_t>(producer)] == 0) stack.push_back({producer, 0});
    }
  }
  return OkStatus();
}

}  // namespace

Status CheckInputs(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Value input = node.inputs[i];
    if (!graph.IsLive(input.node) || input.port < 0) {
      return InvalidArgument("node '", node.name, "' (", node.op, "): input ", i, " is not defined");
    }
    const size_t ports = graph.node(input.node).outputs.size();
    if (ports > 0 && static_cast<size_t>(input.port) >= ports) {
      return InvalidArgument("node '", node.name, "' (", node.op, "): input ", i, " is output ", input.port, " of '",
                             graph.node(input.node).name, "' (", graph.node(input.node).op, "), which has ", ports);
    }
  }
  return OkStatus();
}

Status Verify(const Graph& graph, Level level) {
  std::set<std::string_view> names;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.name.empty()) return InvalidArgument("a node of type ", node.op, " has no name");
    if (!names.insert(node.name).second) return InvalidArgument("node '", node.name, "': the name is used twice");
    if (graph.Find(node.name) != id) return Internal("node '", node.name, "': the index of names is wrong");
    RETURN_IF_ERROR(CheckInputs(graph, id));
    for (NodeId control : node.controls) {
      if (!graph.IsLive(control)) {
        return InvalidArgument("node '", node.name, "' (", node.op, "): a control input is not defined");
      }
    }
    if (node.IsConst() && (node.attr<Tensor>("value") == nullptr || !node.attr<Tensor>("value")->valid())) {
      return InvalidArgument("node '", node.name, "' (Const): has no value");
    }
    if (level == Level::kFlat) {
      if (!node.controls.empty()) {
        return InvalidArgument("node '", node.name, "' (", node.op, "): has a control input in a flat graph");
      }
      if (IsControlFlow(node.op)) {
        return InvalidArgument("node '", node.name, "' (", node.op, "): control flow in a flat graph");
      }
    }
  }
  for (NodeId id : graph.inputs()) {
    if (!graph.IsLive(id)) return Internal("a graph input is not a live node");
    if (graph.node(id).op != "Placeholder") {
      return InvalidArgument("input '", graph.node(id).name, "': is a ", graph.node(id).op, ", expected a Placeholder");
    }
  }
  std::set<std::string_view> output_names;
  for (const GraphOutput& output : graph.outputs()) {
    if (!graph.IsLive(output.value.node)) return InvalidArgument("output '", output.name, "': has no node");
    if (!output_names.insert(output.name).second) {
      return InvalidArgument("output '", output.name, "': is asked for twice");
    }
  }
  if (level == Level::kFlat) {
    if (!graph.functions().empty()) return InvalidArgument("functions are left in a flat graph");
    return graph.TopoOrder().status();
  }
  for (const auto& [name, body] : graph.functions()) {
    if (const Status status = Verify(*body, level); !status.ok()) return WithContext(status, StrCat("function '", name, "'"));
  }
  return CheckCycles(graph);
}

}  // namespace permafrost
