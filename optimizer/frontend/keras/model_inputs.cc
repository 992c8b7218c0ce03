#include "optimizer/frontend/keras/model_layers.h"

namespace permafrost::keras {
namespace {

// A type, or an object around its name; a policy computes in what follows "mixed_".
StatusOr<DType> InputDType(const Config& config) {
  const Json* type = &config["dtype"];
  if (type->is_object()) type = &Config(Config(*type)["config"])["name"];
  if (!type->is_string()) return DType::kFloat32;
  std::string name = type->get<std::string>();
  if (name.starts_with("mixed_")) return DType::kFloat32;
  const auto dtype = ParseDType(name);
  if (!dtype) return InvalidArgument("its dtype '", name, "' is no type of numbers");
  if (*dtype == DType::kString) {
    return Unsupported("the model takes strings, which OpenCV has no type for; cut the model after its text layers");
  }
  return IsFloating(*dtype) ? DType::kFloat32 : *dtype;
}

StatusOr<Shape> ShapeOf(const Json& json) {
  std::vector<int64_t> dims;
  for (const Json& dim : json) {
    if (!dim.is_null() && !(dim.is_number_integer() && dim >= 0 && dim <= INT32_MAX)) {
      return InvalidArgument("its shape holds ", dim.dump(-1, ' ', true, Json::error_handler_t::replace),
                             ", expected a size or null");
    }
    dims.push_back(dim.is_null() ? kUnknownDim : dim.get<int64_t>());
  }
  return Shape(std::move(dims));
}

const Json* FindShape(const Config& config) {
  for (const char* key : {"batch_shape", "batch_input_shape"}) {
    if (config[key].is_array()) return &config[key];
  }
  return nullptr;
}

StatusOr<ModelInput> InputLayerOf(const std::string& name, const Config& config) {
  const Json* shape = FindShape(config);
  if (shape == nullptr) return InvalidArgument("input '", name, "' has no shape");
  ModelInput input{name, DType::kFloat32, {}};
  auto dtype = InputDType(config);
  if (!dtype.ok()) return WithContext(dtype.status(), StrCat("input '", name, "'"));
  input.dtype = *dtype;
  auto dims = ShapeOf(*shape);
  if (!dims.ok()) return WithContext(dims.status(), StrCat("input '", name, "'"));
  input.shape = *dims;
  return input;
}

// A Sequential without an InputLayer says it at its first layer, or, when it was built by a call, beside its layers.
StatusOr<std::vector<ModelInput>> InputsOfSequential(Layer& model) {
  const ModelLayers& layers = *model.model;
  if (layers.layers[0] == nullptr) {
    ASSIGN_OR_RETURN(ModelInput input, InputLayerOf(layers.ids[0].name, layers.configs[0]));
    return std::vector<ModelInput>{std::move(input)};
  }
  const std::string name = layers.ids[0].name + "_input";
  if (FindShape(layers.configs[0]) != nullptr) {
    ASSIGN_OR_RETURN(ModelInput input, InputLayerOf(name, layers.configs[0]));
    return std::vector<ModelInput>{std::move(input)};
  }
  if (IsModelClass(layers.ids[0].class_name)) return InputsOf(*layers.layers[0]);
  if (const Json& shape = model.config["build_input_shape"]; shape.is_array()) {
    ASSIGN_OR_RETURN(Shape dims, ShapeOf(shape));
    return std::vector<ModelInput>{{name, DType::kFloat32, std::move(dims)}};
  }
  return InvalidArgument("the Sequential model does not say the shape of its input: it was saved before it was built; call "
                         "model.build(input_shape) in Keras and save it again");
}

}  // namespace

StatusOr<std::vector<ModelInput>> InputsOf(Layer& model) {
  RETURN_IF_ERROR(OpenModelLayers(model));
  if (model.class_name == "Sequential") return InputsOfSequential(model);
  std::vector<ModelInput> inputs;
  for (const TensorRef& ref : model.model->inputs) {
    const size_t index = model.model->by_name.find(ref.layer)->second;
    ASSIGN_OR_RETURN(ModelInput input, InputLayerOf(ref.layer, model.model->configs[index]));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

StatusOr<std::vector<std::string>> OutputNamesOf(Layer& model) {
  RETURN_IF_ERROR(OpenModelLayers(model));
  std::vector<std::string> names;
  if (model.class_name == "Sequential") names.push_back(model.model->ids.back().name);
  for (const TensorRef& ref : model.model->outputs) names.push_back(ref.layer);
  return names;
}

}  // namespace permafrost::keras
