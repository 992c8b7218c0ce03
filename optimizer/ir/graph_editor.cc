#include "optimizer/ir/graph_editor.h"

#include <algorithm>

namespace permafrost {

GraphEditor::GraphEditor(Graph& graph) : graph_(graph) { IndexUsers(); }

void GraphEditor::IndexUsers() {
  users_.assign(graph_.nodes_.size(), {});
  control_users_.assign(graph_.nodes_.size(), {});
  for (NodeId id : graph_.NodeIds()) {
    const Node& node = graph_.node(id);
    AddControlUses(id);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const NodeId producer = node.inputs[i].node;
      if (producer >= 0) users_[static_cast<size_t>(producer)].push_back({id, static_cast<int>(i)});
    }
  }
}

std::string GraphEditor::UniqueName(std::string_view base) const {
  if (!graph_.Find(base).has_value()) return std::string(base);
  const auto taken = [&](int64_t suffix) { return graph_.Find(StrCat(base, "_", suffix)).has_value(); };
  // Thousands of copies may share a base: bounds first, then halves between a taken and a free suffix.
  int64_t low = 0, high = 1;
  while (taken(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (taken(middle) ? low : high) = middle;
  }
  return StrCat(base, "_", high);
}

NodeId GraphEditor::AddNode(Node node) {
  node.name = UniqueName(node.name);
  const auto id = static_cast<NodeId>(graph_.nodes_.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    users_[static_cast<size_t>(node.inputs[i].node)].push_back({id, static_cast<int>(i)});
  }
  graph_.by_name_.emplace(node.name, id);
  graph_.nodes_.push_back(std::move(node));
  graph_.live_.push_back(true);
  ++graph_.live_count_;
  users_.emplace_back();
  control_users_.emplace_back();
  AddControlUses(id);
  Touch();
  return id;
}

NodeId GraphEditor::AddConst(std::string_view name, Tensor tensor) {
  Node node;
  node.name = std::string(name);
  node.op = "Const";
  ValueType type{tensor.dtype(), tensor.shape(), std::nullopt};
  if (IsInteger(type.dtype) && tensor.rank() <= 1 && tensor.elements() <= 1024) type.ints = tensor.Values<int64_t>();
  node.outputs = {std::move(type)};
  node.attrs["dtype"] = tensor.dtype();
  node.attrs["value"] = std::move(tensor);
  return AddNode(std::move(node));
}

void GraphEditor::RemoveUse(Value value, Use use) {
  if (value.node < 0) return;
  std::vector<Use>& uses = users_[static_cast<size_t>(value.node)];
  const auto found = std::find(uses.begin(), uses.end(), use);
  if (found != uses.end()) uses.erase(found);
}

void GraphEditor::AddControlUses(NodeId id) {
  for (NodeId control : node(id).controls) {
    if (control >= 0) control_users_[static_cast<size_t>(control)].push_back(id);
  }
}

void GraphEditor::RemoveControlUses(NodeId id) {
  for (NodeId control : node(id).controls) {
    if (control >= 0) std::erase(control_users_[static_cast<size_t>(control)], id);
  }
}

void GraphEditor::ReplaceUses(Value from, Value to) {
  if (from == to) return;
  // All at once: a value may have as many users as the graph has nodes.
  std::vector<Use> kept, moved;
  for (const Use& use : Users(from.node)) {
    Value& slot = mutable_node(use.node).inputs[static_cast<size_t>(use.index)];
    const bool moves = slot == from && use.node != to.node;
    (moves ? moved : kept).push_back(use);
    if (moves) slot = to;
  }
  if (!moved.empty()) {
    users_[static_cast<size_t>(from.node)] = std::move(kept);
    std::vector<Use>& users = users_[static_cast<size_t>(to.node)];
    users.insert(users.end(), moved.begin(), moved.end());
    Touch();
  }
  for (GraphOutput& output : graph_.outputs_) {
    if (output.value == from) {
      output.value = to;
      Touch();
    }
  }
}

void GraphEditor::SetInput(NodeId id, int index, Value value) {
  Value& slot = mutable_node(id).inputs[static_cast<size_t>(index)];
  if (slot == value) return;
  RemoveUse(slot, {id, index});
  slot = value;
  users_[static_cast<size_t>(value.node)].push_back({id, index});
  Touch();
}

void GraphEditor::SetInputs(NodeId id, std::vector<Value> inputs) {
  Node& node = mutable_node(id);
  if (node.inputs == inputs) return;
  for (size_t i = 0; i < node.inputs.size(); ++i) RemoveUse(node.inputs[i], {id, static_cast<int>(i)});
  node.inputs = std::move(inputs);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    users_[static_cast<size_t>(node.inputs[i].node)].push_back({id, static_cast<int>(i)});
  }
  Touch();
}

void GraphEditor::SetControls(NodeId id, std::vector<NodeId> controls) {
  if (node(id).controls == controls) return;
  RemoveControlUses(id);
  mutable_node(id).controls = std::move(controls);
  AddControlUses(id);
  Touch();
}

void GraphEditor::SetOp(NodeId id, std::string_view op) {
  if (node(id).op == op) return;
  mutable_node(id).op = std::string(op);
  Touch();
}

void GraphEditor::SetAttr(NodeId id, std::string_view name, Attr value) {
  AttrMap& attrs = mutable_node(id).attrs;
  const auto found = attrs.find(name);
  if (found != attrs.end() && SameAttr(found->second, value)) return;
  attrs.insert_or_assign(std::string(name), std::move(value));
  Touch();
}

void GraphEditor::RemoveAttr(NodeId id, std::string_view name) {
  AttrMap& attrs = mutable_node(id).attrs;
  const auto found = attrs.find(name);
  if (found == attrs.end()) return;
  attrs.erase(found);
  Touch();
}

void GraphEditor::Rename(NodeId id, std::string_view name) {
  Node& node = mutable_node(id);
  if (node.name == name) return;
  graph_.by_name_.erase(node.name);
  node.name = std::string(name);
  graph_.by_name_.emplace(node.name, id);
  Touch();
}

void GraphEditor::SetOutputTypes(NodeId id, std::vector<ValueType> types) { mutable_node(id).outputs = std::move(types); }

void GraphEditor::SetGraphInputs(std::vector<NodeId> inputs) {
  if (graph_.inputs_ == inputs) return;
  graph_.inputs_ = std::move(inputs);
  Touch();
}

void GraphEditor::SetGraphOutputs(std::vector<GraphOutput> outputs) {
  graph_.outputs_ = std::move(outputs);
  Touch();
}

void GraphEditor::SetFunction(std::string_view name, std::shared_ptr<const Graph> body) {
  graph_.functions_.insert_or_assign(std::string(name), std::move(body));
  Touch();
}

void GraphEditor::ClearFunctions() {
  if (graph_.functions_.empty()) return;
  graph_.functions_.clear();
  Touch();
}

void GraphEditor::RemoveNode(NodeId id) {
  Node& node = mutable_node(id);
  for (size_t i = 0; i < node.inputs.size(); ++i) RemoveUse(node.inputs[i], {id, static_cast<int>(i)});
  RemoveControlUses(id);
  for (NodeId user : control_users_[static_cast<size_t>(id)]) std::erase(mutable_node(user).controls, id);
  control_users_[static_cast<size_t>(id)].clear();
  graph_.by_name_.erase(node.name);
  node = Node{};
  graph_.live_[static_cast<size_t>(id)] = false;
  --graph_.live_count_;
  std::erase(graph_.inputs_, id);
  Touch();
}

int64_t GraphEditor::PruneDead() {
  std::vector<bool> wanted(graph_.nodes_.size(), false);
  std::vector<NodeId> stack(graph_.inputs_.begin(), graph_.inputs_.end());
  for (const GraphOutput& output : graph_.outputs_) stack.push_back(output.value.node);
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (!graph_.IsLive(id) || wanted[static_cast<size_t>(id)]) continue;
    wanted[static_cast<size_t>(id)] = true;
    for (Value input : node(id).inputs) stack.push_back(input.node);
    for (NodeId control : node(id).controls) stack.push_back(control);
  }
  std::vector<NodeId> dead;
  for (NodeId id : graph_.NodeIds()) {
    if (!wanted[static_cast<size_t>(id)]) dead.push_back(id);
  }
  // Users of a dead node are dead too, so the order of removal does not matter.
  for (NodeId id : dead) {
    mutable_node(id).inputs.clear();
    RemoveNode(id);
  }
  if (dead.empty()) return 0;
  for (std::vector<Use>& users : users_) {
    std::erase_if(users, [&](const Use& use) { return !wanted[static_cast<size_t>(use.node)]; });
  }
  return static_cast<int64_t>(dead.size());
}

void GraphEditor::Reorder(const std::vector<NodeId>& order) {
  bool in_place = order.size() == graph_.nodes_.size();
  for (size_t i = 0; in_place && i < order.size(); ++i) in_place = order[i] == static_cast<NodeId>(i);
  if (in_place) return;
  const std::vector<NodeId> before = graph_.NodeIds();
  const bool moved = before != order;
  std::vector<NodeId> place(graph_.nodes_.size(), kNoNode);
  for (size_t i = 0; i < order.size(); ++i) place[static_cast<size_t>(order[i])] = static_cast<NodeId>(i);
  std::vector<Node> nodes;
  nodes.reserve(order.size());
  for (NodeId id : order) nodes.push_back(std::move(mutable_node(id)));
  for (Node& node : nodes) {
    for (Value& input : node.inputs) input.node = place[static_cast<size_t>(input.node)];
    for (NodeId& control : node.controls) control = place[static_cast<size_t>(control)];
  }
  graph_.nodes_ = std::move(nodes);
  graph_.live_.assign(order.size(), true);
  graph_.live_count_ = static_cast<int64_t>(order.size());
  for (auto& [name, id] : graph_.by_name_) id = place[static_cast<size_t>(id)];
  for (NodeId& id : graph_.inputs_) id = place[static_cast<size_t>(id)];
  for (GraphOutput& output : graph_.outputs_) output.value.node = place[static_cast<size_t>(output.value.node)];
  IndexUsers();
  if (moved) Touch();
}

std::vector<Use> GraphEditor::Users(Value value) const {
  std::vector<Use> uses;
  for (const Use& use : Users(value.node)) {
    if (node(use.node).inputs[static_cast<size_t>(use.index)] == value) uses.push_back(use);
  }
  return uses;
}

bool GraphEditor::IsOutput(Value value) const {
  return std::any_of(graph_.outputs().begin(), graph_.outputs().end(),
                     [&](const GraphOutput& output) { return output.value == value; });
}

bool GraphEditor::HasOneUse(Value value) const {
  const auto outputs = std::count_if(graph_.outputs().begin(), graph_.outputs().end(),
                                     [&](const GraphOutput& output) { return output.value == value; });
  return static_cast<int64_t>(Users(value).size()) + outputs == 1;
}

}  // namespace permafrost
