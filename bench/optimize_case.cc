#include "bench/optimize_case.h"

#include <unistd.h>

#include "runner/session.h"
#include "shared_io/paths.h"

namespace permafrost {
namespace {

Status Take(const std::vector<NamedTensor>& tensors, std::vector<std::string>& names, std::vector<Array>& arrays) {
  for (const NamedTensor& tensor : tensors) {
    ASSIGN_OR_RETURN(Array array, ToArray(tensor.value));
    names.push_back(tensor.name);
    arrays.push_back(std::move(array));
  }
  return OkStatus();
}

Status AddInput(const std::string& name, const std::vector<int64_t>& dims, OptimizeOptions& options) {
  ASSIGN_OR_RETURN(const auto specs, ParseInputSpecs(StrCat(name, ":", DimsText(dims))));
  options.inputs.insert(options.inputs.end(), specs.begin(), specs.end());
  return OkStatus();
}

Status AddOutput(const std::string& name, OptimizeOptions& options) {
  ASSIGN_OR_RETURN(const auto specs, ParseOutputSpecs(name));
  options.outputs.insert(options.outputs.end(), specs.begin(), specs.end());
  return OkStatus();
}

}  // namespace

StatusOr<Array> ToArray(const Tensor& tensor) {
  const auto type = ElementTypeByName(NameOf(tensor.dtype()));
  if (!type) return Unsupported("values of type ", NameOf(tensor.dtype()));
  Array array{*type, tensor.dims(), std::string(static_cast<size_t>(tensor.byte_size()), '\0')};
  tensor.Read(0, tensor.elements(), array.bytes.data());
  return array;
}

StatusOr<Tensor> ToTensor(const Array& array) {
  const auto dtype = ParseDType(ElementTypeName(array.type));
  if (!dtype) return Unsupported("values of type ", ElementTypeName(array.type));
  return Tensor::Buffer(*dtype, array.dims, array.bytes);
}

StatusOr<OptimizeOptions> OptionsOf(const ModelCase& model) {
  OptimizeOptions options;
  options.model = model.model_path;
  ASSIGN_OR_RETURN(options.target, ParseTarget("opencv-" + OpenCvVersion()));
  for (size_t i = 0; i < model.input_names.size(); ++i) {
    RETURN_IF_ERROR(AddInput(model.input_names[i], model.inputs[i].dims, options));
  }
  options.open.opencv_graph = model.opencv_graph;
  if (model.opencv_graph.empty() && !model.own_outputs) {
    for (const std::string& name : model.output_names) RETURN_IF_ERROR(AddOutput(name, options));
  }
  for (const auto& [name, value] : model.flags) {
    if (model.kind == "saved_model" && name == "signature") continue;  // no placeholder
    ASSIGN_OR_RETURN(SetSpec spec, ParseSetSpec(StrCat(name, "=", value)));
    options.sets.push_back(std::move(spec));
  }
  return options;
}

Status TakeBoundary(const std::string& json, OptimizeOptions& options) {
  if (::access(json.c_str(), F_OK) != 0) return OkStatus();
  ASSIGN_OR_RETURN(const ModelInfo info, ReadModelInfo(json));
  for (const TensorInfo& input : info.inputs) RETURN_IF_ERROR(AddInput(input.name, input.shape, options));
  for (const TensorInfo& output : info.outputs) RETURN_IF_ERROR(AddOutput(output.name, options));
  return OkStatus();
}

StatusOr<std::vector<NamedTensor>> SeededFeeds(const Graph& graph, uint64_t seed) {
  std::vector<NamedTensor> inputs;
  for (const NodeId id : graph.inputs()) {
    auto value = SeededInput(graph.type({id, 0}), seed + inputs.size(), /*unknown_batch=*/1);
    if (!value.ok()) return WithContext(value.status(), StrCat("input \"", graph.node(id).name, "\""));
    inputs.push_back({graph.node(id).name, std::move(value).value()});
  }
  return inputs;
}

Status OptimizeCase(const ModelCase& model, const std::string& output_path, bool opencv_only) {
  ASSIGN_OR_RETURN(OptimizeOptions options, OptionsOf(model));
  options.output = output_path;
  if (IsOnnxPath(output_path)) {
    options.target = AsOnnx(options.target);
  } else {
    options.opencv_only = opencv_only;
  }
  return Optimize(options).status();
}

StatusOr<ModelCase> JudgedCase(const std::string& raw_path, const std::string& optimized_path, uint64_t seed) {
  ModelCase model;
  model.judged_by_kernels = true;
  model.kind = "pb";
  model.model_path = raw_path;
  model.name = raw_path.substr(raw_path.rfind('/') + 1);
  OptimizeOptions options;
  options.model = raw_path;
  RETURN_IF_ERROR(TakeBoundary(ModelInfoPath(optimized_path), options));
  RunOptions run;
  ASSIGN_OR_RETURN(const LoweredModel lowered, LowerModel(options, run));
  const Graph& graph = lowered.model.graph;
  const auto inputs = SeededFeeds(graph, seed);
  if (!inputs.ok()) return WithContext(inputs.status(), raw_path);
  const auto outputs = EvaluateOutputs(graph, *inputs);
  if (!outputs.ok()) return WithContext(outputs.status(), raw_path);
  RETURN_IF_ERROR(Take(*inputs, model.input_names, model.inputs));
  RETURN_IF_ERROR(Take(*outputs, model.output_names, model.outputs));
  return model;
}

}  // namespace permafrost
