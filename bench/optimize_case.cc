#include "bench/optimize_case.h"

#include <unistd.h>

#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/optimize.h"

namespace permafrost {
namespace {

StatusOr<Array> ToArray(const Tensor& tensor) {
  const auto type = ElementTypeByName(NameOf(tensor.dtype()));
  if (!type) return Unsupported("values of type ", NameOf(tensor.dtype()));
  Array array{*type, tensor.dims(), std::string(static_cast<size_t>(tensor.byte_size()), '\0')};
  tensor.Read(0, tensor.elements(), array.bytes.data());
  return array;
}

}  // namespace

Status OptimizeCase(const ModelCase& model, const std::string& output_path) {
  OptimizeOptions options;
  options.model = model.model_path;
  options.output = output_path;
  for (size_t i = 0; i < model.input_names.size(); ++i) {
    ASSIGN_OR_RETURN(const auto specs,
                     ParseInputSpecs(StrCat(model.input_names[i], ":", DimsText(model.inputs[i].dims))));
    options.inputs.insert(options.inputs.end(), specs.begin(), specs.end());
  }
  for (const std::string& name : model.output_names) {
    ASSIGN_OR_RETURN(const auto specs, ParseOutputSpecs(name));
    options.outputs.insert(options.outputs.end(), specs.begin(), specs.end());
  }
  for (const auto& [name, value] : model.flags) {
    if (model.kind == "saved_model" && name == "signature") continue;  // no placeholder
    ASSIGN_OR_RETURN(SetSpec spec, ParseSetSpec(StrCat(name, "=", value)));
    options.sets.push_back(std::move(spec));
  }
  return Optimize(options).status();
}

StatusOr<ModelCase> JudgedCase(const std::string& raw_path, const std::string& optimized_path, uint64_t seed) {
  ModelCase model;
  model.judged_by_kernels = true;
  model.kind = "pb";
  model.model_path = raw_path;
  model.name = raw_path.substr(raw_path.rfind('/') + 1);
  const std::string json = ModelInfoPath(optimized_path);
  if (::access(json.c_str(), F_OK) == 0) {
    ASSIGN_OR_RETURN(const ModelInfo info, ReadModelInfo(json));
    for (const TensorInfo& output : info.outputs) model.output_names.push_back(output.name);
  }
  ASSIGN_OR_RETURN(const FileRun run, RunOnReferenceKernels(raw_path, model.output_names, {}, seed));
  model.output_names.clear();
  for (const NamedTensor& input : run.inputs) {
    model.input_names.push_back(input.name);
    ASSIGN_OR_RETURN(Array array, ToArray(input.value));
    model.inputs.push_back(std::move(array));
  }
  for (const NamedTensor& output : run.outputs) {
    model.output_names.push_back(output.name);
    ASSIGN_OR_RETURN(Array array, ToArray(output.value));
    model.outputs.push_back(std::move(array));
  }
  return model;
}

}  // namespace permafrost
