#include "optimizer/passes/lowering/outline_loops.h"

#include <algorithm>
#include <map>
#include <set>

#include "optimizer/passes/lowering/cone.h"

namespace permafrost {
namespace {

bool IsOp(const Node& node, std::string_view op) {
  return node.op == op || (node.op.starts_with("Ref") && std::string_view(node.op).substr(3) == op);
}
std::string Where(const Node& node) { return StrCat("node '", node.name, "' (", node.op, ")"); }
std::string FrameOf(const Node& enter) { return enter.attr_or<std::string>("frame_name", ""); }

Status MixedUp(const Node& node, std::string_view frame, std::string_view what) {
  return InvalidArgument("while loop '", frame, "', ", Where(node), ": ", what,
                         "; expected the frames that TensorFlow's while_loop writes");
}

// The values of a function in the making, by what they are in the graph around it.
struct Function {
  Graph graph;
  GraphEditor editor{graph};
  std::map<Value, Value> known;
  std::map<size_t, NodeId> arguments;  // by number
};

// One frame without frames inside, on its way into two functions.
class Loop {
 public:
  Loop(GraphEditor& editor, std::string frame, std::set<NodeId> members)
      : editor_(editor), graph_(editor.graph()), frame_(std::move(frame)), members_(std::move(members)) {}

  Status Outline() {
    RETURN_IF_ERROR(FindParts());
    std::vector<Value> nexts;
    for (const Variable& variable : variables_) nexts.push_back(variable.next);
    Function cond, body;
    RETURN_IF_ERROR(Build(cond, {condition_}));
    RETURN_IF_ERROR(Build(body, nexts));
    const std::string cond_name = FreeName("cond"), body_name = FreeName("body");
    Node node;
    node.name = name_;
    node.op = "While";
    node.attrs["cond"] = FunctionName{cond_name};
    node.attrs["body"] = FunctionName{body_name};
    for (const Variable& variable : variables_) node.inputs.push_back(variable.start);
    node.inputs.insert(node.inputs.end(), captured_.begin(), captured_.end());
    for (size_t i = variables_.size(); i < node.inputs.size(); ++i) nexts.push_back(node.inputs[i]);
    Finish(cond, cond_name, {condition_});
    Finish(body, body_name, nexts);
    const NodeId loop = editor_.AddNode(std::move(node));
    for (const auto& [exit, variable] : exits_) editor_.ReplaceUses({exit, 0}, {loop, static_cast<int>(variable)});
    return RemoveMembers();
  }

 private:
  struct Variable {
    Value start, next;
  };

  bool IsMember(NodeId id) const { return members_.contains(id); }

  Value Forwarded(Value value) const {
    while (IsMember(value.node) && graph_.node(value.node).op == "Identity" && !graph_.node(value.node).inputs.empty()) {
      value = graph_.node(value.node).inputs[0];
    }
    return value;
  }

  Status CheckArity(const Node& node) const {
    size_t expected = 1;
    if (IsOp(node, "Switch") || IsOp(node, "Merge")) expected = 2;
    if (node.inputs.size() == expected) return OkStatus();
    return MixedUp(node, frame_, StrCat("has ", node.inputs.size(), " inputs, expected ", expected));
  }

  Status FindParts() {
    NodeId loop_cond = kNoNode;
    for (NodeId id : members_) {
      const Node& node = graph_.node(id);
      const bool merge = IsOp(node, "Merge");
      if (!merge && !IsOp(node, "Switch") && !IsOp(node, "Exit") && !IsOp(node, "NextIteration") && node.op != "LoopCond") {
        continue;
      }
      if (!merge) RETURN_IF_ERROR(CheckArity(node));
      if (node.op == "LoopCond") {
        if (loop_cond != kNoNode) return MixedUp(node, frame_, StrCat("a second condition beside '", graph_.node(loop_cond).name, "'"));
        loop_cond = id;
      }
      if (merge) RETURN_IF_ERROR(FindVariable(id));
    }
    if (loop_cond == kNoNode) {
      return MixedUp(graph_.node(*members_.begin()), frame_, "the loop has no LoopCond");
    }
    const Node& node = graph_.node(loop_cond);
    if (variables_.empty()) return MixedUp(node, frame_, "the loop has no variables");
    condition_ = node.inputs[0];
    name_ = node.name.ends_with("/LoopCond") ? node.name.substr(0, node.name.size() - 9) : frame_;
    if (name_.empty()) name_ = "while";
    for (NodeId id : members_) {
      const Node& member = graph_.node(id);
      if (!IsOp(member, "Switch") || Forwarded(member.inputs[1]).node != loop_cond) continue;
      const auto variable = VariableOf(Forwarded(member.inputs[0]));
      if (!variable) return MixedUp(member, frame_, "is steered by the loop's condition but does not carry a loop variable");
      steered_[id] = *variable;
    }
    for (NodeId id : members_) {
      const Node& member = graph_.node(id);
      if (!IsOp(member, "Exit")) continue;
      const Value from = Forwarded(member.inputs[0]);
      const auto steered = steered_.find(from.node);
      if (steered == steered_.end() || from.port != 0) {
        return MixedUp(member, frame_, StrCat("leaves from '", ToString(graph_, from), "', which is no loop variable"));
      }
      exits_[id] = steered->second;
    }
    return OkStatus();
  }

  Status FindVariable(NodeId id) {
    const Node& merge = graph_.node(id);
    std::vector<size_t> next;
    for (size_t i = 0; i < merge.inputs.size(); ++i) {
      if (IsOp(graph_.node(merge.inputs[i].node), "NextIteration")) next.push_back(i);
    }
    if (next.empty()) return OkStatus();  // a condition inside the body
    RETURN_IF_ERROR(CheckArity(merge));
    const Node& enter = graph_.node(merge.inputs[1 - next[0]].node);
    const Node& back = graph_.node(merge.inputs[next[0]].node);
    if (next.size() != 1 || !IsOp(enter, "Enter")) return MixedUp(merge, frame_, "expected one Enter and one NextIteration");
    RETURN_IF_ERROR(CheckArity(enter));
    RETURN_IF_ERROR(CheckArity(back));
    if (FrameOf(enter) != frame_ || !IsMember(merge.inputs[next[0]].node)) {
      return MixedUp(merge, frame_, StrCat("joins values of frame '", FrameOf(enter), "'"));
    }
    variable_of_[id] = variables_.size();
    variables_.push_back({enter.inputs[0], back.inputs[0]});
    return OkStatus();
  }

  std::optional<size_t> VariableOf(Value value) const {
    const auto found = variable_of_.find(value.node);
    if (found == variable_of_.end() || value.port != 0) return std::nullopt;
    return found->second;
  }

  // The number of the argument that stands for a value from outside.
  size_t Captured(Value value) {
    const auto [found, added] = captured_at_.emplace(value, variables_.size() + captured_.size());
    if (added) captured_.push_back(value);
    return found->second;
  }

  // The argument that a value is inside the functions, if it is one.
  StatusOr<std::optional<size_t>> ArgumentOf(Value value) {
    const Node& node = graph_.node(value.node);
    if (!IsMember(value.node)) return std::optional<size_t>(Captured(value));
    if (IsOp(node, "Enter")) return std::optional<size_t>(Captured(node.inputs[0]));
    if (const auto variable = VariableOf(value)) return std::optional<size_t>(*variable);
    const auto steered = steered_.find(value.node);
    if (steered != steered_.end() && value.port == 1) return std::optional<size_t>(steered->second);
    if (steered != steered_.end() || IsOp(node, "NextIteration") || IsOp(node, "Exit") || node.op == "LoopCond") {
      return MixedUp(node, frame_, "is used where only values of the current turn are");
    }
    return std::optional<size_t>();
  }

  // Steering hands on what is there anyway: to wait for it is to wait for nothing.
  bool IsSteering(NodeId id) const {
    const Node& node = graph_.node(id);
    return !IsMember(id) || IsOp(node, "Enter") || steered_.contains(id) || VariableOf({id, 0}).has_value() ||
           IsOp(node, "NextIteration") || IsOp(node, "Exit") || node.op == "LoopCond";
  }

  Value Argument(Function& function, size_t index) {
    const auto found = function.arguments.find(index);
    if (found != function.arguments.end()) return {found->second, 0};
    const Value outside = index < variables_.size() ? variables_[index].start : captured_[index - variables_.size()];
    Node node;
    node.name = StrCat("loop_variable_", index);
    node.op = "Placeholder";
    node.attrs["dtype"] = graph_.type(outside).dtype;
    const NodeId id = function.editor.AddNode(std::move(node));
    function.arguments[index] = id;
    return {id, 0};
  }

  // Copies what the results need into `function`.
  Status Build(Function& function, const std::vector<Value>& results) {
    std::vector<NodeId> found;
    std::set<NodeId> seen;
    std::vector<Value> work = results;
    while (!work.empty()) {
      const Value value = work.back();
      work.pop_back();
      if (function.known.contains(value)) continue;
      ASSIGN_OR_RETURN(const std::optional<size_t> argument, ArgumentOf(value));
      if (argument) {
        function.known[value] = Argument(function, *argument);
        continue;
      }
      if (!seen.insert(value.node).second) continue;
      found.push_back(value.node);
      const Node& node = graph_.node(value.node);
      work.insert(work.end(), node.inputs.begin(), node.inputs.end());
      for (NodeId control : node.controls) {
        if (!IsSteering(control)) work.push_back({control, 0});
      }
    }
    std::sort(found.begin(), found.end());
    GraphEditor& editor = function.editor;
    std::map<NodeId, NodeId> copies;
    const std::string prefix = name_ + "/";
    for (NodeId id : found) {
      Node node = graph_.node(id);
      if (node.name.starts_with(prefix) && node.name.size() > prefix.size()) node.name = node.name.substr(prefix.size());
      node.inputs.clear();
      node.controls.clear();
      copies[id] = editor.AddNode(std::move(node));
    }
    for (NodeId id : found) {
      std::vector<Value> inputs;
      for (Value input : graph_.node(id).inputs) {
        const auto known = function.known.find(input);
        inputs.push_back(known != function.known.end() ? known->second : Value{copies.at(input.node), input.port});
      }
      std::vector<NodeId> controls;
      for (NodeId control : graph_.node(id).controls) {
        if (!IsSteering(control)) controls.push_back(copies.at(control));
      }
      editor.SetInputs(copies.at(id), std::move(inputs));
      editor.SetControls(copies.at(id), std::move(controls));
    }
    for (const auto& [original, copy] : copies) function.known[{original, 0}] = {copy, 0};
    copies_[&function] = std::move(copies);
    return OkStatus();
  }

  void Finish(Function& function, const std::string& name, const std::vector<Value>& results) {
    std::vector<NodeId> arguments;
    for (size_t i = 0; i < variables_.size() + captured_.size(); ++i) arguments.push_back(Argument(function, i).node);
    std::vector<GraphOutput> outputs;
    for (size_t i = 0; i < results.size(); ++i) {
      const Value result = results[i];
      const auto copy = copies_[&function].find(result.node);
      Value inside;
      if (i >= variables_.size()) {
        inside = Argument(function, i);  // what was captured is handed on
      } else if (copy != copies_[&function].end()) {
        inside = {copy->second, result.port};
      } else {
        inside = function.known.at(result);
      }
      outputs.push_back({StrCat("result_", i), inside});
    }
    function.editor.SetGraphInputs(std::move(arguments));
    function.editor.SetGraphOutputs(std::move(outputs));
    editor_.SetFunction(name, std::make_shared<const Graph>(std::move(function.graph)));
  }

  std::string FreeName(std::string_view part) const {
    std::string name = StrCat(name_, "/", part);
    for (int i = 1; graph_.functions().contains(name); ++i) name = StrCat(name_, "/", part, "_", i);
    return name;
  }

  Status RemoveMembers() {
    for (const GraphOutput& output : graph_.outputs()) {
      if (IsMember(output.value.node)) {
        return MixedUp(graph_.node(output.value.node), frame_, StrCat("output '", output.name, "' lies inside the loop"));
      }
    }
    for (NodeId id : members_) {
      editor_.SetInputs(id, {});
      editor_.SetControls(id, {});
    }
    for (NodeId id : members_) editor_.RemoveNode(id);
    return OkStatus();
  }

  GraphEditor& editor_;
  const Graph& graph_;
  const std::string frame_;
  const std::set<NodeId> members_;
  std::string name_;
  Value condition_;
  std::vector<Variable> variables_;
  std::map<NodeId, size_t> variable_of_;  // by Merge
  std::vector<Value> captured_;
  std::map<Value, size_t> captured_at_;
  std::map<NodeId, size_t> steered_, exits_;  // the variable that a Switch or Exit carries
  std::map<const Function*, std::map<NodeId, NodeId>> copies_;
};

// Everything that hangs on the frame's Enters, up to its Exits. `inner`: frames that are entered on the way.
Status Reach(const GraphEditor& editor, const std::string& frame, const std::vector<NodeId>& enters,
             std::set<NodeId>& members, std::set<std::string>& inner) {
  std::vector<NodeId> work;
  for (NodeId id : enters) {
    members.insert(id);
    work.push_back(id);
  }
  while (!work.empty()) {
    const NodeId id = work.back();
    work.pop_back();
    if (IsOp(editor.node(id), "Exit")) continue;
    std::vector<NodeId> users = editor.ControlUsers(id);
    for (const Use& use : editor.Users(id)) users.push_back(use.node);
    for (NodeId user : users) {
      const Node& node = editor.node(user);
      if (IsOp(node, "Enter")) {
        if (FrameOf(node) != frame) {
          inner.insert(FrameOf(node));
        } else if (std::any_of(node.inputs.begin(), node.inputs.end(),
                               [&](Value input) { return members.contains(input.node); })) {
          return MixedUp(node, frame, "is entered from inside itself");
        }
        continue;
      }
      if (members.insert(user).second) work.push_back(user);
    }
  }
  return OkStatus();
}

using Frames = std::map<std::string, std::vector<NodeId>>;  // Enters by frame

Frames AllFrames(const Graph& graph) {
  Frames frames;
  for (NodeId id : graph.NodeIds()) {
    if (IsOp(graph.node(id), "Enter")) frames[FrameOf(graph.node(id))].push_back(id);
  }
  return frames;
}

std::set<std::string> FramesInUse(const Graph& graph) {
  std::vector<Value> outputs;
  for (const GraphOutput& output : graph.outputs()) outputs.push_back(output.value);
  std::set<std::string> used;
  for (NodeId id : ConeOf(graph, outputs)) {
    if (IsOp(graph.node(id), "Enter")) used.insert(FrameOf(graph.node(id)));
  }
  return used;
}

Status Run(GraphEditor& editor, PassContext&) { return OutlineLoops(editor); }

}  // namespace

Status OutlineLoops(GraphEditor& editor) {
  constexpr size_t kMaxDepth = 100;
  Frames frames = AllFrames(editor.graph());
  const std::set<std::string> used = FramesInUse(editor.graph());
  std::vector<std::string> stack(used.begin(), used.end());
  std::set<std::string> open;  // wait for loops inside them
  while (!stack.empty()) {
    const std::string frame = stack.back();
    const auto found = frames.find(frame);
    if (found == frames.end()) {  // done as the inner loop of another
      stack.pop_back();
      continue;
    }
    const std::vector<NodeId> enters = found->second;
    for (NodeId id : enters) {
      if (editor.node(id).inputs.size() != 1) return MixedUp(editor.node(id), frame, "expected one input");
    }
    std::set<NodeId> members;
    std::set<std::string> inner;
    RETURN_IF_ERROR(Reach(editor, frame, enters, members, inner));
    for (const std::string& name : inner) {
      if (open.contains(name)) return MixedUp(editor.node(enters[0]), frame, StrCat("is inside '", name, "', which is inside it"));
      stack.push_back(name);
    }
    if (!inner.empty()) {
      open.insert(frame);
      if (open.size() > kMaxDepth) {
        return ResourceExhausted("while loop '", frame, "': loops are nested more than ", kMaxDepth, " deep");
      }
      continue;
    }
    RETURN_IF_ERROR(Loop(editor, frame, std::move(members)).Outline());
    open.erase(frame);
    frames.erase(frame);
    stack.pop_back();
  }
  return OkStatus();
}

const PassInfo kOutlineLoops{
    .name = "outline-loops",
    .summary = "turn while frames of TensorFlow 1 into While nodes with functions",
    .needs = {Fact::kNoFunctions},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
