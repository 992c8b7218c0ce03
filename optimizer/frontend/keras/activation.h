#pragma once

#include <optional>

#include "optimizer/frontend/keras/layer.h"

namespace permafrost::keras {

// `activation` as configs write it: null, a name, or an object that names a function or a layer.
StatusOr<Value> Activate(LayerContext& layer, const Json& activation, Value value);
// The activation function `name` with its default arguments.
StatusOr<Value> ActivateByName(LayerContext& layer, std::string_view name, Value value);

// Activations that take numbers.
StatusOr<Value> ReluOf(LayerContext& layer, Value x, double negative_slope, std::optional<double> max_value,
                       double threshold);
StatusOr<Value> EluOf(LayerContext& layer, Value x, double alpha);
StatusOr<Value> GeluOf(LayerContext& layer, Value x, bool approximate);
StatusOr<Value> SoftmaxOf(LayerContext& layer, Value x, int64_t axis, std::string_view op = "Softmax");

// x op number, the number being a Const of x's type: "<layer>/<suffix>" and "<layer>/<suffix>/y".
StatusOr<Value> WithNumber(LayerContext& layer, std::string_view op, Value x, double number,
                           std::string_view suffix = "");
// min(max(x, low), high)
StatusOr<Value> Clip(LayerContext& layer, Value x, double low, double high);

}  // namespace permafrost::keras
