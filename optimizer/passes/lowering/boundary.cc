#include "optimizer/passes/lowering/boundary.h"

#include <algorithm>

#include "optimizer/ops/infer.h"
#include "optimizer/support/limits.h"

namespace permafrost {
namespace {

// Names close to the one that was not found, for the error.
std::string Suggestions(const Graph& graph, std::string_view wanted) {
  std::vector<std::string> similar, placeholders;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.op.starts_with("Placeholder") && placeholders.size() < 8) placeholders.push_back(node.name);
    const bool close = node.name.find(wanted) != std::string::npos || wanted.find(node.name) != std::string_view::npos;
    if (close && !node.IsConst() && similar.size() < 5) similar.push_back(node.name);
  }
  std::string text;
  for (const std::string& name : similar) text += StrCat(text.empty() ? "; similar names: '" : ", '", name, "'");
  if (!text.empty()) return text;
  for (const std::string& name : placeholders) text += StrCat(text.empty() ? "; placeholders: '" : ", '", name, "'");
  return text;
}

bool IsPlaceholder(const Node& node) {
  return node.op == "Placeholder" || node.op == "PlaceholderV2" || node.op == "PlaceholderWithDefault";
}

}  // namespace

StatusOr<Value> FindTensor(const Graph& graph, const TensorName& name, std::string_view role) {
  const std::optional<NodeId> id = graph.Find(name.node);
  if (!id) return NotFound(role, " '", name.node, "': no node has this name", Suggestions(graph, name.node));
  const size_t ports = graph.node(*id).outputs.size();
  if (name.port < 0 || (ports > 0 && static_cast<size_t>(name.port) >= ports)) {
    return NotFound(role, " '", name.node, ":", name.port, "': the node (", graph.node(*id).op, ") has ", ports,
                    " outputs");
  }
  return Value{*id, name.port};
}

Status SetPlaceholder(GraphEditor& editor, std::string_view name, const Tensor& value) {
  ASSIGN_OR_RETURN(const Value target, FindTensor(editor.graph(), {std::string(name), 0}, "--set"));
  const Node& node = editor.node(target.node);
  if (!IsPlaceholder(node)) {
    return InvalidArgument("--set '", name, "': is a ", node.op, ", expected a placeholder");
  }
  const ValueType type = editor.graph().type(target);
  Tensor tensor = value;
  if (type.dtype != DType::kInvalid && type.dtype != value.dtype()) {
    if (SizeOf(type.dtype) == 0) return InvalidArgument("--set '", name, "': cannot give a ", NameOf(type.dtype));
    tensor = value.Cast(type.dtype).Dense();
  }
  const int64_t room = Limits().max_tensor_bytes / SizeOf(tensor.dtype());
  if (type.shape.FullyKnown() && (type.shape.Elements() < 0 || type.shape.Elements() > room)) {
    return ResourceExhausted("--set '", name, "': its shape ", type.shape.ToString(), " is too large");
  }
  if (tensor.elements() == 1 && type.shape.FullyKnown() && type.shape.dims() != tensor.dims()) {
    tensor = Tensor::Splat(tensor.dtype(), type.shape.dims(), std::string(tensor.Dense().DenseBytes()));
  }
  if (type.shape.has_rank()) {
    bool fits = type.shape.rank() == tensor.rank();
    for (int i = 0; fits && i < tensor.rank(); ++i) {
      fits = type.shape.dim(i) < 0 || type.shape.dim(i) == tensor.shape().dim(i);
    }
    if (!fits) {
      return InvalidArgument("--set '", name, "': the value has shape ", tensor.shape().ToString(),
                             ", the placeholder ", type.shape.ToString());
    }
  }
  const NodeId constant = editor.AddConst(StrCat(name, "/value"), std::move(tensor));
  editor.ReplaceUses(target, {constant, 0});
  const std::string kept(name);
  editor.RemoveNode(target.node);
  editor.Rename(constant, kept);
  return OkStatus();
}

Status CutInputs(GraphEditor& editor, const std::vector<InputSpec>& inputs) {
  // All are found before the first cut: a cut takes the node's name away.
  std::vector<Value> cuts;
  for (const InputSpec& spec : inputs) {
    ASSIGN_OR_RETURN(const Value cut, FindTensor(editor.graph(), spec.tensor, "input"));
    if (std::find(cuts.begin(), cuts.end(), cut) != cuts.end()) {
      return InvalidArgument("input '", ToString(editor.graph(), cut), "': is named twice");
    }
    cuts.push_back(cut);
  }
  std::vector<NodeId> placeholders;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const InputSpec& spec = inputs[i];
    const Value cut = cuts[i];
    const Node& original = editor.node(cut.node);
    ValueType type = editor.graph().type(cut);
    type.ints.reset();
    if (spec.dtype) type.dtype = *spec.dtype;
    if (type.dtype == DType::kInvalid) type.dtype = DType::kFloat32;
    if (spec.shape) type.shape = *spec.shape;
    if (SizeOf(type.dtype) == 0) {
      return InvalidArgument("input '", original.name, "' (", original.op, "): has dtype ", NameOf(type.dtype),
                             ", expected numbers; name a tensor after it");
    }
    Node node;
    node.op = "Placeholder";
    node.name = spec.tensor.port == 0 ? spec.tensor.node : StrCat(spec.tensor.node, "_", spec.tensor.port);
    node.attrs["dtype"] = type.dtype;
    node.attrs["shape"] = type.shape;
    node.outputs = {type};
    if (cut.port == 0) editor.Rename(cut.node, editor.UniqueName(StrCat(original.name, "/cut")));
    const NodeId id = editor.AddNode(std::move(node));
    editor.ReplaceUses(cut, {id, 0});
    placeholders.push_back(id);
  }
  editor.SetGraphInputs(placeholders);
  return OkStatus();
}

Status SetOutputs(GraphEditor& editor, const std::vector<TensorName>& outputs) {
  std::vector<GraphOutput> resolved;
  for (const TensorName& name : outputs) {
    ASSIGN_OR_RETURN(const Value value, FindTensor(editor.graph(), name, "output"));
    const std::string label = name.port == 0 ? name.node : StrCat(name.node, ":", name.port);
    for (const GraphOutput& earlier : resolved) {
      if (earlier.name == label) return InvalidArgument("output '", label, "': is named twice");
    }
    resolved.push_back({label, value});
  }
  editor.SetGraphOutputs(std::move(resolved));
  return OkStatus();
}

}  // namespace permafrost
