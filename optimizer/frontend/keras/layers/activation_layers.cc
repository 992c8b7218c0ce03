#include <algorithm>
#include <numeric>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

StatusOr<Values> BuildActivation(LayerContext& layer) {
  return One(Activate(layer, layer.config()["activation"], layer.input()));
}

StatusOr<Values> BuildRelu(LayerContext& layer) {
  const Config& config = layer.config();
  std::optional<double> max_value;
  if (config.Has("max_value")) {
    ASSIGN_OR_RETURN(max_value, config.Number("max_value"));
  }
  ASSIGN_OR_RETURN(const double slope, config.Number("negative_slope", 0));
  ASSIGN_OR_RETURN(const double threshold, config.Number("threshold", 0));
  return One(ReluOf(layer, layer.input(), slope, max_value, threshold));
}

// Keras 2 calls the slope alpha.
StatusOr<Values> BuildLeakyRelu(LayerContext& layer) {
  const Config& config = layer.config();
  ASSIGN_OR_RETURN(const double slope, config.Number(config.Has("alpha") ? "alpha" : "negative_slope", 0.3));
  if (slope == 0) return One(layer.Emit("Relu", {layer.input()}));
  return One(ReluOf(layer, layer.input(), slope, std::nullopt, 0));
}

// relu(x) - alpha * relu(-x)
StatusOr<Values> BuildPRelu(LayerContext& layer) {
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  ASSIGN_OR_RETURN(const auto shared, layer.config().Ints("shared_axes", std::vector<int64_t>()));
  std::vector<int64_t> dims;
  for (int axis = 1; axis < rank; ++axis) {
    if (std::find(shared.begin(), shared.end(), axis) != shared.end()) {
      dims.push_back(1);
      continue;
    }
    ASSIGN_OR_RETURN(const int64_t dim, layer.Dim(layer.input(), axis));
    dims.push_back(dim);
  }
  ASSIGN_OR_RETURN(const Value alpha, layer.Weight("alpha", dims));
  ASSIGN_OR_RETURN(const Value positive, layer.Emit("Relu", {layer.input()}));
  ASSIGN_OR_RETURN(const Value minus, layer.Emit("Neg", {layer.input()}));
  ASSIGN_OR_RETURN(const Value negative, layer.Emit("Relu", {minus}, {}, "negative"));
  ASSIGN_OR_RETURN(const Value scaled, layer.Emit("Mul", {negative, alpha}));
  return One(layer.Emit("Sub", {positive, scaled}));
}

StatusOr<Values> BuildElu(LayerContext& layer) {
  ASSIGN_OR_RETURN(const double alpha, layer.config().Number("alpha", 1));
  return One(EluOf(layer, layer.input(), alpha));
}

// Over several axes at once: exp(x - log(sum(exp(x)))), with the largest x taken off first.
StatusOr<Value> SoftmaxOver(LayerContext& layer, const std::vector<int64_t>& axes) {
  const Value over = layer.Ints("axes", axes);
  ASSIGN_OR_RETURN(const Value largest, layer.Emit("Max", {layer.input(), over}, {{"keep_dims", true}}));
  ASSIGN_OR_RETURN(const Value moved, layer.Emit("Sub", {layer.input(), largest}));
  ASSIGN_OR_RETURN(const Value exp, layer.Emit("Exp", {moved}));
  ASSIGN_OR_RETURN(const Value sum, layer.Emit("Sum", {exp, over}, {{"keep_dims", true}}));
  return layer.Emit("RealDiv", {exp, sum});
}

StatusOr<Values> BuildSoftmax(LayerContext& layer) {
  ASSIGN_OR_RETURN(const auto axes, layer.config().Ints("axis", std::vector<int64_t>{-1}));
  if (axes.size() != 1) return One(SoftmaxOver(layer, axes));
  return One(SoftmaxOf(layer, layer.input(), axes[0]));
}

StatusOr<Values> BuildThresholdedRelu(LayerContext& layer) {
  ASSIGN_OR_RETURN(const double theta, layer.config().Number("theta", 1));
  return One(ReluOf(layer, layer.input(), 0, std::nullopt, theta));
}

}  // namespace

std::vector<LayerRow> ActivationLayers() {
  return {
      {.class_name = "Activation", .build = BuildActivation},
      {.class_name = "ReLU", .build = BuildRelu},
      {.class_name = "LeakyReLU", .build = BuildLeakyRelu},
      {.class_name = "PReLU", .build = BuildPRelu},
      {.class_name = "ELU", .build = BuildElu},
      {.class_name = "Softmax", .build = BuildSoftmax, .mask = MaskUse::kUses},
      {.class_name = "ThresholdedReLU", .build = BuildThresholdedRelu},
  };
}

}  // namespace permafrost::keras
