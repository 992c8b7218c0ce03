#include "optimizer/passes/lowering/resolve_control_flow.h"

#include <map>
#include <set>

#include "optimizer/ir/verify.h"
#include "optimizer/passes/lowering/constant_cone.h"
#include "optimizer/passes/lowering/inline_functions.h"

namespace permafrost {
namespace {

std::optional<int64_t> KnownPredicate(const Graph& graph, Value value) {
  return AsPredicate(ConstantCone(graph).Get(value));
}

bool IsSwitch(const Node& node) { return node.op == "Switch" || node.op == "RefSwitch"; }
bool IsNextIteration(const Node& node) { return node.op == "NextIteration" || node.op == "RefNextIteration"; }
bool IsMerge(const Node& node) { return node.op == "Merge" || node.op == "RefMerge"; }

// A Switch that steers a while loop belongs to the loop.
bool SteersLoop(const Graph& graph, const Node& node) { return graph.node(node.inputs[1].node).op == "LoopCond"; }

// Ports that carry nothing because the branch is not taken, and all that hangs on them.
class DeadValues {
 public:
  explicit DeadValues(const GraphEditor& editor) : editor_(editor) {
    control_users_.resize(static_cast<size_t>(editor.graph().next_id()));
    for (NodeId id : editor.graph().NodeIds()) {
      for (NodeId control : editor.node(id).controls) control_users_[static_cast<size_t>(control)].push_back(id);
    }
  }
  void KillPort(Value value) {
    if (!dead_ports_.insert(value).second) return;
    std::vector<NodeId> work;
    for (const Use& use : editor_.Users(value)) KillNode(use.node, work);
    Spread(work);
  }
  bool IsDead(Value value) const { return dead_nodes_.contains(value.node) || dead_ports_.contains(value); }
  bool IsDead(NodeId id) const { return dead_nodes_.contains(id); }

 private:
  void KillNode(NodeId id, std::vector<NodeId>& work) {
    const Node& node = editor_.node(id);
    if (IsMerge(node)) {  // dies only when all its inputs are dead
      for (Value input : node.inputs) {  // what comes round a loop is dead if what enters it is
        if (!IsDead(input) && !IsNextIteration(editor_.node(input.node))) return;
      }
    }
    if (dead_nodes_.insert(id).second) work.push_back(id);
  }
  void Spread(std::vector<NodeId>& work) {
    while (!work.empty()) {
      const NodeId id = work.back();
      work.pop_back();
      for (const Use& use : editor_.Users(id)) KillNode(use.node, work);
      for (NodeId user : control_users_[static_cast<size_t>(id)]) {
        if (!IsMerge(editor_.node(user))) KillNode(user, work);
      }
    }
  }
  const GraphEditor& editor_;
  std::vector<std::vector<NodeId>> control_users_;
  std::set<Value> dead_ports_;
  std::set<NodeId> dead_nodes_;
};

Status ResolveSwitches(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  DeadValues dead(editor);
  std::vector<std::pair<NodeId, int>> taken;  // switch, live port
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (!IsSwitch(node) || node.inputs.size() != 2 || SteersLoop(graph, node)) continue;
    const std::optional<int64_t> predicate = KnownPredicate(graph, node.inputs[1]);
    if (!predicate) {
      context.Decline(node, StrCat("its predicate '", ToString(graph, node.inputs[1]), "' is not a constant"));
      continue;
    }
    const int live = *predicate != 0 ? 1 : 0;
    taken.emplace_back(id, live);
    dead.KillPort({id, 1 - live});
  }
  std::map<NodeId, NodeId> stands_for;  // a resolved node -> the one that now does its work
  // Merges first, while the switches still stand.
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (!IsMerge(node) || dead.IsDead(id)) continue;
    std::vector<size_t> live;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!dead.IsDead(node.inputs[i])) live.push_back(i);
    }
    if (live.size() != 1 || node.inputs.size() < 2) continue;
    const Value forwarded = node.inputs[live[0]];
    if (!editor.Users(Value{id, 1}).empty()) {
      const NodeId index = editor.AddConst(StrCat(node.name, "/resolve-control-flow"),
                                           Tensor::Scalar<int32_t>(static_cast<int32_t>(live[0])));
      editor.ReplaceUses({id, 1}, {index, 0});
    }
    editor.ReplaceUses({id, 0}, forwarded);
    stands_for[id] = forwarded.node;
  }
  for (const auto& [id, live] : taken) {
    if (dead.IsDead(id)) continue;
    editor.ReplaceUses({id, live}, graph.node(id).inputs[0]);
    stands_for[id] = graph.node(id).inputs[0].node;
  }
  for (const GraphOutput& output : graph.outputs()) {
    if (dead.IsDead(output.value)) {
      return InvalidArgument("output '", output.name, "': lies on a branch that is never taken at inference");
    }
  }
  // What lives lets go of what is dead or resolved; then those can leave.
  std::vector<NodeId> gone;
  for (NodeId id : graph.NodeIds()) {
    if (dead.IsDead(id) || stands_for.contains(id)) {
      gone.push_back(id);
      continue;
    }
    std::vector<NodeId> controls;
    for (NodeId control : graph.node(id).controls) {
      for (auto next = stands_for.find(control); next != stands_for.end(); next = stands_for.find(control)) {
        control = next->second;
      }
      if (!dead.IsDead(control)) controls.push_back(control);
    }
    editor.SetControls(id, std::move(controls));
  }
  for (NodeId id : gone) editor.SetInputs(id, {});
  for (NodeId id : gone) {
    if (!editor.Users(id).empty()) {
      const Node& user = graph.node(editor.Users(id)[0].node);
      return Internal("node '", user.name, "' (", user.op, "): still hangs on '", graph.node(id).name, "', which is resolved");
    }
    editor.RemoveNode(id);
  }
  return OkStatus();
}

// If, StatelessIf, Case and StatelessCase with a known choice become calls. True when one did.
StatusOr<bool> ResolveCalls(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  bool changed = false;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    const bool is_if = node.op == "If" || node.op == "StatelessIf";
    const bool is_case = node.op == "Case" || node.op == "StatelessCase";
    if ((!is_if && !is_case) || node.inputs.empty()) continue;
    const std::optional<int64_t> choice = KnownPredicate(graph, node.inputs[0]);
    if (!choice) {
      context.Decline(node, StrCat("its predicate '", ToString(graph, node.inputs[0]), "' is not a constant"));
      continue;
    }
    std::string branch;
    if (is_if) {
      const auto* name = node.attr<FunctionName>(*choice != 0 ? "then_branch" : "else_branch");
      if (name != nullptr) branch = name->name;
    } else if (const auto* names = node.attr<std::vector<FunctionName>>("branches");
               names != nullptr && !names->empty()) {
      // An index out of range takes the last branch.
      const auto last = static_cast<int64_t>(names->size()) - 1;
      branch = (*names)[static_cast<size_t>(*choice < 0 || *choice > last ? last : *choice)].name;
    }
    if (!graph.functions().contains(branch)) {
      return NotFound("node '", node.name, "' (", node.op, "): its branch '", branch, "' is not in the file");
    }
    editor.SetInputs(id, std::vector<Value>(node.inputs.begin() + 1, node.inputs.end()));
    editor.SetAttr(id, "f", FunctionName{branch});
    editor.SetOp(id, "PartitionedCall");
    changed = true;
  }
  return changed;
}

Status Run(GraphEditor& editor, PassContext& context) {
  constexpr int kMaxRounds = 100;  // a taken branch may hold further conditions
  for (int round = 0; round < kMaxRounds; ++round) {
    ASSIGN_OR_RETURN(const bool called, ResolveCalls(editor, context));
    if (called) RETURN_IF_ERROR(kInlineFunctions.run(editor, context));
    const uint64_t before = editor.graph().revision();
    RETURN_IF_ERROR(ResolveSwitches(editor, context));
    if (!called && editor.graph().revision() == before) return OkStatus();
  }
  return ResourceExhausted("conditions are nested more than ", kMaxRounds, " deep");
}

}  // namespace

const PassInfo kResolveControlFlow{
    .name = "resolve-control-flow",
    .summary = "take the branch whose predicate is a constant",
    .needs = {Fact::kNoFunctions},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
