#include "optimizer/passes/lowering/unroll_loops.h"

#include <algorithm>
#include <map>
#include <set>

#include "optimizer/ir/verify.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/op.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/lowering/outline_loops.h"
#include "optimizer/passes/lowering/tensor_lists.h"
#include "optimizer/passes/lowering/undecided.h"
#include "optimizer/passes/stacked_values.h"

namespace permafrost {
namespace {

bool IsLoop(const Node& node) { return node.op == "While" || node.op == "StatelessWhile"; }
bool IsChoice(const Node& node) {
  return node.op == "If" || node.op == "StatelessIf" || node.op == "Case" || node.op == "StatelessCase";
}
bool IsSwitch(const Node& node) { return node.op == "Switch" || node.op == "RefSwitch"; }
bool IsMerge(const Node& node) { return node.op == "Merge" || node.op == "RefMerge"; }
bool HandsOn(const Node& node) {
  return node.op == "Identity" || node.op == "IdentityN" || node.op == "StopGradient" || node.op == "PreventGradient" ||
         node.op == "Snapshot";
}
bool IsListOrArray(const Symbol& symbol) {
  return std::holds_alternative<std::shared_ptr<const TensorList>>(symbol) ||
         std::holds_alternative<std::shared_ptr<TensorArray>>(symbol);
}
std::string Where(const Node& node) { return StrCat("node '", node.name, "' (", node.op, ")"); }

// A function, ready to be run on symbols.
struct Body {
  std::shared_ptr<const Graph> graph;
  std::vector<NodeId> order;  // producers first, control edges too
  std::vector<bool> needed;   // by node: some result hangs on its value; of the others only matters whether they run
};

StatusOr<Body> Prepare(std::shared_ptr<const Graph> graph) {
  Body body{std::move(graph), {}, {}};
  const auto has_frames = [](const Graph& g) {
    const std::vector<NodeId> ids = g.NodeIds();
    return std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return g.node(id).op.ends_with("Enter"); });
  };
  if (has_frames(*body.graph)) {
    Graph outlined = *body.graph;
    GraphEditor editor(outlined);
    RETURN_IF_ERROR(OutlineLoops(editor));
    body.graph = std::make_shared<const Graph>(std::move(outlined));
  }
  std::vector<Value> results;
  for (const GraphOutput& output : body.graph->outputs()) results.push_back(output.value);
  ASSIGN_OR_RETURN(body.order, ProducersFirst(*body.graph, results, true));
  for (NodeId id : body.order) {
    const Node& node = body.graph->node(id);
    if (IsSwitch(node) && node.inputs.size() == 2) results.push_back(node.inputs[1]);
  }
  body.needed.resize(static_cast<size_t>(body.graph->next_id()), false);
  for (NodeId id : ConeOf(*body.graph, results)) body.needed[static_cast<size_t>(id)] = true;
  return body;
}

class Unroller {
 public:
  Unroller(GraphEditor& editor, PassContext& context)
      : editor_(editor), context_(context), symbols_(editor, context.options().unroll_nodes) {}

  Status Run() {
    std::vector<Value> results;
    for (const GraphOutput& output : graph().outputs()) results.push_back(output.value);
    bool any = false;
    for (NodeId id : ConeOf(graph(), results)) any = any || IsLoop(graph().node(id)) || IsListOp(graph().node(id).op);
    if (!any) return OkStatus();
    ASSIGN_OR_RETURN(const std::vector<NodeId> order, ProducersFirst(graph(), results, false));
    for (NodeId id : order) RETURN_IF_ERROR(Visit(id));
    std::vector<GraphOutput> outputs = graph().outputs();
    for (GraphOutput& output : outputs) {
      ASSIGN_OR_RETURN(output.value, symbols_.Materialise(Now(output.value), output.name));
    }
    if (!std::equal(outputs.begin(), outputs.end(), graph().outputs().begin(),
                    [](const GraphOutput& a, const GraphOutput& b) { return a.value == b.value; })) {
      editor_.SetGraphOutputs(std::move(outputs));
    }
    return OkStatus();
  }

 private:
  const Graph& graph() const { return editor_.graph(); }

  Symbol Now(Value value) const {
    const auto found = replaced_.find(value);
    return found != replaced_.end() ? found->second : Symbol(value);
  }

  // A node of the graph itself: loops and lists are replaced, others stay and get new inputs.
  Status Visit(NodeId id) {
    const Node node = graph().node(id);
    Symbols inputs;
    bool changed = false, listed = false;
    for (Value input : node.inputs) {
      inputs.push_back(Now(input));
      changed = changed || replaced_.contains(input) || retyped_.contains(input.node);
      listed = listed || IsListOrArray(inputs.back());
    }
    if (IsLoop(node) || IsListOp(node.op) || listed) {
      ASSIGN_OR_RETURN(const Symbols outputs, Apply(node, std::move(inputs), graph(), nullptr));
      for (size_t port = 0; port < outputs.size(); ++port) replaced_[{id, static_cast<int>(port)}] = outputs[port];
      return OkStatus();
    }
    if (!changed) return OkStatus();
    std::vector<Value> values;
    for (const Symbol& input : inputs) {
      ASSIGN_OR_RETURN(const Value value, symbols_.Materialise(input, node.name));
      values.push_back(value);
    }
    editor_.SetInputs(id, std::move(values));
    retyped_.insert(id);
    RETURN_IF_ERROR(InferNode(editor_, id));
    return graph().node(id).op == "ReverseV2" ? PackReversed(id) : OkStatus();
  }

  // What was stacked, turned round: another stack.
  Status PackReversed(NodeId id) {
    const Node node = graph().node(id);
    const std::optional<std::vector<int64_t>> axes = node.inputs.size() == 2 ? symbols_.Ints(node.inputs[1]) : std::nullopt;
    const Shape shape = graph().type({id, 0}).shape;
    if (!axes || axes->size() != 1 || !shape.has_rank()) return OkStatus();
    const auto axis = static_cast<int>((*axes)[0] < 0 ? (*axes)[0] + shape.rank() : (*axes)[0]);
    Symbols items;
    for (int64_t i = 0; i < shape.dim(axis); ++i) {
      const std::optional<Value> item = PackedElement(graph(), {{id, 0}, axis, i, shape.dim(axis)});
      if (!item) return OkStatus();
      items.push_back(*item);
    }
    if (items.empty()) return OkStatus();
    RETURN_IF_ERROR(symbols_.Spend(static_cast<int64_t>(items.size())));
    ASSIGN_OR_RETURN(replaced_[(Value{id, 0})],
                     symbols_.EmitOne("Pack", node.name, items, {{"axis", static_cast<int64_t>(axis)}}));
    return OkStatus();
  }

  // What a node gives that is not tied to its place. `scope` holds the functions that it may call; `same` as in Emit.
  StatusOr<Symbols> Apply(const Node& node, Symbols inputs, const Graph& scope, const Node* same) {
    if (HandsOn(node)) return inputs;
    if (IsListOp(node.op)) return ApplyListOp(symbols_, node, inputs);
    if (IsLoop(node)) return Unroll(node, std::move(inputs), scope);
    if (IsChoice(node) && !inputs.empty()) {
      const std::optional<int64_t> choice = AsPredicate(symbols_.Known(inputs[0]));
      if (choice) {
        inputs.erase(inputs.begin());
        return Call(BranchOf(node, *choice), node, std::move(inputs), scope, node.name);
      }
    }
    const auto* function = node.attr<FunctionName>("f");
    const bool calls = node.op == "PartitionedCall" || node.op == "StatefulPartitionedCall";
    if (calls && function != nullptr) return Call(function->name, node, std::move(inputs), scope, node.name);
    if (scope.functions().contains(node.op) || graph().functions().contains(node.op)) {
      return Call(node.op, node, std::move(inputs), scope, node.name);
    }
    if (IsControlFlow(node.op) && !IsChoice(node) && !IsSwitch(node) && !IsMerge(node)) {
      return InvalidArgument(Where(node), ": belongs to no while loop that TensorFlow would run");
    }
    return symbols_.Emit(node, inputs, same);
  }

  static std::string BranchOf(const Node& node, int64_t choice) {
    if (const auto* names = node.attr<std::vector<FunctionName>>("branches"); names != nullptr && !names->empty()) {
      // An index out of range takes the last branch.
      const auto last = static_cast<int64_t>(names->size()) - 1;
      return (*names)[static_cast<size_t>(choice < 0 || choice > last ? last : choice)].name;
    }
    const auto* name = node.attr<FunctionName>(choice != 0 ? "then_branch" : "else_branch");
    return name != nullptr ? name->name : "";
  }

  StatusOr<const Body*> FindBody(const std::string& name, const Node& caller, const Graph& scope) {
    auto found = scope.functions().find(name);
    if (found == scope.functions().end()) {
      found = graph().functions().find(name);
      if (found == graph().functions().end()) {
        return NotFound(Where(caller), ": needs function '", name, "', which the file lacks");
      }
    }
    const Graph* key = found->second.get();
    if (const auto body = bodies_.find(key); body != bodies_.end()) return &body->second;
    StatusOr<Body> body = Prepare(found->second);
    if (!body.ok()) return WithContext(body.status(), StrCat("function '", name, "'"));
    return &bodies_.emplace(key, *std::move(body)).first->second;
  }

  StatusOr<Symbols> Call(const std::string& function, const Node& caller, Symbols arguments, const Graph& scope,
                         const std::string& prefix) {
    constexpr int kMaxDepth = 100;
    ASSIGN_OR_RETURN(const Body* body, FindBody(function, caller, scope));
    if (body->graph->inputs().size() != arguments.size()) {
      return InvalidArgument(Where(caller), ": has ", arguments.size(), " arguments, function '", function, "' takes ",
                             body->graph->inputs().size());
    }
    if (depth_ >= kMaxDepth) {
      return ResourceExhausted(Where(caller), ": loops and functions are nested more than ", kMaxDepth, " deep");
    }
    ++depth_;
    StatusOr<Symbols> results = Instantiate(*body, std::move(arguments), prefix);
    --depth_;
    return results;
  }

  // One run of a function.
  StatusOr<Symbols> Instantiate(const Body& body, Symbols arguments, const std::string& prefix) {
    const Graph& inner = *body.graph;
    RETURN_IF_ERROR(symbols_.Spend(1 + static_cast<int64_t>(body.order.size())));
    std::vector<Symbols> values(static_cast<size_t>(inner.next_id()));
    std::vector<bool> dead(values.size(), false);
    for (size_t i = 0; i < arguments.size(); ++i) {
      values[static_cast<size_t>(inner.inputs()[i])] = {std::move(arguments[i])};
    }
    const auto value_of = [&](Value value) -> Symbol {
      if (dead[static_cast<size_t>(value.node)]) return Nothing();
      const Symbols& outputs = values[static_cast<size_t>(value.node)];
      return static_cast<size_t>(value.port) < outputs.size() ? outputs[static_cast<size_t>(value.port)] : Tensor();
    };
    const std::set<NodeId> given(inner.inputs().begin(), inner.inputs().end());
    for (NodeId id : body.order) {
      if (given.contains(id)) continue;
      const Node& node = inner.node(id);
      const auto slot = static_cast<size_t>(id);
      Symbols inputs;
      size_t live = 0;
      for (Value input : node.inputs) {
        inputs.push_back(value_of(input));
        live += IsNothing(inputs.back()) ? 0 : 1;
      }
      const bool waits_for_nothing = std::any_of(node.controls.begin(), node.controls.end(),
                                                 [&](NodeId control) { return dead[static_cast<size_t>(control)]; });
      if (IsMerge(node) ? live == 0 : (live < inputs.size() || waits_for_nothing)) {
        dead[slot] = true;
        continue;
      }
      Node named = node;
      named.name = StrCat(prefix, "/", node.name);
      ASSIGN_OR_RETURN(values[slot], Step(named, std::move(inputs), live, body.needed[slot], inner, &node));
      // A Switch without a live port stands for nothing; one with both is not decided.
      const Symbols& outputs = values[slot];
      dead[slot] = !outputs.empty() && std::all_of(outputs.begin(), outputs.end(), IsNothing);
    }
    Symbols results;
    for (const GraphOutput& output : inner.outputs()) results.push_back(value_of(output.value));
    return results;
  }

  StatusOr<Symbols> Step(const Node& node, Symbols inputs, size_t live, bool needed, const Graph& scope, const Node* same) {
    if (IsSwitch(node) && inputs.size() == 2) {
      const std::optional<int64_t> predicate = AsPredicate(symbols_.Known(inputs[1]));
      if (predicate && *predicate != 0) return Symbols{Nothing(), inputs[0]};
      if (predicate) return Symbols{inputs[0], Nothing()};
      if (!needed || IsListOrArray(inputs[0])) return Symbols{inputs[0], inputs[0]};
    }
    if (!needed) return Symbols();
    if (IsMerge(node) && live == 1) {
      const auto taken = std::find_if(inputs.begin(), inputs.end(), [](const Symbol& s) { return !IsNothing(s); });
      const auto index = static_cast<int32_t>(taken - inputs.begin());
      return Symbols{*taken, Tensor::Scalar<int32_t>(index)};
    }
    if (node.IsConst() && node.attr<Tensor>("value") != nullptr) {
      const Tensor& tensor = *node.attr<Tensor>("value");
      if (SizeOf(tensor.dtype()) > 0 && tensor.byte_size() <= kMaxConeBytes) return Symbols{tensor};
    }
    return Apply(node, std::move(inputs), scope, same);
  }

  StatusOr<Symbols> Unroll(const Node& node, Symbols variables, const Graph& scope) {
    const auto *cond = node.attr<FunctionName>("cond"), *body = node.attr<FunctionName>("body");
    if (cond == nullptr || body == nullptr) return InvalidArgument(Where(node), ": has no condition or no body");
    const int64_t added_before = symbols_.added();
    int64_t turn = 0;
    const auto here = [&](const Status& status) {
      return WithContext(status, StrCat("while loop '", node.name, "', turn ", turn));
    };
    while (true) {
      const std::string prefix = StrCat(node.name, "/", turn);
      auto decided = Call(cond->name, node, variables, scope, prefix);
      if (!decided.ok()) return here(decided.status());
      if (decided->size() != 1) return InvalidArgument(Where(node), ": its condition '", cond->name, "' gives ", decided->size(), " values");
      const std::optional<int64_t> goes_on = AsPredicate(symbols_.Known(decided->front()));
      if (!goes_on) return Undecided(node, decided->front(), turn);
      if (*goes_on == 0) break;
      auto next = Call(body->name, node, std::move(variables), scope, prefix);
      if (!next.ok()) return here(next.status());
      variables = *std::move(next);
      if (variables.size() != node.inputs.size()) {
        return InvalidArgument(Where(node), ": its body '", body->name, "' gives ", variables.size(), " values for ",
                               node.inputs.size(), " variables");
      }
      ++turn;
    }
    if (depth_ == 0) {
      context_.Note(StrCat("while loop '", node.name, "' unrolled: ", turn, " turns, ", symbols_.added() - added_before, " nodes"));
    }
    return variables;
  }

  Status Undecided(const Node& node, const Symbol& condition, int64_t turn) {
    std::string name = "?";
    if (const auto* value = std::get_if<Value>(&condition)) name = ToString(graph(), *value);
    return Unsupported("while loop '", node.name, "' (", node.op, "): whether it goes on after ", turn,
                       " turns is not known when optimizing; its condition is '", name, "', ",
                       WhyUndecided(symbols_, condition));
  }

  GraphEditor& editor_;
  PassContext& context_;
  SymbolicGraph symbols_;
  std::map<Value, Symbol> replaced_;
  std::set<NodeId> retyped_;
  std::map<const Graph*, Body> bodies_;
  int depth_ = 0;
};

Status Run(GraphEditor& editor, PassContext& context) { return Unroller(editor, context).Run(); }

}  // namespace

const PassInfo kUnrollLoops{
    .name = "unroll-loops",
    .summary = "put the turns of while loops in their place; lists and arrays become what they hold",
    .needs = {Fact::kNoFunctions},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
