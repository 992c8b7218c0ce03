#include "optimizer/passes/lowering/freeze_variables.h"

#include <algorithm>
#include <optional>
#include <set>

#include "optimizer/ir/tensor_slice.h"
#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/op.h"
#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// The strings of a constant; empty if it is none.
std::vector<std::string> StringsBehind(const Graph& graph, Value value) {
  const Tensor* tensor = ConstantBehind(graph, value);
  return tensor != nullptr && tensor->dtype() == DType::kString ? tensor->strings() : std::vector<std::string>();
}

// Savers put these between what they restore and what they assign.
Value BehindConversions(const Graph& graph, Value value) {
  for (int64_t hops = graph.node_count(); hops > 0; --hops) {
    const Node& node = graph.node(value.node);
    const bool converts = node.op == "Identity" || node.op == "Reshape" || node.op == "Cast";
    if (!converts || node.inputs.empty() || value.port != 0) break;
    value = node.inputs[0];
  }
  return value;
}

// Everything the value depends on is constant.
bool IsConstantCone(const Graph& graph, Value value) {
  const std::vector<NodeId> cone = ConeOf(graph, {value});
  return std::all_of(cone.begin(), cone.end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    const OpDef* op = FindOp(node.op);
    return node.IsConst() || (node.op != "Placeholder" && op != nullptr && op->pure && op->kernel != nullptr);
  });
}

// Reads of a resource that has become the tensor itself.
void TurnReader(GraphEditor& editor, NodeId id, const Tensor& value) {
  const std::string op = editor.node(id).op;
  if (op == "ReadVariableOp") {
    editor.SetOp(id, "Identity");
    editor.SetAttr(id, "T", value.dtype());
    editor.RemoveAttr(id, "dtype");
  } else if (op == "VariableShape") {
    editor.SetOp(id, "Shape");
    editor.SetAttr(id, "T", value.dtype());
  } else if (op == "ResourceGather") {
    const Value axis = EmitConst(editor, editor.node(id).name + "/freeze/axis", Tensor::Scalar<int32_t>(0));
    std::vector<Value> inputs = editor.node(id).inputs;
    inputs.push_back(axis);
    editor.SetOp(id, "GatherV2");
    editor.SetInputs(id, std::move(inputs));
    editor.SetAttr(id, "Tparams", value.dtype());
    editor.SetAttr(id, "Taxis", DType::kInt32);
    editor.RemoveAttr(id, "dtype");
    editor.RemoveAttr(id, "validate_indices");
  }
}

// `handle` is used as a resource; what forwards it is followed.
void TurnReaders(GraphEditor& editor, NodeId handle, const Tensor& value) {
  std::set<NodeId> seen;
  std::vector<NodeId> work = {handle};
  while (!work.empty()) {
    const NodeId id = work.back();
    work.pop_back();
    if (!seen.insert(id).second) continue;
    for (const Use& use : std::vector<Use>(editor.Users(id))) {
      if (use.index != 0) continue;
      if (editor.node(use.node).op == "Identity") {
        editor.SetAttr(use.node, "T", value.dtype());
        work.push_back(use.node);
      } else {
        TurnReader(editor, use.node, value);
      }
    }
  }
}

void Freeze(GraphEditor& editor, NodeId id, const Tensor& value) {
  const std::string name = editor.node(id).name;
  if (editor.node(id).op == "VarHandleOp") TurnReaders(editor, id, value);
  const NodeId constant = editor.AddConst(StrCat(name, "/freeze"), value);
  editor.ReplaceUses({id, 0}, {constant, 0});
  editor.RemoveNode(id);
  editor.Rename(constant, name);
}

}  // namespace

VariableValues::VariableValues(const Graph& original, const VariableSource* source, std::string_view average)
    : original_(original), source_(source), average_(average.empty() ? "" : StrCat("/", average)) {
  FindRestores();
  if (source == nullptr || average_.empty()) return;
  for (std::string& name : source->Names()) {
    if (name.ends_with(average_)) averages_.push_back(std::move(name));
  }
}

Status VariableValues::CheckAverages() const {
  if (average_.empty() || !averages_.empty()) return OkStatus();
  if (source_ == nullptr) return InvalidArgument("moving averages (--ema) are read from a checkpoint; give one with --checkpoint");
  return NotFound(source_->Describe(), ": holds no moving averages: no name ends in '", average_,
                  "'; leave --ema out, or give the name they have with --ema-name");
}

void VariableValues::NoteMissingAverages(PassContext& context) const {
  if (without_average_.empty()) return;
  constexpr size_t kMostNames = 8;
  std::string names;
  size_t count = 0;
  for (const std::string& name : without_average_) {
    if (++count <= kMostNames) names += StrCat(count > 1 ? ", '" : "'", name, "'");
  }
  context.Note(StrCat(without_average_.size(), " variable(s) have no moving average and take their plain value: ", names,
                      without_average_.size() > kMostNames ? " ..." : ""));
}

std::string VariableValues::AverageOf(const std::string& key) const {
  if (key.ends_with(average_)) return key;
  const std::string wanted = key + average_, within = "/" + wanted;
  std::string found;
  for (const std::string& name : averages_) {
    if (name == wanted) return name;
    // Averages that were made within a variable scope carry its name in front.
    if (!name.ends_with(within)) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

const Node* VariableValues::VariableBehind(Value reference) const {
  const Value value = BehindConversions(original_, reference);
  return IsVariable(original_.node(value.node)) ? &original_.node(value.node) : nullptr;
}

void VariableValues::FindRestores() {
  for (NodeId id : original_.NodeIds()) {
    const Node& assign = original_.node(id);
    if ((assign.op != "Assign" && assign.op != "AssignVariableOp") || assign.inputs.size() != 2) continue;
    const Node* variable = VariableBehind(assign.inputs[0]);
    if (variable == nullptr) continue;
    const Value value = BehindConversions(original_, assign.inputs[1]);
    const Node& restore = original_.node(value.node);
    const bool many = restore.op == "RestoreV2";
    if (!many && restore.op != "Restore" && restore.op != "RestoreSlice") {
      assigned_[variable->name].push_back(assign.inputs[1]);
      continue;
    }
    if (restore.inputs.size() < 2) continue;
    const auto keys = StringsBehind(original_, restore.inputs[1]);
    const auto slices =
        restore.inputs.size() > 2 ? StringsBehind(original_, restore.inputs[2]) : std::vector<std::string>();
    const auto port = static_cast<size_t>(many ? value.port : 0);
    if (port >= keys.size()) continue;
    restores_[variable->name].push_back({keys[port], port < slices.size() ? slices[port] : ""});
  }
}

StatusOr<Tensor> VariableValues::Load(const Stored& stored) const {
  ASSIGN_OR_RETURN(Tensor tensor, source_->Get(stored.key));
  if (stored.slice.empty()) return tensor;
  ASSIGN_OR_RETURN(const SliceSpec spec, ParseSliceSpec(stored.slice));
  ASSIGN_OR_RETURN(const TensorSlice slice, ResolveSlice(spec.slice, spec.dims));
  if (spec.dims != tensor.dims()) {
    return InvalidArgument("'", stored.key, "' has shape ", tensor.shape().ToString(),
                           " in the checkpoint, the graph takes '", stored.slice, "' of it");
  }
  if (SizeOf(tensor.dtype()) == 0) return Unsupported("a slice of dtype ", NameOf(tensor.dtype()));
  return slice.length == tensor.dims() ? tensor : CutSlice(tensor, slice);
}

StatusOr<Tensor> VariableValues::InitialValue(const Node& variable) const {
  const auto found = assigned_.find(variable.name);
  if (found == assigned_.end() || found->second.size() != 1 || !IsConstantCone(original_, found->second[0])) {
    return NotFound("has no constant initial value");
  }
  ASSIGN_OR_RETURN(auto values, Evaluate(original_, {}, {found->second[0]}));
  return values[0];
}

StatusOr<Tensor> VariableValues::ValueOf(const Node& variable, PassContext& context) const {
  const std::string what = StrCat("variable '", variable.name, "' (", variable.op, ")");
  std::vector<Stored> candidates;
  if (const auto found = restores_.find(variable.name); found != restores_.end()) candidates = found->second;
  // Several savers: the one that restores the variable under its own name.
  std::stable_partition(candidates.begin(), candidates.end(), [&](const Stored& stored) {
    return stored.key == variable.name || variable.name.starts_with(stored.key + "/part_");
  });
  if (const auto* shared = variable.attr<std::string>("shared_name"); shared != nullptr && !shared->empty()) {
    candidates.push_back({*shared, ""});
  }
  candidates.push_back({variable.name, ""});
  if (!averages_.empty()) {
    std::vector<Stored> averages;
    for (const Stored& candidate : candidates) {
      if (std::string key = AverageOf(candidate.key); !key.empty()) averages.push_back({std::move(key), candidate.slice});
    }
    if (averages.empty()) without_average_.insert(variable.name);
    candidates.insert(candidates.begin(), averages.begin(), averages.end());
  }
  const auto stored = std::find_if(candidates.begin(), candidates.end(), [&](const Stored& candidate) {
    return source_ != nullptr && source_->Has(candidate.key);
  });
  Tensor value;
  if (stored != candidates.end()) {
    auto loaded = Load(*stored);
    if (!loaded.ok()) return WithContext(loaded.status(), what);
    value = *std::move(loaded);
  } else {
    auto initial = InitialValue(variable);
    if (!initial.ok()) {
      const std::string missing = source_ == nullptr
                                      ? "and no checkpoint was given"
                                      : StrCat("and '", candidates[0].key, "' is not in ", source_->Describe());
      return NotFound(what, ": an output needs its value, ", missing, "; give the right one with --checkpoint");
    }
    context.Note(StrCat(what, ": takes its initial value, no checkpoint has it"));
    value = *std::move(initial);
  }
  const DType dtype = variable.attr_or<DType>("dtype", value.dtype());
  const Shape shape = variable.attr_or<Shape>("shape", Shape());
  bool fits = dtype == value.dtype() && (!shape.has_rank() || shape.rank() == value.rank());
  for (int i = 0; fits && i < shape.rank(); ++i) fits = shape.dim(i) < 0 || shape.dim(i) == value.shape().dim(i);
  // Graphs written without shapes say [].
  if (!fits && !(dtype == value.dtype() && variable.op == "Variable" && shape.IsRank(0))) {
    return InvalidArgument(what, ": is a ", NameOf(dtype), shape.ToString(), ", its value a ", NameOf(value.dtype()),
                           value.shape().ToString(), "; the checkpoint belongs to another graph");
  }
  return value;
}

Status FreezeVariables(GraphEditor& editor, const VariableValues& values, PassContext& context) {
  std::vector<Value> outputs;
  for (const GraphOutput& output : editor.graph().outputs()) outputs.push_back(output.value);
  for (NodeId id : ConeOf(editor.graph(), outputs)) {
    if (!IsVariable(editor.node(id))) continue;
    ASSIGN_OR_RETURN(const Tensor value, values.ValueOf(editor.node(id), context));
    Freeze(editor, id, value);
  }
  return OkStatus();
}

Status FreezeConditions(GraphEditor& editor, const VariableValues& values, PassContext& context) {
  const Graph& graph = editor.graph();
  std::vector<Value> outputs, conditions;
  for (const GraphOutput& output : graph.outputs()) outputs.push_back(output.value);
  for (NodeId id : ConeOf(graph, outputs)) {
    const Node& node = graph.node(id);
    const bool is_switch = (node.op == "Switch" || node.op == "RefSwitch") && node.inputs.size() == 2;
    const bool calls = node.op == "If" || node.op == "StatelessIf" || node.op == "Case" || node.op == "StatelessCase";
    if (is_switch) conditions.push_back(node.inputs[1]);
    if (calls && !node.inputs.empty()) conditions.push_back(node.inputs[0]);
  }
  for (NodeId id : ConeOf(graph, conditions)) {
    if (!IsVariable(graph.node(id)) || graph.type({id, 0}).shape.Elements() > 1) continue;
    PassContext unused;
    const auto value = values.ValueOf(graph.node(id), unused);
    if (!value.ok()) continue;
    for (const std::string& note : unused.notes()) context.Note(note);
    Freeze(editor, id, *value);
  }
  return OkStatus();
}

}  // namespace permafrost
