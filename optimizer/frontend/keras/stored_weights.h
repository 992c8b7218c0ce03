#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/frontend/keras/hdf5/hdf5_file.h"
#include "optimizer/frontend/keras/weights.h"

namespace permafrost::keras {

// The dataset at `path`, checked against `dims`, floats as float32.
StatusOr<Tensor> ReadWeight(const Hdf5File& file, std::string_view path, std::string_view name,
                            const std::vector<int64_t>& dims);

// model.weights.h5 of a .keras: layers/conv2d_1/vars/0, layers named by their class and numbered.
std::unique_ptr<Weights> PathWeights(const Hdf5File& file);

// A .h5 keeps a flat list for each outer layer, whatever is nested in it: all that is trainable before all that is not. So
// the layers are asked twice: what they will want, then with the answers.
struct WantedWeights {
  struct Request {
    std::string name;
    WeightKind kind = WeightKind::kTrainable;
    std::string path;  // filled by AssignListed
  };
  std::string key;  // the layer's name, or the attribute in which another layer holds it
  bool trainable = true;
  std::vector<Request> requests;
  std::vector<std::unique_ptr<WantedWeights>> inner;
};
// Takes down what is asked for and gives zeros.
std::unique_ptr<Weights> RecordWeights(WantedWeights& wanted);
// Finds every recorded weight in the file. `wanted` is the outer model's.
Status AssignListed(const Hdf5File& file, WantedWeights& wanted);
// Gives what AssignListed found to layers that ask again.
std::unique_ptr<Weights> ListedWeights(const Hdf5File& file, const WantedWeights& wanted);

}  // namespace permafrost::keras
