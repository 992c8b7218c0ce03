#include "optimizer/pipeline/set_boundary.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "optimizer/ops/infer.h"
#include "optimizer/passes/lowering/inline_functions.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

struct NamedInput {
  InputSpec spec;
  std::string alias;  // empty: a tensor called by its own name
  Shape declared;     // by the signature
};

struct NamedOutput {
  TensorName tensor;
  std::string label;
  std::string context;  // for errors: whose output it is
};

StatusOr<TensorName> ParseTensor(const Signature& signature, const SignatureTensor& tensor) {
  const std::string where = StrCat("signature '", signature.name, "': '", tensor.alias, "'");
  if (tensor.tensor.empty()) {
    return Unsupported(
        where, " is a sparse or composite tensor; expected a dense one; name tensors with --inputs and --outputs");
  }
  TensorName name{tensor.tensor, 0};
  const size_t colon = tensor.tensor.rfind(':');
  if (colon == std::string::npos) return name;
  name.node = tensor.tensor.substr(0, colon);
  const char* const end = tensor.tensor.data() + tensor.tensor.size();
  const auto [stop, error] = std::from_chars(tensor.tensor.data() + colon + 1, end, name.port);
  if (error != std::errc() || stop != end || name.port < 0) {
    return InvalidArgument(where, " names '", tensor.tensor, "', expected node:port");
  }
  return name;
}

const SignatureTensor* FindAlias(const std::vector<SignatureTensor>& tensors, const TensorName& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const SignatureTensor& tensor) {
    return name.port == 0 && tensor.alias == name.node;
  });
  return found != tensors.end() ? &*found : nullptr;
}

constexpr std::string_view kOutputSuffix = "_output";  // of an output that has an input's name

const SignatureTensor* FindOutput(const Signature& signature, const TensorName& name) {
  if (const SignatureTensor* found = FindAlias(signature.outputs, name)) return found;
  if (!name.node.ends_with(kOutputSuffix)) return nullptr;
  const TensorName plain{name.node.substr(0, name.node.size() - kOutputSuffix.size()), name.port};
  return FindAlias(signature.inputs, plain) != nullptr ? FindAlias(signature.outputs, plain) : nullptr;
}

std::string Label(const TensorName& name) { return name.port == 0 ? name.node : StrCat(name.node, ":", name.port); }

StatusOr<std::vector<NamedOutput>> TranslateOutputs(const Signature* signature, const std::vector<TensorName>& asked,
                                                    BoundaryReport& report) {
  std::vector<NamedOutput> outputs;
  const auto add = [&](const SignatureTensor& tensor, const std::string& label) -> Status {
    ASSIGN_OR_RETURN(TensorName name, ParseTensor(*signature, tensor));
    outputs.push_back({std::move(name), label, StrCat("signature '", signature->name, "'")});
    return OkStatus();
  };
  for (const TensorName& name : asked) {
    const SignatureTensor* alias = signature != nullptr ? FindOutput(*signature, name) : nullptr;
    if (alias != nullptr) {
      RETURN_IF_ERROR(add(*alias, name.node));
    } else {
      outputs.push_back({name, Label(name), ""});
    }
  }
  if (asked.empty() && signature != nullptr) {
    for (const SignatureTensor& tensor : signature->outputs) {
      if (tensor.dtype == DType::kString) {
        report.notes.push_back(StrCat("output '", tensor.alias, "' is left out: its values are strings"));
      } else {
        RETURN_IF_ERROR(add(tensor, tensor.alias));
      }
    }
    if (outputs.empty()) return Unsupported("signature '", signature->name, "' has no outputs that are numbers");
  }
  std::set<std::string> labels;
  for (const NamedOutput& output : outputs) {
    if (!labels.insert(output.label).second) return InvalidArgument("output '", output.label, "': is named twice");
  }
  return outputs;
}

StatusOr<std::vector<NamedInput>> TranslateInputs(const Signature* signature, const std::vector<InputSpec>& asked) {
  std::vector<NamedInput> inputs;
  for (const InputSpec& spec : asked) {
    NamedInput input{spec, "", Shape()};
    if (const auto* alias = signature != nullptr ? FindAlias(signature->inputs, spec.tensor) : nullptr) {
      ASSIGN_OR_RETURN(input.spec.tensor, ParseTensor(*signature, *alias));
      input.alias = alias->alias;
      input.declared = alias->shape;
    }
    inputs.push_back(std::move(input));
  }
  if (asked.empty() && signature != nullptr) {
    for (const SignatureTensor& tensor : signature->inputs) {
      NamedInput input{{}, tensor.alias, tensor.shape};
      ASSIGN_OR_RETURN(input.spec.tensor, ParseTensor(*signature, tensor));
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

// The outputs found so far, in the order asked for.
Status FindOutputs(GraphEditor& editor, const std::vector<NamedOutput>& outputs, bool all, BoundaryReport& report) {
  if (outputs.empty()) return OkStatus();  // those that the frontend found, if any
  std::vector<GraphOutput> found;
  for (const NamedOutput& output : outputs) {
    const std::vector<GraphOutput>& earlier = editor.graph().outputs();
    const auto known = std::find_if(earlier.begin(), earlier.end(),
                                    [&](const GraphOutput& other) { return other.name == output.label; });
    if (known != earlier.end()) {
      found.push_back(*known);
      continue;
    }
    auto value = FindTensor(editor.graph(), output.tensor, "output");
    if (value.ok()) {
      found.push_back({output.label, *value});
      report.output_tensors[output.label] = Label(output.tensor);
    } else if (all) {
      return output.context.empty() ? value.status() : WithContext(value.status(), output.context);
    }
  }
  editor.SetGraphOutputs(std::move(found));
  return OkStatus();
}

void FreeName(GraphEditor& editor, const std::string& name) {
  if (const auto holder = editor.graph().Find(name)) editor.Rename(*holder, editor.UniqueName(StrCat(name, "/inner")));
}

// One input, cut and called by its alias.
StatusOr<NodeId> Cut(GraphEditor& editor, const NamedInput& input, BoundaryReport& report) {
  InputSpec spec = input.spec;
  ASSIGN_OR_RETURN(const Value value, FindTensor(editor.graph(), spec.tensor, "input"));
  if (!spec.shape && !editor.graph().type(value).shape.has_rank() && input.declared.has_rank())
    spec.shape = input.declared;
  const Shape known = editor.graph().type(value).shape;
  std::optional<int64_t> asked;
  if (spec.shape && known.rank() > 1 && known.rank() == spec.shape->rank() && known.dim(0) > 0 &&
      known.dim(0) != spec.shape->dim(0)) {
    asked = spec.shape->dim(0);
    spec.shape->set_dim(0, known.dim(0));
  }
  RETURN_IF_ERROR(CutInputs(editor, {spec}));
  const NodeId id = editor.graph().inputs()[0];
  if (!input.alias.empty() && editor.node(id).name != input.alias) {
    FreeName(editor, input.alias);
    editor.Rename(id, input.alias);
  }
  report.input_tensors[editor.node(id).name] = Label(spec.tensor);
  if (asked) report.asked_batches[editor.node(id).name] = *asked;
  return id;
}

// The dense tensors that are parsed from the serialised examples in `examples`, as inputs named by their keys.
std::vector<NamedInput> ParsedFrom(const GraphEditor& editor, Value examples) {
  const Graph& graph = editor.graph();
  std::vector<NamedInput> parsed;
  std::vector<Value> work = {examples};
  for (size_t next = 0; next < work.size(); ++next) {
    for (const Use& use : editor.Users(work[next])) {
      const Node& node = graph.node(use.node);
      if (node.op == "Identity") work.push_back({use.node, 0});
      const bool v2 = node.op == "ParseExampleV2";
      if ((node.op != "ParseExample" && !v2) || use.index != 0) continue;
      const auto* types = node.attr<std::vector<DType>>("Tdense");
      const auto* shapes = node.attr<std::vector<Shape>>("dense_shapes");
      const int64_t sparse = node.attr_or<int64_t>(v2 ? "num_sparse" : "Nsparse", 0);
      if (types == nullptr || shapes == nullptr || types->size() != shapes->size() || sparse < 0 || sparse > 65535)
        continue;
      // V1 has an input per key, V2 a vector of them.
      const size_t first_key = v2 ? 3 : 2 + static_cast<size_t>(sparse);
      for (size_t i = 0; i < types->size(); ++i) {
        const size_t at = v2 ? first_key : first_key + i;
        const Tensor* keys = at < node.inputs.size() ? ConstantBehind(graph, node.inputs[at]) : nullptr;
        const size_t index = v2 ? i : 0;
        if (keys == nullptr || keys->dtype() != DType::kString || index >= keys->strings().size()) break;
        const int port = static_cast<int>(3 * sparse) + static_cast<int>(i);
        if (editor.Users(Value{use.node, port}).empty() || SizeOf((*types)[i]) == 0) continue;
        NamedInput input;
        input.alias = keys->strings()[index];
        input.spec.tensor = {node.name, port};
        input.spec.dtype = (*types)[i];
        if ((*shapes)[i].has_rank()) {
          std::vector<int64_t> dims = (*shapes)[i].dims();
          dims.insert(dims.begin(), -1);
          input.spec.shape = Shape(std::move(dims));
        }
        parsed.push_back(std::move(input));
      }
    }
  }
  return parsed;
}

// The tensor that `spec` calls by its key.
std::optional<NamedInput> FindParsed(const GraphEditor& editor, const Signature* signature, const InputSpec& spec) {
  if (signature == nullptr || spec.tensor.port != 0) return std::nullopt;
  for (const SignatureTensor& input : signature->inputs) {
    const auto name = ParseTensor(*signature, input);
    const auto value = name.ok() ? FindTensor(editor.graph(), *name, "input") : StatusOr<Value>(name.status());
    if (input.dtype != DType::kString || !value.ok()) continue;
    for (NamedInput& parsed : ParsedFrom(editor, *value)) {
      if (parsed.alias != spec.tensor.node) continue;
      if (spec.shape) parsed.spec.shape = spec.shape;
      if (spec.dtype) parsed.spec.dtype = spec.dtype;
      return parsed;
    }
  }
  return std::nullopt;
}

bool IsString(const Graph& graph, Value value) { return graph.type(value).dtype == DType::kString; }

}  // namespace

Status SetBoundary(GraphEditor& editor, const Signature* signature, const std::vector<InputSpec>& asked_inputs,
                   const std::vector<TensorName>& asked_outputs, BoundaryReport& report) {
  const Graph& graph = editor.graph();
  ASSIGN_OR_RETURN(const auto inputs, TranslateInputs(signature, asked_inputs));
  ASSIGN_OR_RETURN(const auto outputs, TranslateOutputs(signature, asked_outputs, report));
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const TensorName &a = inputs[i].spec.tensor, &b = inputs[j].spec.tensor;
      if (a.node == b.node && a.port == b.port) return InvalidArgument("input '", Label(a), "': is named twice");
    }
  }
  // Calls can be named before they are opened, what is inside them after.
  std::vector<NodeId> cut(inputs.size(), kNoNode);
  const auto cut_what_is_there = [&]() -> Status {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto value = FindTensor(graph, inputs[i].spec.tensor, "input");
      if (cut[i] != kNoNode || !value.ok()) continue;
      const bool by_default = asked_inputs.empty();
      if (by_default && (IsString(graph, *value) || graph.type(*value).shape.IsRank(0))) continue;
      ASSIGN_OR_RETURN(cut[i], Cut(editor, inputs[i], report));
    }
    return OkStatus();
  };
  const bool has_calls = !graph.functions().empty();
  RETURN_IF_ERROR(FindOutputs(editor, outputs, !has_calls, report));
  RETURN_IF_ERROR(cut_what_is_there());
  if (has_calls) {
    (void)InlineAllCalls(editor).ok();
    RETURN_IF_ERROR(InferTypes(editor));
    RETURN_IF_ERROR(FindOutputs(editor, outputs, true, report));
    RETURN_IF_ERROR(cut_what_is_there());
  }
  std::vector<NodeId> ids;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (cut[i] != kNoNode) {
      ids.push_back(cut[i]);
      continue;
    }
    auto value = FindTensor(graph, inputs[i].spec.tensor, "input");
    if (!value.ok()) {
      if (asked_inputs.empty()) return WithContext(value.status(), StrCat("signature '", signature->name, "'"));
      std::optional<NamedInput> parsed = FindParsed(editor, signature, inputs[i].spec);
      if (!parsed) return value.status();
      ASSIGN_OR_RETURN(ids.emplace_back(), Cut(editor, *parsed, report));
      continue;
    }
    for (const NamedInput& parsed : IsString(graph, *value) ? ParsedFrom(editor, *value) : std::vector<NamedInput>()) {
      report.notes.push_back(StrCat("input '", inputs[i].alias, "' is a serialised tf.Example: cut at '", parsed.alias,
                                    "', which is parsed from it"));
      ASSIGN_OR_RETURN(ids.emplace_back(), Cut(editor, parsed, report));
    }
    if (graph.node(value->node).op.starts_with("Placeholder") && graph.node(value->node).name != inputs[i].alias) {
      FreeName(editor, inputs[i].alias);
      editor.Rename(value->node, inputs[i].alias);
    }
  }
  // One name cannot be both.
  std::vector<GraphOutput> named = graph.outputs();
  for (GraphOutput& output : named) {
    const bool taken =
        std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return graph.node(id).name == output.name; });
    if (!taken || signature == nullptr) continue;
    const std::string other = editor.UniqueName(StrCat(output.name, kOutputSuffix));
    report.notes.push_back(StrCat("output '", output.name, "' is called '", other, "': an input has its name"));
    report.output_tensors[other] = report.output_tensors[output.name];
    output.name = other;
  }
  if (named.size() > 0) editor.SetGraphOutputs(std::move(named));
  if (!ids.empty()) editor.SetGraphInputs(std::move(ids));
  return OkStatus();
}

void DropUnusedInputs(GraphEditor& editor, BoundaryReport& report) {
  const Graph& graph = editor.graph();
  std::vector<NodeId> used;
  for (NodeId id : graph.inputs()) {
    if (!editor.Users(id).empty() || editor.IsOutput({id, 0})) {
      used.push_back(id);
    } else {
      report.notes.push_back(StrCat("input '", graph.node(id).name, "' is not needed by the outputs"));
    }
  }
  if (used.size() == graph.inputs().size() || used.empty()) return;
  editor.SetGraphInputs(std::move(used));
  editor.PruneDead();
}

void DescribeCutInputs(const Graph& graph, const PassArguments& arguments, std::vector<InputSpec>& inputs,
                       std::vector<std::string>& notes) {
  if (arguments.empty()) return;
  const std::vector<std::string> names = arguments.All("name");
  const std::vector<std::string> types = arguments.All("type_for_name"), shapes = arguments.All("shape_for_name");
  bool used = false;
  for (InputSpec& input : inputs) {
    const auto node = graph.Find(input.tensor.node);
    if (node && graph.node(*node).op == "Placeholder") continue;
    std::string type = arguments.Text("type"), shape = arguments.Text("shape");
    bool has_shape = arguments.Has("shape");
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] != input.tensor.node) continue;
      if (i < types.size()) type = types[i];
      if (i < shapes.size()) shape = shapes[i];
      has_shape = has_shape || i < shapes.size();
    }
    if (!type.empty() && !input.dtype) input.dtype = ParseDType(type);
    if (has_shape && !input.shape) input.shape = ParseShapeArgument(shape);
    used = used || !type.empty() || has_shape;
  }
  if (!used) {
    notes.push_back("strip_unused_nodes: types and shapes are for tensors named with --inputs that are no placeholders; "
                    "there is none");
  }
}

}  // namespace permafrost
