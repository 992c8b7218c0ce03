#include <algorithm>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/spatial.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Sizes = std::vector<int64_t>;

struct ConvConfig {
  Spatial spatial;
  Sizes kernel, strides, dilations;
  std::string padding;
  bool causal = false;
  bool use_bias = true;
  int64_t channels = 0;  // of the input

  AttrMap Attrs(int64_t stride_before = 1) const {
    return {{"strides", spatial.Attribute(strides, stride_before)},
            {"dilations", spatial.Attribute(dilations)},
            {"padding", padding},
            {"data_format", spatial.Format()}};
  }
};

StatusOr<ConvConfig> ReadConv(LayerContext& layer, int axes) {
  ConvConfig conv;
  ASSIGN_OR_RETURN(conv.spatial, Spatial::Of(layer, axes));
  const Config& config = layer.config();
  ASSIGN_OR_RETURN(conv.kernel, config.Repeated("kernel_size", axes, 1));
  ASSIGN_OR_RETURN(conv.strides, config.Repeated("strides", axes, 1, 1));
  ASSIGN_OR_RETURN(conv.dilations, config.Repeated("dilation_rate", axes, 1, 1));
  ASSIGN_OR_RETURN(conv.padding, ReadPadding(layer, axes == 1 ? &conv.causal : nullptr));
  ASSIGN_OR_RETURN(conv.use_bias, config.Bool("use_bias", true));
  ASSIGN_OR_RETURN(conv.channels, layer.Dim(layer.input(), conv.spatial.ChannelAxis()));
  return conv;
}

// Causal: the output at t sees the input up to t.
StatusOr<Value> PadCausal(LayerContext& layer, const ConvConfig& conv) {
  if (!conv.causal) return layer.input();
  Sizes pads(6, 0);
  pads[static_cast<size_t>(2 * conv.spatial.Axis(0))] = conv.dilations[0] * (conv.kernel[0] - 1);
  const Tensor flat = Tensor::Vector(std::vector<int32_t>(pads.begin(), pads.end()));
  return layer.Emit("Pad", {layer.input(), layer.Const("Pad/paddings", flat.Reshaped({3, 2}))});
}

StatusOr<Values> Finish(LayerContext& layer, const ConvConfig& conv, Value output, int64_t filters) {
  if (conv.use_bias) {
    ASSIGN_OR_RETURN(const Value bias, layer.Weight("bias", {filters}));
    ASSIGN_OR_RETURN(output, layer.Emit("BiasAdd", {output, bias}, {{"data_format", conv.spatial.BiasFormat()}}));
  }
  ASSIGN_OR_RETURN(output, conv.spatial.Close(layer, output));
  return One(Activate(layer, layer.config()["activation"], output));
}

// The weight of `size` and `channels`, seen as the op wants it.
StatusOr<Value> Kernel(LayerContext& layer, const ConvConfig& conv, std::string_view name, const Sizes& size,
                       std::initializer_list<int64_t> channels) {
  Sizes dims = size;
  dims.insert(dims.end(), channels);
  return layer.WeightAs(name, dims, conv.spatial.KernelDims(size, channels));
}

template <int kAxes>
StatusOr<Values> BuildConv(LayerContext& layer) {
  ASSIGN_OR_RETURN(const ConvConfig conv, ReadConv(layer, kAxes));
  ASSIGN_OR_RETURN(const int64_t filters, layer.config().Int("filters"));
  ASSIGN_OR_RETURN(const int64_t groups, layer.config().Int("groups", 1));
  if (groups < 1 || conv.channels % groups != 0) {
    return InvalidArgument("its ", conv.channels, " channels do not make ", groups, " groups");
  }
  ASSIGN_OR_RETURN(const Value kernel, Kernel(layer, conv, "kernel", conv.kernel, {conv.channels / groups, filters}));
  ASSIGN_OR_RETURN(Value input, PadCausal(layer, conv));
  ASSIGN_OR_RETURN(input, conv.spatial.Open(layer, input));
  ASSIGN_OR_RETURN(const Value output, layer.Emit(kAxes == 3 ? "Conv3D" : "Conv2D", {input, kernel}, conv.Attrs()));
  return Finish(layer, conv, output, filters);
}

// The output's size along one axis is input * stride + what this gives. With output_padding the versions of Keras differ
// for even kernels and SAME.
int64_t TransposedExtra(const ConvConfig& conv, size_t axis, std::optional<int64_t> output_padding, int keras_major) {
  const int64_t stride = conv.strides[axis], kernel = (conv.kernel[axis] - 1) * conv.dilations[axis] + 1;
  const bool same = conv.padding == "SAME";
  if (!output_padding) return same ? 0 : std::max<int64_t>(kernel - stride, 0);
  if (!same) return kernel - stride + *output_padding;
  return (keras_major < 3 ? kernel - 2 * (kernel / 2) : kernel % 2) - stride + *output_padding;
}

template <int kAxes>
StatusOr<Values> BuildConvTransposed(LayerContext& layer) {
  ASSIGN_OR_RETURN(const ConvConfig conv, ReadConv(layer, kAxes));
  ASSIGN_OR_RETURN(const int64_t filters, layer.config().Int("filters"));
  if (filters < 1 || filters > INT32_MAX) return InvalidArgument("'filters' is ", filters);
  Sizes paddings;
  if (layer.config().Has("output_padding")) {
    ASSIGN_OR_RETURN(paddings, layer.config().Repeated("output_padding", kAxes, 0));
  }
  ASSIGN_OR_RETURN(const Value kernel, Kernel(layer, conv, "kernel", conv.kernel, {filters, conv.channels}));
  ASSIGN_OR_RETURN(const Value batch, SizeOfAxis(layer, layer.input(), 0));
  Values sizes;
  if (kAxes == 1) sizes.push_back(layer.Const("size", Tensor::Scalar<int32_t>(1)));
  for (int i = 0; i < kAxes; ++i) {
    const auto axis = static_cast<size_t>(i);
    std::optional<int64_t> padding;
    if (!paddings.empty()) padding = paddings[axis];
    ASSIGN_OR_RETURN(const Value size, SizeOfAxis(layer, layer.input(), conv.spatial.Axis(i), conv.strides[axis],
                                                  TransposedExtra(conv, axis, padding, layer.keras_major())));
    sizes.push_back(size);
  }
  const Value depth = layer.Const("size", Tensor::Scalar(static_cast<int32_t>(filters)));
  sizes.insert(conv.spatial.channels_first() ? sizes.begin() : sizes.end(), depth);
  sizes.insert(sizes.begin(), batch);
  ASSIGN_OR_RETURN(const Value shape, layer.Emit("Pack", sizes, {{"axis", int64_t{0}}}, "output_shape"));
  ASSIGN_OR_RETURN(const Value input, conv.spatial.Open(layer, layer.input()));
  ASSIGN_OR_RETURN(const Value output,
                   layer.Emit(kAxes == 3 ? "Conv3DBackpropInputV2" : "Conv2DBackpropInput", {shape, kernel, input},
                              conv.Attrs(), "conv_transpose"));
  return Finish(layer, conv, output, filters);
}

StatusOr<Value> Depthwise(LayerContext& layer, const ConvConfig& conv, std::string_view weight, int64_t multiplier) {
  ASSIGN_OR_RETURN(const Value kernel, Kernel(layer, conv, weight, conv.kernel, {conv.channels, multiplier}));
  ASSIGN_OR_RETURN(Value input, PadCausal(layer, conv));
  ASSIGN_OR_RETURN(input, conv.spatial.Open(layer, input));
  // The op wants the same stride both ways; along an axis of size 1 it changes nothing.
  return layer.Emit("DepthwiseConv2dNative", {input, kernel}, conv.Attrs(conv.strides[0]), "depthwise");
}

StatusOr<int64_t> ReadMultiplier(LayerContext& layer, const ConvConfig& conv) {
  ASSIGN_OR_RETURN(const int64_t multiplier, layer.config().Int("depth_multiplier", 1));
  if (multiplier >= 1 && multiplier <= INT32_MAX && conv.channels <= INT32_MAX) return multiplier;
  return InvalidArgument("'depth_multiplier' is ", multiplier);
}

template <int kAxes>
StatusOr<Values> BuildDepthwise(LayerContext& layer) {
  ASSIGN_OR_RETURN(const ConvConfig conv, ReadConv(layer, kAxes));
  ASSIGN_OR_RETURN(const int64_t multiplier, ReadMultiplier(layer, conv));
  ASSIGN_OR_RETURN(const Value output, Depthwise(layer, conv, "depthwise_kernel", multiplier));
  return Finish(layer, conv, output, conv.channels * multiplier);
}

template <int kAxes>
StatusOr<Values> BuildSeparable(LayerContext& layer) {
  ASSIGN_OR_RETURN(const ConvConfig conv, ReadConv(layer, kAxes));
  ASSIGN_OR_RETURN(const int64_t multiplier, ReadMultiplier(layer, conv));
  ASSIGN_OR_RETURN(const int64_t filters, layer.config().Int("filters"));
  ASSIGN_OR_RETURN(const Value spread, Depthwise(layer, conv, "depthwise_kernel", multiplier));
  const Sizes ones(kAxes, 1);
  ASSIGN_OR_RETURN(const Value pointwise,
                   Kernel(layer, conv, "pointwise_kernel", ones, {conv.channels * multiplier, filters}));
  ASSIGN_OR_RETURN(const Value output, layer.Emit("Conv2D", {spread, pointwise},
                                                  {{"strides", Sizes(4, 1)},
                                                   {"dilations", Sizes(4, 1)},
                                                   {"padding", std::string("VALID")},
                                                   {"data_format", conv.spatial.Format()}}));
  return Finish(layer, conv, output, filters);
}

}  // namespace

std::vector<LayerRow> ConvolutionLayers() {
  constexpr MaskUse kStops = MaskUse::kStops;
  return {
      {.class_name = "Conv1D", .build = BuildConv<1>, .mask = kStops},
      {.class_name = "Conv2D", .build = BuildConv<2>, .mask = kStops},
      {.class_name = "Conv3D", .build = BuildConv<3>, .mask = kStops},
      {.class_name = "Convolution1D", .build = BuildConv<1>, .mask = kStops},
      {.class_name = "Convolution2D", .build = BuildConv<2>, .mask = kStops},
      {.class_name = "Convolution3D", .build = BuildConv<3>, .mask = kStops},
      {.class_name = "Conv1DTranspose", .build = BuildConvTransposed<1>, .mask = kStops},
      {.class_name = "Conv2DTranspose", .build = BuildConvTransposed<2>, .mask = kStops},
      {.class_name = "Conv3DTranspose", .build = BuildConvTransposed<3>, .mask = kStops},
      {.class_name = "DepthwiseConv1D", .build = BuildDepthwise<1>, .mask = kStops},
      {.class_name = "DepthwiseConv2D", .build = BuildDepthwise<2>, .mask = kStops},
      {.class_name = "SeparableConv1D", .build = BuildSeparable<1>, .mask = kStops},
      {.class_name = "SeparableConv2D", .build = BuildSeparable<2>, .mask = kStops},
      {.class_name = "SeparableConvolution2D", .build = BuildSeparable<2>, .mask = kStops},
  };
}

}  // namespace permafrost::keras
