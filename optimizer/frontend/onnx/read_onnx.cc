#include "optimizer/frontend/onnx/read_onnx.h"

#include <filesystem>
#include <set>

#include "optimizer/frontend/onnx/import.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

using from_onnx::FileNode;
using from_onnx::FileValue;

// Which nodes the outputs need. They stand producers first.
std::vector<bool> Needed(const from_onnx::FileGraph& graph) {
  std::set<std::string_view> wanted;
  for (const FileValue& output : graph.outputs) wanted.insert(output.name);
  std::vector<bool> needed(graph.nodes.size());
  bool has_graphs = false;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const FileNode& node = graph.nodes[i];
    for (const std::string_view output : node.outputs) needed[i] = needed[i] || wanted.contains(output);
    if (needed[i]) wanted.insert(node.inputs.begin(), node.inputs.end());
    for (const auto& attr : node.attrs) has_graphs = has_graphs || attr.second.kind == from_onnx::FileAttr::Kind::kGraph;
  }
  // A graph inside a node takes what it likes of the one around it.
  if (has_graphs) needed.assign(needed.size(), true);
  return needed;
}

StatusOr<NodeId> AddPlaceholder(GraphEditor& editor, const FileValue& input, const std::string& name,
                                const std::map<std::string, Shape, std::less<>>& shapes) {
  Shape shape = input.shape;
  auto given = shapes.find(name);
  if (given == shapes.end()) given = shapes.find(input.name);
  if (given != shapes.end() && (!shape.has_rank() || given->second.rank() == shape.rank())) {
    shape = MergeShapes(shape, given->second);
  }
  if (input.dtype == DType::kInvalid) return InvalidArgument("input '", input.name, "' has no element type");
  Node node;
  node.name = name;
  node.op = "Placeholder";
  node.attrs = {{"dtype", input.dtype}, {"shape", shape}};
  const NodeId id = editor.AddNode(std::move(node));
  RETURN_IF_ERROR(InferNode(editor, id));
  return id;
}

void NoteName(std::string_view role, std::string_view name, const std::string& now, std::vector<std::string>& notes) {
  if (now == name) return;
  notes.push_back(StrCat(role, " '", name, "' of the ONNX file is called '", now, "' here"));
}

}  // namespace

bool IsOnnxModel(std::string_view bytes) { return from_onnx::IsOnnx(bytes); }

StatusOr<ImportedOnnx> ReadOnnx(std::string_view bytes, const std::shared_ptr<const MappedFile>& file, const Limits& limits,
                                const std::map<std::string, Shape, std::less<>>& shapes) {
  ASSIGN_OR_RETURN(const from_onnx::OnnxFile model, from_onnx::ReadOnnxFile(bytes, limits));
  ImportedOnnx result;
  GraphEditor editor(result.graph);
  std::string folder;
  if (file != nullptr) {
    folder = std::filesystem::path(file->path()).parent_path().string();
    if (folder.empty()) folder = ".";
  }
  from_onnx::ExternalFiles external(folder);
  const from_onnx::TensorSource source{file, external, limits};
  from_onnx::Importer importer(editor, model, source);

  std::vector<NodeId> inputs;
  std::set<std::string> names;
  for (const FileValue& input : model.graph.inputs) {
    const std::string name = from_onnx::NodeNameOf(input.name);
    if (!names.insert(name).second) return InvalidArgument("two inputs would be called '", name, "'");
    ASSIGN_OR_RETURN(const NodeId id, AddPlaceholder(editor, input, name, shapes));
    inputs.push_back(id);
    RETURN_IF_ERROR(importer.AddInput(input.name, {id, 0}));
    NoteName("input", input.name, name, importer.notes());
  }
  for (const FileValue& output : model.graph.outputs) {
    const std::string name = from_onnx::NodeNameOf(output.name);
    const bool is_input = result.graph.Find(name).has_value();
    if (!names.insert(name).second && !is_input) return InvalidArgument("two outputs would be called '", name, "'");
    importer.Reserve(name);
  }
  RETURN_IF_ERROR(importer.AddInitializers(model.graph));
  const std::vector<bool> needed = Needed(model.graph);
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) RETURN_IF_ERROR(importer.Import(model.graph.nodes[i]));
  }
  std::vector<GraphOutput> outputs;
  for (const FileValue& output : model.graph.outputs) {
    ASSIGN_OR_RETURN(const Value value, importer.Output(output.name));
    Node node;
    node.name = from_onnx::NodeNameOf(output.name);
    node.op = "Identity";
    node.inputs = {value};
    const std::string name = node.name;
    const NodeId id = editor.AddNode(std::move(node));
    RETURN_IF_ERROR(InferNode(editor, id));
    outputs.push_back({name, {id, 0}});
    NoteName("output", output.name, name, importer.notes());
  }
  editor.SetGraphInputs(std::move(inputs));
  editor.SetGraphOutputs(std::move(outputs));
  editor.PruneDead();
  result.notes = importer.notes();
  result.files = external.opened();
  return result;
}

}  // namespace permafrost
