#include "optimizer/passes/lowering/inline_functions.h"

#include <algorithm>
#include <map>

#include "optimizer/support/limits.h"

namespace permafrost {
namespace {

// The function that comes with half weights in our files: as an op it stays what the file says.
bool WidensHalf(const Graph& body) {
  if (body.inputs().size() != 1 || body.outputs().size() != 1 || body.node_count() != 2) return false;
  const Node& cast = body.node(body.outputs()[0].value.node);
  return cast.op == "Cast" && cast.inputs.size() == 1 && cast.inputs[0].node == body.inputs()[0] &&
         cast.attr_or("DstT", DType::kInvalid) == DType::kFloat32 && cast.attr_or("SrcT", DType::kInvalid) == DType::kHalf;
}

// The function a node calls, or "".
std::string Callee(const Graph& graph, const Node& node) {
  if (node.op == "PartitionedCall" || node.op == "StatefulPartitionedCall") {
    const auto* function = node.attr<FunctionName>("f");
    return function != nullptr ? function->name : "";
  }
  const auto function = graph.functions().find(node.op);
  if (function == graph.functions().end()) return "";
  return node.op == "Dropout" && WidensHalf(*function->second) ? "" : node.op;
}

// Calls nest this deep at most: a chain of distinct functions is legal, but no real model has hundreds of levels.
constexpr int kMaxDepth = 200;

Status Run(GraphEditor& editor, PassContext&) {
  if (editor.graph().functions().empty()) return OkStatus();
  if (!editor.graph().outputs().empty()) editor.PruneDead();
  return InlineAllCalls(editor);
}

}  // namespace

Status InlineAllCalls(GraphEditor& editor) {
  const Limits limits;
  const Graph& graph = editor.graph();
  // A call that was opened, and the one whose body it was in.
  struct Opened {
    std::string callee;
    int outer, depth;
  };
  std::vector<Opened> opened;
  std::vector<int> opened_for(static_cast<size_t>(graph.next_id()), -1);  // of the nodes of a body
  std::vector<NodeId> work = graph.NodeIds();
  for (size_t next = 0; next < work.size(); ++next) {
    const NodeId id = work[next];
    const std::string callee = Callee(graph, editor.node(id));
    if (callee.empty()) continue;
    const std::string where = StrCat("node '", editor.node(id).name, "' (", editor.node(id).op, ")");
    const auto body = graph.functions().find(callee);
    if (body == graph.functions().end()) return NotFound(where, ": calls function '", callee, "', which the file lacks");
    const int outer = opened_for[static_cast<size_t>(id)];
    for (int at = outer; at >= 0; at = opened[static_cast<size_t>(at)].outer) {
      if (opened[static_cast<size_t>(at)].callee != callee) continue;
      return InvalidArgument(where, ": function '", callee, "' calls itself; expected functions without recursion");
    }
    const int depth = outer < 0 ? 1 : opened[static_cast<size_t>(outer)].depth + 1;
    if (depth > kMaxDepth) return ResourceExhausted(where, ": functions are nested more than ", kMaxDepth, " deep");
    if (graph.node_count() + body->second->node_count() > limits.max_nodes) {
      return ResourceExhausted(where, ": inlining functions gives more than ", limits.max_nodes, " nodes");
    }
    const NodeId first_new = graph.next_id();
    RETURN_IF_ERROR(InlineCall(editor, id, *body->second));
    opened_for.resize(static_cast<size_t>(graph.next_id()), static_cast<int>(opened.size()));
    opened.push_back({callee, outer, depth});
    for (NodeId added = first_new; added < graph.next_id(); ++added) work.push_back(added);
  }
  return OkStatus();
}

Status InlineCall(GraphEditor& editor, NodeId call, const Graph& body) {
  const std::string prefix = editor.node(call).name;
  const std::vector<Value> arguments = editor.node(call).inputs;
  const std::vector<NodeId> call_controls = editor.node(call).controls;
  if (arguments.size() != body.inputs().size()) {
    return InvalidArgument("node '", prefix, "' (", editor.node(call).op, "): has ", arguments.size(),
                           " arguments, the function takes ", body.inputs().size());
  }
  std::map<NodeId, Value> argument_of;
  for (size_t i = 0; i < arguments.size(); ++i) argument_of[body.inputs()[i]] = arguments[i];
  std::map<NodeId, NodeId> copy_of;
  for (NodeId id : body.NodeIds()) {
    if (argument_of.contains(id)) continue;
    Node node = body.node(id);
    node.name = StrCat(prefix, "/", node.name);
    node.inputs.clear();
    node.controls.clear();
    copy_of[id] = editor.AddNode(std::move(node));
  }
  const auto translate = [&](Value value) {
    const auto argument = argument_of.find(value.node);
    return argument != argument_of.end() ? argument->second : Value{copy_of.at(value.node), value.port};
  };
  for (const auto& [original, copy] : copy_of) {
    std::vector<Value> inputs;
    for (Value input : body.node(original).inputs) inputs.push_back(translate(input));
    editor.SetInputs(copy, std::move(inputs));
    std::vector<NodeId> controls = call_controls;
    for (NodeId control : body.node(original).controls) controls.push_back(translate({control, 0}).node);
    editor.SetControls(copy, std::move(controls));
  }
  for (size_t port = 0; port < body.outputs().size(); ++port) {
    editor.ReplaceUses({call, static_cast<int>(port)}, translate(body.outputs()[port].value));
  }
  const std::vector<GraphOutput>& ends = editor.graph().outputs();
  const bool is_end = std::any_of(ends.begin(), ends.end(), [&](const auto& end) { return end.value.node == call; });
  if (is_end || !editor.Users(call).empty()) {
    return InvalidArgument("node '", prefix, "': output ", body.outputs().size(),
                           " or higher is used, the function has only ", body.outputs().size());
  }
  // Who waited for the call waits for its results.
  const std::vector<NodeId> waiting = editor.ControlUsers(call);
  for (NodeId id : waiting) {
    std::vector<NodeId> controls = editor.node(id).controls;
    if (std::erase(controls, call) == 0) continue;
    for (const GraphOutput& output : body.outputs()) controls.push_back(translate(output.value).node);
    editor.SetControls(id, std::move(controls));
  }
  editor.RemoveNode(call);
  return OkStatus();
}

const PassInfo kInlineFunctions{
    .name = "inline-functions",
    .summary = "put function bodies in place of their calls",
    .needs = {},
    .gives = {Fact::kNoFunctions},
    .run = Run,
    .aliases = {"inline_partitionedcall"},
};

}  // namespace permafrost
