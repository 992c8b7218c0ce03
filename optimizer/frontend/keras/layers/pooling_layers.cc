#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/spatial.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

constexpr int64_t kMaxWindows = 4096;  // written out one by one

template <int kAxes, bool kMax>
StatusOr<Values> Pool(LayerContext& layer, const Spatial& spatial, const std::vector<int64_t>& size,
                      const std::vector<int64_t>& strides, const std::string& padding) {
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
StatusOr<Values> BuildPool(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, kAxes));
  ASSIGN_OR_RETURN(const auto size, layer.config().Repeated("pool_size", kAxes, 1, 2));
  std::vector<int64_t> strides = size;
  if (layer.config().Has("strides")) {
    ASSIGN_OR_RETURN(strides, layer.config().Repeated("strides", kAxes, 1));
  }
  ASSIGN_OR_RETURN(const std::string padding, ReadPadding(layer));
  return Pool<kAxes, kMax>(layer, spatial, size, strides, padding);
}

// Window i of n goes from floor(i * size / n) to ceil((i + 1) * size / n). Equal windows are a plain pooling; others are
// cut out and reduced axis by axis.
template <int kAxes, bool kMax>
StatusOr<Values> BuildAdaptivePool(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, kAxes));
  ASSIGN_OR_RETURN(const auto counts, layer.config().Repeated("output_size", kAxes, 1));
  bool even = true;
  std::vector<int64_t> sizes, windows;
  for (int i = 0; i < kAxes; ++i) {
    const int64_t count = counts[static_cast<size_t>(i)];
    ASSIGN_OR_RETURN(const int64_t size, layer.Dim(layer.input(), spatial.Axis(i)));
    if (count > kMaxWindows) return Unsupported("has ", count, " windows along an axis; at most ", kMaxWindows);
    even = even && size > 0 && size % count == 0;
    sizes.push_back(size);
    windows.push_back(size / count);
  }
  if (even) return Pool<kAxes, kMax>(layer, spatial, windows, windows, "VALID");
  Value value = layer.input();
  for (int i = 0; i < kAxes; ++i) {
    const int64_t count = counts[static_cast<size_t>(i)], size = sizes[static_cast<size_t>(i)];
    std::vector<Value> parts;
    for (int64_t window = 0; window < count; ++window) {
      const int64_t begin = window * size / count, end = ((window + 1) * size + count - 1) / count;
      ASSIGN_OR_RETURN(const Value part, SlicedAt(layer, value, spatial.Axis(i), begin, end - begin));
      ASSIGN_OR_RETURN(parts.emplace_back(), Reduce(layer, kMax ? "Max" : "Mean", part, {spatial.Axis(i)}, true));
    }
    ASSIGN_OR_RETURN(value, ConcatenatedAt(layer, parts, spatial.Axis(i)));
  }
  return Values{value};
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
      {.class_name = "AdaptiveMaxPooling1D", .build = BuildAdaptivePool<1, true>, .mask = kStops},
      {.class_name = "AdaptiveMaxPooling2D", .build = BuildAdaptivePool<2, true>, .mask = kStops},
      {.class_name = "AdaptiveMaxPooling3D", .build = BuildAdaptivePool<3, true>, .mask = kStops},
      {.class_name = "AdaptiveAveragePooling1D", .build = BuildAdaptivePool<1, false>, .mask = kStops},
      {.class_name = "AdaptiveAveragePooling2D", .build = BuildAdaptivePool<2, false>, .mask = kStops},
      {.class_name = "AdaptiveAveragePooling3D", .build = BuildAdaptivePool<3, false>, .mask = kStops},
      {.class_name = "GlobalMaxPooling1D", .build = BuildGlobalPool<1, true>, .mask = kStops},
      {.class_name = "GlobalMaxPooling2D", .build = BuildGlobalPool<2, true>, .mask = kStops},
      {.class_name = "GlobalMaxPooling3D", .build = BuildGlobalPool<3, true>, .mask = kStops},
      {.class_name = "GlobalAveragePooling1D", .build = BuildGlobalPool<1, false>, .mask = MaskUse::kUses},
      {.class_name = "GlobalAveragePooling2D", .build = BuildGlobalPool<2, false>, .mask = kStops},
      {.class_name = "GlobalAveragePooling3D", .build = BuildGlobalPool<3, false>, .mask = kStops},
  };
}

}  // namespace permafrost::keras
