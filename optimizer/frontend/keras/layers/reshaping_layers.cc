#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/spatial.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Sizes = std::vector<int64_t>;

template <int kAxes>
StatusOr<Values> BuildZeroPadding(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, kAxes));
  ASSIGN_OR_RETURN(const auto pairs, ReadPairs(layer, "padding", kAxes));
  std::vector<int32_t> pads(2 * (kAxes + 2), 0);
  for (int i = 0; i < kAxes; ++i) {
    const auto at = static_cast<size_t>(2 * spatial.Axis(i));
    pads[at] = static_cast<int32_t>(pairs[static_cast<size_t>(i)].first);
    pads[at + 1] = static_cast<int32_t>(pairs[static_cast<size_t>(i)].second);
  }
  const Tensor paddings = Tensor::Vector(pads).Reshaped({kAxes + 2, 2});
  return One(layer.Emit("Pad", {layer.input(), layer.Const("Pad/paddings", paddings)}));
}

template <int kAxes>
StatusOr<Values> BuildCropping(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, kAxes));
  ASSIGN_OR_RETURN(const auto pairs, ReadPairs(layer, "cropping", kAxes));
  Sizes begin(kAxes + 2, 0), end(kAxes + 2, 0);
  int64_t to_the_end = (1 << (kAxes + 2)) - 1;
  for (int i = 0; i < kAxes; ++i) {
    const int axis = spatial.Axis(i);
    const auto [before, after] = pairs[static_cast<size_t>(i)];
    const int64_t dim = layer.shape(layer.input()).dim(axis);
    if (dim >= 0 && before + after >= dim) return InvalidArgument("crops ", before, " + ", after, " of ", dim);
    begin[static_cast<size_t>(axis)] = before;
    end[static_cast<size_t>(axis)] = -after;
    if (after > 0) to_the_end &= ~(int64_t{1} << axis);
  }
  return One(layer.Emit(
      "StridedSlice",
      {layer.input(), layer.Ints("begin", begin), layer.Ints("end", end), layer.Ints("strides", Sizes(kAxes + 2, 1))},
      {{"end_mask", to_the_end}}, "strided_slice"));
}

StatusOr<Value> ResizeTo(LayerContext& layer, std::string_view op, Value image, Value height, Value width) {
  ASSIGN_OR_RETURN(const Value size, layer.Emit("Pack", {height, width}, {{"axis", int64_t{0}}}, "resize/size"));
  return layer.Emit(op, {image, size}, {{"align_corners", false}, {"half_pixel_centers", true}});
}

StatusOr<Values> BuildUpSampling1D(LayerContext& layer) {
  ASSIGN_OR_RETURN(const auto factor, layer.config().Repeated("size", 1, 1, 2));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  if (rank != 3) return InvalidArgument("is called on ", layer.shape(layer.input()).ToString(), ", expected 3 dims");
  ASSIGN_OR_RETURN(const Value length, SizeOfAxis(layer, layer.input(), 1, factor[0]));
  const Value axis = layer.Const("ExpandDims/dim", Tensor::Scalar<int32_t>(2));
  ASSIGN_OR_RETURN(const Value image, layer.Emit("ExpandDims", {layer.input(), axis}));
  const Value one = layer.Const("width", Tensor::Scalar<int32_t>(1));
  ASSIGN_OR_RETURN(const Value resized, ResizeTo(layer, "ResizeNearestNeighbor", image, length, one));
  return One(layer.Emit("Squeeze", {resized}, {{"squeeze_dims", Sizes{2}}}));
}

// "" for the rare ones.
std::string_view ResizeOp(std::string_view interpolation) {
  if (interpolation == "nearest") return "ResizeNearestNeighbor";
  if (interpolation == "bilinear") return "ResizeBilinear";
  if (interpolation == "bicubic") return "ResizeBicubic";
  return "";
}

StatusOr<Values> BuildUpSampling2D(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, 2));
  ASSIGN_OR_RETURN(const auto factors, layer.config().Repeated("size", 2, 1, 2));
  ASSIGN_OR_RETURN(const std::string interpolation, layer.config().String("interpolation", "nearest"));
  const std::string_view op = ResizeOp(interpolation);
  Value image = layer.input();
  if (spatial.channels_first()) {
    ASSIGN_OR_RETURN(image, ChannelsLast(layer, image));
  }
  if (op.empty()) {
    ASSIGN_OR_RETURN(const int64_t height, layer.Dim(image, 1));
    ASSIGN_OR_RETURN(const int64_t width, layer.Dim(image, 2));
    if (std::max(height, width) > INT32_MAX) return InvalidArgument("its output is too large");
    ASSIGN_OR_RETURN(image, ResizedTo(layer, image, height * factors[0], width * factors[1], {interpolation}));
  } else {
    ASSIGN_OR_RETURN(const Value height, SizeOfAxis(layer, image, 1, factors[0]));
    ASSIGN_OR_RETURN(const Value width, SizeOfAxis(layer, image, 2, factors[1]));
    ASSIGN_OR_RETURN(image, ResizeTo(layer, op, image, height, width));
  }
  if (!spatial.channels_first()) return One(image);
  return One(ChannelsFirst(layer, image));
}

// Height and width first, with depth as part of the batch; then depth, with the rest as one row of channels.
StatusOr<Values> BuildUpSampling3D(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Spatial spatial, Spatial::Of(layer, 3));
  ASSIGN_OR_RETURN(const auto factors, layer.config().Repeated("size", 3, 1, 2));
  Value volume = layer.input();
  if (spatial.channels_first()) {
    ASSIGN_OR_RETURN(volume, ChannelsLast(layer, volume));
  }
  Sizes dims;
  for (int axis = 1; axis <= 4; ++axis) {
    ASSIGN_OR_RETURN(const int64_t dim, layer.Dim(volume, axis));
    dims.push_back(dim);
  }
  const int64_t depth = dims[0], channels = dims[3], most = INT32_MAX;
  Sizes grown;
  for (size_t i = 0; i < 3; ++i) {
    if (dims[i] > most / factors[i]) return InvalidArgument("its output is too large");
    grown.push_back(dims[i] * factors[i]);
  }
  const int64_t row = CheckedElements({grown[1], grown[2], channels});
  if (row < 0 || row > most) return InvalidArgument("its output is too large");
  const auto size = [&](int64_t number) { return layer.Const("size", Tensor::Scalar(static_cast<int32_t>(number))); };
  const auto reshape = [&](Value value, const Sizes& to) {
    return layer.Emit("Reshape", {value, layer.Ints("Reshape/shape", to)});
  };
  ASSIGN_OR_RETURN(volume, reshape(volume, {-1, dims[1], dims[2], channels}));
  ASSIGN_OR_RETURN(volume, ResizeTo(layer, "ResizeNearestNeighbor", volume, size(grown[1]), size(grown[2])));
  ASSIGN_OR_RETURN(volume, reshape(volume, {-1, depth, 1, row}));
  ASSIGN_OR_RETURN(volume, ResizeTo(layer, "ResizeNearestNeighbor", volume, size(grown[0]), size(1)));
  ASSIGN_OR_RETURN(volume, reshape(volume, {-1, grown[0], grown[1], grown[2], channels}));
  if (!spatial.channels_first()) return One(volume);
  return One(ChannelsFirst(layer, volume));
}

StatusOr<Values> BuildFlatten(LayerContext& layer) {
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  ASSIGN_OR_RETURN(const std::string format, layer.config().String("data_format", "channels_last"));
  Value value = layer.input();
  if (format == "channels_first" && rank > 2) {
    ASSIGN_OR_RETURN(value, ChannelsLast(layer, value));
  }
  return One(ReshapeTail(layer, value, {-1}));
}

StatusOr<Values> BuildReshape(LayerContext& layer) {
  ASSIGN_OR_RETURN(const auto target, layer.config().Ints("target_shape"));
  int open = 0;
  for (const int64_t dim : target) {
    if (dim < -1 || dim > INT32_MAX) return InvalidArgument("'target_shape' holds ", dim);
    open += dim == -1 ? 1 : 0;
  }
  if (open > 1) return InvalidArgument("'target_shape' leaves more than one dim open");
  return One(ReshapeTail(layer, layer.input(), target));
}

StatusOr<Values> BuildPermute(LayerContext& layer) {
  ASSIGN_OR_RETURN(auto order, layer.config().Ints("dims"));
  order.insert(order.begin(), 0);
  return One(TransposeTo(layer, layer.input(), order));
}

StatusOr<Values> BuildRepeatVector(LayerContext& layer) {
  ASSIGN_OR_RETURN(const auto count, layer.config().Repeated("n", 1, 1));
  const Value axis = layer.Const("ExpandDims/dim", Tensor::Scalar<int32_t>(1));
  ASSIGN_OR_RETURN(const Value row, layer.Emit("ExpandDims", {layer.input(), axis}));
  return One(layer.Emit("Tile", {row, layer.Ints("Tile/multiples", {1, count[0], 1})}));
}

// Steps in which all features are `mask_value` become zero, and carry a mask from here on.
StatusOr<Values> BuildMasking(LayerContext& layer) {
  ASSIGN_OR_RETURN(const double mask_value, layer.config().Number("mask_value", 0));
  ASSIGN_OR_RETURN(const Value differs, WithNumber(layer, "NotEqual", layer.input(), mask_value));
  ASSIGN_OR_RETURN(const Value any,
                   layer.Emit("Any", {differs, layer.Ints("Any/reduction_indices", {-1})}, {{"keep_dims", true}}));
  ASSIGN_OR_RETURN(const Value kept, layer.Emit("Cast", {any}, {{"DstT", layer.dtype(layer.input())}}));
  ASSIGN_OR_RETURN(const Value output, layer.Emit("Mul", {layer.input(), kept}));
  layer.MarkMasked(output);
  return One(output);
}

}  // namespace

std::vector<LayerRow> ReshapingLayers() {
  constexpr MaskUse kStops = MaskUse::kStops;
  return {
      {.class_name = "ZeroPadding1D", .build = BuildZeroPadding<1>, .mask = kStops},
      {.class_name = "ZeroPadding2D", .build = BuildZeroPadding<2>, .mask = kStops},
      {.class_name = "ZeroPadding3D", .build = BuildZeroPadding<3>, .mask = kStops},
      {.class_name = "Cropping1D", .build = BuildCropping<1>, .mask = kStops},
      {.class_name = "Cropping2D", .build = BuildCropping<2>, .mask = kStops},
      {.class_name = "Cropping3D", .build = BuildCropping<3>, .mask = kStops},
      {.class_name = "UpSampling1D", .build = BuildUpSampling1D, .mask = kStops},
      {.class_name = "UpSampling2D", .build = BuildUpSampling2D, .mask = kStops},
      {.class_name = "UpSampling3D", .build = BuildUpSampling3D, .mask = kStops},
      {.class_name = "Flatten", .build = BuildFlatten, .mask = kStops},
      {.class_name = "Reshape", .build = BuildReshape, .mask = kStops},
      {.class_name = "Permute", .build = BuildPermute, .mask = kStops},
      {.class_name = "RepeatVector", .build = BuildRepeatVector, .mask = kStops},
      {.class_name = "Masking", .build = BuildMasking},
  };
}

}  // namespace permafrost::keras
