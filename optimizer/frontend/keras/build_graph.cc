#include "optimizer/frontend/keras/build_graph.h"

#include <algorithm>

#include "optimizer/frontend/keras/model_layers.h"
#include "optimizer/ops/infer.h"

namespace permafrost::keras {
namespace {

StatusOr<Value> AddPlaceholder(GraphEditor& editor, const ModelInput& input) {
  Node node;
  node.name = input.name;
  node.op = "Placeholder";
  node.attrs = {{"dtype", input.dtype}, {"shape", input.shape}};
  const NodeId id = editor.AddNode(std::move(node));
  RETURN_IF_ERROR(InferNode(editor, id));
  return Value{id, 0};
}

// Outputs have a node of their own, called as the layer.
StatusOr<GraphOutput> AddOutput(GraphEditor& editor, const std::string& name, Value value) {
  Node node;
  node.name = name;
  node.op = "Identity";
  node.inputs = {value};
  const NodeId id = editor.AddNode(std::move(node));
  RETURN_IF_ERROR(InferNode(editor, id));
  return GraphOutput{editor.node(id).name, {id, 0}};
}

void AddNotes(const Build& build, std::vector<std::string>& notes) {
  for (const auto& [policy, layers] : build.policies) {
    notes.push_back(StrCat("layers with the dtype policy '", policy, "' are computed in float32: ", layers));
  }
  if (build.trained.empty()) return;
  const std::string others = build.trained.size() > 1 ? StrCat(" and ", build.trained.size() - 1, " more") : "";
  notes.push_back(StrCat("layer '", *build.trained.begin(), "'", others,
                         " was called with training=True: it is computed as at inference"));
}

}  // namespace

StatusOr<KerasModel> BuildGraph(const Json& json, int keras_major, std::unique_ptr<Weights> weights,
                                const Limits& limits, const InputShapes& shapes) {
  ASSIGN_OR_RETURN(auto model, MakeLayer(json, "", std::move(weights)));
  if (!IsModelClass(model->class_name)) {
    return Unsupported("is a model of the class '", model->class_name, "', whose structure is Python code that the file "
                       "does not hold; export it as a SavedModel (model.export) and give that");
  }
  model->scope.clear();  // names of the outer model's layers stand alone
  KerasModel result;
  GraphEditor editor(result.graph);
  Build build{.editor = editor, .keras_major = keras_major, .max_nodes = limits.max_nodes};
  std::vector<Value> inputs;
  std::vector<NodeId> input_nodes;
  ASSIGN_OR_RETURN(auto declared, InputsOf(*model));
  for (ModelInput& input : declared) {
    const auto given = shapes.find(input.name);
    if (given != shapes.end() && given->second.rank() == input.shape.rank()) {
      input.shape = MergeShapes(input.shape, given->second);
    }
    ASSIGN_OR_RETURN(const Value value, AddPlaceholder(editor, input));
    inputs.push_back(value);
    input_nodes.push_back(value.node);
  }
  ASSIGN_OR_RETURN(const auto values, CallLayer(build, *model, Call{{ArgumentOf(inputs)}, {}}));
  ASSIGN_OR_RETURN(const auto names, OutputNamesOf(*model));
  std::vector<GraphOutput> outputs;
  for (size_t i = 0; i < values.size(); ++i) {
    ASSIGN_OR_RETURN(GraphOutput output, AddOutput(editor, names[std::min(i, names.size() - 1)], values[i]));
    outputs.push_back(std::move(output));
  }
  editor.SetGraphInputs(std::move(input_nodes));
  editor.SetGraphOutputs(std::move(outputs));
  AddNotes(build, result.notes);
  return result;
}

}  // namespace permafrost::keras
