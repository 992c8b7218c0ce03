#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "optimizer/frontend/keras/layer.h"

namespace permafrost::keras {

// A tensor of a Functional model: output `tensor` of call `node` of a layer.
struct TensorRef {
  std::string layer;
  size_t node = 0;
  size_t tensor = 0;
};

// A Sequential or Functional once its layers are known. They live as long as the layer that stands for the model, so that
// a model called twice has its weights once.
struct ModelLayers {
  std::vector<LayerId> ids;
  std::vector<std::unique_ptr<Layer>> layers;  // null for an InputLayer
  std::vector<Json> calls;                     // of each layer: its inbound_nodes
  std::vector<Config> configs;
  std::map<std::string, size_t, std::less<>> by_name;
  std::vector<TensorRef> inputs, outputs;  // of a Functional
};

bool IsModelClass(std::string_view class_name);  // Sequential, Functional and its older name Model

// Fills model.model from its config, once.
Status OpenModelLayers(Layer& model);

// Nodes for one call of a model; `call` gives its inputs.
StatusOr<std::vector<Value>> CallModel(Build& build, Layer& model, const Call& call);

// An input that a model's config declares.
struct ModelInput {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
};
StatusOr<std::vector<ModelInput>> InputsOf(Layer& model);
// A name for each output: that of its layer.
StatusOr<std::vector<std::string>> OutputNamesOf(Layer& model);

}  // namespace permafrost::keras
