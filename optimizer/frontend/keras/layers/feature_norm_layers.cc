#include <algorithm>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"

// Normalisations that take their statistics from the input itself.
namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

// The dims of `axes`, which must be known.
StatusOr<std::vector<int64_t>> DimsAt(const LayerContext& layer, Value x, const std::vector<int64_t>& axes) {
  std::vector<int64_t> dims;
  for (const int64_t axis : axes) {
    ASSIGN_OR_RETURN(const int64_t dim, layer.Dim(x, static_cast<int>(axis)));
    dims.push_back(dim);
  }
  return dims;
}

// gamma and beta of a norm, shaped to broadcast; either may be off.
Status ReadScaleAndCenter(LayerContext& layer, const std::vector<int64_t>& dims, const std::vector<int64_t>& as,
                          Normalized& norm) {
  ASSIGN_OR_RETURN(const bool scale, layer.config().Bool("scale", true));
  ASSIGN_OR_RETURN(const bool center, layer.config().Bool("center", true));
  if (scale) {
    ASSIGN_OR_RETURN(norm.gamma, layer.WeightAs("gamma", dims, as));
  }
  if (center) {
    ASSIGN_OR_RETURN(norm.beta, layer.WeightAs("beta", dims, as));
  }
  return OkStatus();
}

struct NormAxes {
  std::vector<int64_t> axes;
  std::vector<int64_t> dims;       // of the weights
  std::vector<int64_t> broadcast;  // the same, with 1 for every other axis
};
StatusOr<NormAxes> ReadAxes(const LayerContext& layer) {
  NormAxes result;
  ASSIGN_OR_RETURN(const std::vector<int64_t> axes, layer.config().Ints("axis", std::vector<int64_t>{-1}));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  ASSIGN_OR_RETURN(result.axes, AxesOf(axes, rank));
  if (result.axes.empty()) return InvalidArgument("normalizes over no axis");
  ASSIGN_OR_RETURN(result.dims, DimsAt(layer, layer.input(), result.axes));
  result.broadcast.assign(static_cast<size_t>(rank), 1);
  for (size_t i = 0; i < result.axes.size(); ++i)
    result.broadcast[static_cast<size_t>(result.axes[i])] = result.dims[i];
  if (std::is_sorted(result.broadcast.begin(), result.broadcast.end() - 1) && result.axes[0] == rank - 1) {
    result.broadcast = result.dims;  // along the last axis nothing else is needed
  }
  return result;
}

// x / sqrt(variance + epsilon) * gamma
StatusOr<Value> ScaledBy(LayerContext& layer, Value x, Value variance, double epsilon, Value gamma) {
  ASSIGN_OR_RETURN(const Value moved, WithNumber(layer, "AddV2", variance, epsilon));
  ASSIGN_OR_RETURN(const Value factor, layer.Emit("Rsqrt", {moved}));
  ASSIGN_OR_RETURN(const Value normal, layer.Emit("Mul", {x, factor}));
  return layer.Emit("Mul", {normal, gamma});
}

StatusOr<Values> BuildLayerNormalization(LayerContext& layer) {
  const Value x = layer.input();
  ASSIGN_OR_RETURN(const NormAxes axes, ReadAxes(layer));
  ASSIGN_OR_RETURN(const double epsilon, layer.config().Number("epsilon", 1e-3));
  ASSIGN_OR_RETURN(const bool rms_scaling, layer.config().Bool("rms_scaling", false));
  if (rms_scaling) {
    ASSIGN_OR_RETURN(const Value gamma, layer.WeightAs("gamma", axes.dims, axes.broadcast));
    ASSIGN_OR_RETURN(const Moments moments, MomentsOver(layer, x, axes.axes));
    return One(ScaledBy(layer, x, moments.variance, epsilon, gamma));
  }
  Normalized norm;
  norm.epsilon = epsilon;
  RETURN_IF_ERROR(ReadScaleAndCenter(layer, axes.dims, axes.broadcast, norm));
  ASSIGN_OR_RETURN(const Moments moments, MomentsOver(layer, x, axes.axes));
  norm.mean = moments.mean;
  norm.variance = moments.variance;
  return One(NormalizedBy(layer, x, norm));
}

StatusOr<Values> BuildRmsNormalization(LayerContext& layer) {
  const Value x = layer.input();
  ASSIGN_OR_RETURN(const NormAxes axes, ReadAxes(layer));
  ASSIGN_OR_RETURN(const double epsilon, layer.config().Number("epsilon", 1e-6));
  ASSIGN_OR_RETURN(const Value gamma, layer.WeightAs("scale", axes.dims, axes.broadcast));
  ASSIGN_OR_RETURN(const Value square, layer.Emit("Square", {x}));
  ASSIGN_OR_RETURN(const Value mean, Reduce(layer, "Mean", square, axes.axes, true));
  return One(ScaledBy(layer, x, mean, epsilon, gamma));
}

// [batch, .., channels, ..] becomes [batch, .., groups, channels / groups, ..]; statistics are taken over everything
// but batch and groups.
StatusOr<Values> BuildGroupNormalization(LayerContext& layer) {
  const Value x = layer.input();
  ASSIGN_OR_RETURN(const int rank, layer.Rank(x));
  ASSIGN_OR_RETURN(const int64_t config_axis, layer.config().Int("axis", -1));
  ASSIGN_OR_RETURN(const int axis, AxisOf(config_axis, rank));
  ASSIGN_OR_RETURN(const int64_t channels, layer.Dim(x, axis));
  ASSIGN_OR_RETURN(int64_t groups, layer.config().Int("groups", 32));
  if (groups == -1) groups = channels;
  if (axis == 0 || groups < 1 || channels % groups != 0) {
    return InvalidArgument("axis ", axis, " with ", channels, " channels has no ", groups, " groups");
  }
  std::vector<int64_t> grouped, broadcast, reduced;
  for (int i = 0; i < rank; ++i) {
    if (i == axis) grouped.push_back(groups);
    grouped.push_back(i == axis ? channels / groups : layer.shape(x).dim(i));
  }
  for (int i = 1; i <= rank; ++i) {
    if (i != axis) reduced.push_back(i);
  }
  broadcast.assign(grouped.size(), 1);
  broadcast[static_cast<size_t>(axis)] = groups;
  broadcast[static_cast<size_t>(axis) + 1] = channels / groups;

  Normalized norm;
  ASSIGN_OR_RETURN(norm.epsilon, layer.config().Number("epsilon", 1e-3));
  RETURN_IF_ERROR(ReadScaleAndCenter(layer, {channels}, broadcast, norm));
  ASSIGN_OR_RETURN(const Value opened, ReshapedTo(layer, x, grouped));
  ASSIGN_OR_RETURN(const Moments moments, MomentsOver(layer, opened, reduced));
  norm.mean = moments.mean;
  norm.variance = moments.variance;
  ASSIGN_OR_RETURN(const Value normal, NormalizedBy(layer, opened, norm));
  return One(ReshapedTo(layer, normal, layer.shape(x).dims()));
}

StatusOr<Values> BuildUnitNormalization(LayerContext& layer) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> axes, layer.config().Ints("axis", std::vector<int64_t>{-1}));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  ASSIGN_OR_RETURN(const std::vector<int64_t> sorted, AxesOf(axes, rank));
  return One(UnitLength(layer, layer.input(), sorted));
}

}  // namespace

std::vector<LayerRow> FeatureNormLayers() {
  return {
      {.class_name = "LayerNormalization", .build = BuildLayerNormalization},
      {.class_name = "RMSNormalization", .build = BuildRmsNormalization},
      {.class_name = "GroupNormalization", .build = BuildGroupNormalization},
      {.class_name = "UnitNormalization", .build = BuildUnitNormalization},
  };
}

}  // namespace permafrost::keras
