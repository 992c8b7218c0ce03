#pragma once

#include <memory>
#include <string_view>

#include "optimizer/frontend/keras/keras_model.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {

// Keras models become graphs of TensorFlow's ops as inference runs them: "conv1/Conv2D" and its weight "conv1/kernel",
// inputs called as their InputLayer, outputs as the layer that gives them. Weights are views into `owner` where the file
// holds them in one piece. Nothing in the file is ever run: Lambda and custom layers are refused by name.

// .h5 of Keras 2 and 3. Errors: weights without a model, a file of Keras 1, damage, layers we do not know.
StatusOr<KerasModel> ReadKerasH5(std::string_view bytes, std::shared_ptr<const MappedFile> owner, const Limits& limits,
                                 const InputShapes& shapes = {});
// .keras: a zip archive of config.json, metadata.json and model.weights.h5.
StatusOr<KerasModel> ReadKerasZip(std::string_view bytes, std::shared_ptr<const MappedFile> owner, const Limits& limits,
                                  const InputShapes& shapes = {});

bool IsKerasH5(std::string_view bytes);
bool IsKerasZip(std::string_view bytes);

}  // namespace permafrost
