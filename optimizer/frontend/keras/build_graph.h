#pragma once

#include <memory>

#include "optimizer/frontend/keras/config.h"
#include "optimizer/frontend/keras/keras_model.h"
#include "optimizer/frontend/keras/weights.h"
#include "optimizer/support/limits.h"

namespace permafrost::keras {

// The graph of the model that `json` ({"class_name":, "config":}) describes.
StatusOr<KerasModel> BuildGraph(const Json& json, int keras_major, std::unique_ptr<Weights> weights,
                                const Limits& limits, const InputShapes& shapes = {});

}  // namespace permafrost::keras
