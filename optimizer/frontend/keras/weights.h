#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/tensor.h"

namespace permafrost::keras {

enum class WeightKind { kTrainable, kFixed };

// A layer of a Sequential or Functional, as files find its weights.
struct LayerId {
  std::string name;
  std::string class_name;
  bool trainable = true;
};

// Where the weights of one layer are in a file. Files keep them by position: a layer asks for its weights in the order in
// which Keras creates them, trainable ones first.
class Weights {
 public:
  virtual ~Weights() = default;
  // The layer's next weight, which must have `dims`. `name` is for messages. Floating weights come as float32.
  virtual StatusOr<Tensor> Next(std::string_view name, const std::vector<int64_t>& dims, WeightKind kind) = 0;
  // Those of the layer that this one holds in the Python attribute `attribute`: a wrapper's "layer", an RNN's "cell".
  virtual std::unique_ptr<Weights> Of(std::string_view attribute) = 0;
  // Those of a model's layers, in the order of its config.
  virtual std::vector<std::unique_ptr<Weights>> OfLayers(const std::vector<LayerId>& layers) = 0;
};

}  // namespace permafrost::keras
