#include "optimizer/passes/lowering/symbolic_graph.h"

#include <algorithm>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/op.h"
#include "optimizer/passes/stacked_values.h"

namespace permafrost {
namespace {

constexpr int64_t kStepsPerNode = 20;  // loops whose turns leave few nodes must end too

Tensor IntVector(const std::vector<int32_t>& values) { return Tensor::Vector<int32_t>(values); }

}  // namespace

std::optional<Tensor> SymbolicGraph::Known(const Symbol& symbol) {
  if (const auto* tensor = std::get_if<Tensor>(&symbol)) return *tensor;
  if (const auto* value = std::get_if<Value>(&symbol)) return cone_.Get(*value);
  return std::nullopt;
}

ValueType SymbolicGraph::TypeOf(const Symbol& symbol) const {
  if (const auto* value = std::get_if<Value>(&symbol)) return graph().type(*value);
  if (const auto* tensor = std::get_if<Tensor>(&symbol); tensor != nullptr && tensor->valid()) {
    ValueType type{tensor->dtype(), tensor->shape(), std::nullopt};
    if (IsInteger(type.dtype) && tensor->rank() <= 1 && tensor->elements() <= 1024) type.ints = tensor->Values<int64_t>();
    return type;
  }
  if (const auto* part = std::get_if<Part>(&symbol)) {
    ValueType type = graph().type(part->whole);
    type.ints.reset();
    if (type.shape.rank() < 1) return {type.dtype, Shape(), std::nullopt};
    type.shape = Shape(std::vector<int64_t>(type.shape.dims().begin() + 1, type.shape.dims().end()));
    return type;
  }
  return {};
}

std::optional<std::vector<int64_t>> SymbolicGraph::Ints(const Symbol& symbol) {
  if (auto ints = TypeOf(symbol).ints) return ints;
  const std::optional<Tensor> tensor = Known(symbol);
  if (!tensor || !IsInteger(tensor->dtype()) || tensor->rank() > 1 || tensor->byte_size() > 16 * kMaxConeBytes) return std::nullopt;
  return tensor->Values<int64_t>();
}

StatusOr<Value> SymbolicGraph::Materialise(const Symbol& symbol, std::string_view name) {
  if (const auto* value = std::get_if<Value>(&symbol)) return *value;
  if (const auto* part = std::get_if<Part>(&symbol)) {
    ASSIGN_OR_RETURN(const Symbol element, ElementOf(*part, name));
    return Materialise(element, name);
  }
  if (std::holds_alternative<Nothing>(symbol)) {
    return InvalidArgument("node '", name, "': needs a value that no branch taken gives");
  }
  const auto* tensor = std::get_if<Tensor>(&symbol);
  if (tensor == nullptr || !tensor->valid()) {
    return Unsupported("node '", name, "': takes a TensorList or TensorArray; expected only list and array ops to do so");
  }
  std::string key;
  if (SizeOf(tensor->dtype()) > 0 && tensor->byte_size() <= kMaxConeBytes) {
    const Tensor dense = tensor->Dense();
    key = StrCat(NameOf(tensor->dtype()), tensor->shape().ToString(), ":", dense.DenseBytes());
    if (const auto found = constants_.find(key); found != constants_.end()) return found->second;
  }
  RETURN_IF_ERROR(AddedOne());
  const Value value{editor_.AddConst(StrCat(name, "/constant"), *tensor), 0};
  if (!key.empty()) constants_[key] = value;
  return value;
}

std::optional<Symbols> SymbolicGraph::WorkOut(const Node& node, const Symbols& inputs) {
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || !op->pure || op->kernel == nullptr || inputs.empty()) return std::nullopt;
  std::vector<Tensor> tensors;
  for (const Symbol& input : inputs) {
    std::optional<Tensor> tensor = Known(input);
    if (!tensor || !tensor->valid() || tensor->byte_size() > kMaxConeBytes) return std::nullopt;
    tensors.push_back(*std::move(tensor));
  }
  Node given = node;
  given.inputs.assign(inputs.size(), Value{});
  auto outputs = EvaluateNode(given, tensors);
  if (!outputs.ok()) return std::nullopt;
  return Symbols(outputs->begin(), outputs->end());
}

StatusOr<Symbols> SymbolicGraph::Emit(const Node& node, const Symbols& inputs, const Node* same) {
  if (!MayGrow(node.op)) {
    if (auto outputs = WorkOut(node, inputs)) return *std::move(outputs);
  }
  std::vector<Value> values;
  for (const Symbol& input : inputs) {
    ASSIGN_OR_RETURN(const Value value, Materialise(input, node.name));
    values.push_back(value);
  }
  const OpDef* op = FindOp(node.op);
  const bool repeatable = same != nullptr && op != nullptr && (op->pure || node.op == "ReadVariableOp");
  if (repeatable) {
    const auto found = remembered_.find(same);
    if (found != remembered_.end() && found->second.inputs == values) return found->second.outputs;
  }
  RETURN_IF_ERROR(AddedOne());
  Node added = node;
  added.inputs = values;
  added.controls.clear();
  added.outputs.clear();
  const NodeId id = editor_.AddNode(std::move(added));
  RETURN_IF_ERROR(InferNode(editor_, id));
  Symbols outputs;
  bool all_known = true;
  std::optional<Symbols> worked_out;
  int64_t elements = 0;
  for (const ValueType& type : editor_.node(id).outputs) {
    const int64_t count = type.shape.Elements();
    elements = count < 0 || elements < 0 ? -1 : elements + count;
  }
  if (MayGrow(node.op) && elements >= 0 && elements <= kMaxConeBytes) worked_out = WorkOut(node, inputs);
  for (int port = 0; port < static_cast<int>(editor_.node(id).outputs.size()); ++port) {
    const std::optional<Tensor> ints = KnownInts(editor_.node(id).outputs[static_cast<size_t>(port)]);
    all_known = all_known && ints.has_value();
    outputs.push_back(ints ? Symbol(*ints) : Symbol(Value{id, port}));
  }
  if (worked_out) outputs = *std::move(worked_out);
  if ((all_known && op != nullptr && op->pure && !outputs.empty()) || worked_out) {
    editor_.RemoveNode(id);
    --added_;
  }
  if (repeatable) remembered_[same] = {std::move(values), outputs};
  return outputs;
}

StatusOr<Symbol> SymbolicGraph::EmitOne(std::string_view op, std::string_view name, const Symbols& inputs, AttrMap attrs) {
  Node node;
  node.name = std::string(name);
  node.op = std::string(op);
  node.attrs = std::move(attrs);
  ASSIGN_OR_RETURN(const Symbols outputs, Emit(node, inputs));
  if (outputs.empty()) return Internal("node '", name, "' (", op, "): has no outputs");
  return outputs[0];
}

StatusOr<Symbol> SymbolicGraph::ElementOf(const Part& part, std::string_view name) {
  const auto key = std::make_pair(part.whole, part.index);
  if (const auto found = elements_.find(key); found != elements_.end()) return found->second;
  Symbol element;
  const Element source = LookThroughMoves(graph(), {part.whole, 0, part.index, part.count});
  if (const std::optional<Value> packed = PackedElement(graph(), source)) {
    element = *packed;
  } else if (part.count == 1) {
    ASSIGN_OR_RETURN(element,
                     EmitOne("Squeeze", name, {source.value}, {{"squeeze_dims", std::vector<int64_t>{source.axis}}}));
  } else if (source.axis > 30) {
    return Unsupported("node '", name, "': takes axis ", source.axis, " apart; expected at most 30");
  } else {
    const auto index = static_cast<int32_t>(source.index);
    const int64_t masked = (int64_t{1} << source.axis) - 1;  // the axes before are taken whole
    std::vector<int32_t> begin(static_cast<size_t>(source.axis), 0), end = begin;
    const std::vector<int32_t> strides(begin.size() + 1, 1);
    begin.push_back(index);
    end.push_back(index + 1);
    ASSIGN_OR_RETURN(
        element,
        EmitOne("StridedSlice", name, {source.value, IntVector(begin), IntVector(end), IntVector(strides)},
                {{"begin_mask", masked}, {"end_mask", masked}, {"shrink_axis_mask", int64_t{1} << source.axis}}));
  }
  elements_[key] = element;
  return element;
}

StatusOr<Symbol> SymbolicGraph::Stack(const Symbols& items, std::string_view name) {
  // All elements of one value, in order, are that value.
  const auto* first = std::get_if<Part>(&items[0]);
  bool whole = first != nullptr && first->count == static_cast<int64_t>(items.size());
  for (size_t i = 0; whole && i < items.size(); ++i) {
    const auto* part = std::get_if<Part>(&items[i]);
    whole = part != nullptr && part->whole == first->whole && part->index == static_cast<int64_t>(i);
  }
  if (whole) return Symbol(first->whole);
  if (items.size() == 1) {
    const bool is_part = first != nullptr;
    Symbol item = items[0];
    if (is_part) {
      ASSIGN_OR_RETURN(item, ElementOf(*first, name));
    }
    return EmitOne("ExpandDims", name, {item, Tensor::Scalar<int32_t>(0)});
  }
  return EmitOne("Pack", name, items, {{"axis", int64_t{0}}, {"N", static_cast<int64_t>(items.size())}});
}

Status SymbolicGraph::AddedOne() {
  if (++added_ <= max_nodes_) return Spend(1);
  return ResourceExhausted("unrolling gives more than ", max_nodes_, " nodes (--unroll-nodes raises the limit)");
}

Status SymbolicGraph::Spend(int64_t steps) {
  steps_ += steps;
  if (steps_ / kStepsPerNode <= max_nodes_) return OkStatus();
  return ResourceExhausted("unrolling takes more than ", kStepsPerNode, " steps for each of ", max_nodes_,
                           " nodes (--unroll-nodes raises the limit)");
}

}  // namespace permafrost
