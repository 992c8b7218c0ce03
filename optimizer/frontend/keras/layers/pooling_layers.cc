#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/spatial.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

template <int kAxes, bool kMax>
StatusOr<Values> BuildPool(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, kAxes));
  ASSIGN_OR_RETURN(const auto size, layer.config().Repeated("pool_size", kAxes, 1, 2));
  std::vector<int64_t> strides = size;
  if (layer.config().Has("strides")) {
    ASSIGN_OR_RETURN(strides, layer.config().Repeated("strides", kAxes, 1));
  }
  ASSIGN_OR_RETURN(const std::string padding, ReadPadding(layer));
  ASSIGN_OR_RETURN(Value value, spatial.Open(layer, layer.input()));
  const std::string_view op = kAxes == 3 ? (kMax ? "MaxPool3D" : "AvgPool3D") : (kMax ? "MaxPool" : "AvgPool");
  ASSIGN_OR_RETURN(value, layer.Emit(op, {value},
                                     {{"ksize", spatial.Attribute(size)},
                                      {"strides", spatial.Attribute(strides)},
                                      {"padding", padding},
                                      {"data_format", spatial.Format()}}));
  return One(spatial.Close(layer, value));
}

template <int kAxes, bool kMax>
StatusOr<Values> BuildGlobalPool(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, kAxes));
  ASSIGN_OR_RETURN(const bool keep, layer.config().Bool("keepdims", false));
  std::vector<int64_t> axes;
  for (int i = 0; i < kAxes; ++i) axes.push_back(spatial.Axis(i));
  const std::string op = kMax ? "Max" : "Mean";
  return One(layer.Emit(op, {layer.input(), layer.Ints(op + "/reduction_indices", axes)}, {{"keep_dims", keep}}));
}

}  // namespace

std::vector<LayerRow> PoolingLayers() {
  constexpr MaskUse kStops = MaskUse::kStops;
  return {
      {.class_name = "MaxPooling1D", .build = BuildPool<1, true>, .mask = kStops},
      {.class_name = "MaxPooling2D", .build = BuildPool<2, true>, .mask = kStops},
      {.class_name = "MaxPooling3D", .build = BuildPool<3, true>, .mask = kStops},
      {.class_name = "AveragePooling1D", .build = BuildPool<1, false>, .mask = kStops},
      {.class_name = "AveragePooling2D", .build = BuildPool<2, false>, .mask = kStops},
      {.class_name = "AveragePooling3D", .build = BuildPool<3, false>, .mask = kStops},
      {.class_name = "GlobalMaxPooling1D", .build = BuildGlobalPool<1, true>, .mask = kStops},
      {.class_name = "GlobalMaxPooling2D", .build = BuildGlobalPool<2, true>, .mask = kStops},
      {.class_name = "GlobalMaxPooling3D", .build = BuildGlobalPool<3, true>, .mask = kStops},
      {.class_name = "GlobalAveragePooling1D", .build = BuildGlobalPool<1, false>, .mask = MaskUse::kUses},
      {.class_name = "GlobalAveragePooling2D", .build = BuildGlobalPool<2, false>, .mask = kStops},
      {.class_name = "GlobalAveragePooling3D", .build = BuildGlobalPool<3, false>, .mask = kStops},
  };
}

}  // namespace permafrost::keras
