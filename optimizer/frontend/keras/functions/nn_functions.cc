#include <algorithm>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/functions/function.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Result = StatusOr<Values>;

const Parameter kX{0, {"features", "x", "logits", "input", "inputs", "value"}};
const Parameter kAlpha{1, {"alpha", "negative_slope"}};

// ---- Activations ----

Result Activation(FunctionCall& call, std::string_view name) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  return One(ActivateByName(call.layer(), name, x));
}

// Activations that Keras 3 gives a number which changes them: only the usual one is written out.
struct Usual {
  std::string_view name, parameter;
  double value;
};
constexpr Usual kUsual[] = {{"soft_shrink", "threshold", 0.5},
                            {"hard_shrink", "threshold", 0.5},
                            {"celu", "alpha", 1},
                            {"glu", "axis", -1},
                            {"squareplus", "b", 4}};
Result UsualActivation(FunctionCall& call, std::string_view name) {
  for (const Usual& usual : kUsual) {
    if (usual.name != name) continue;
    ASSIGN_OR_RETURN(const double value, call.Number({1, {usual.parameter}}, usual.value));
    if (value != usual.value) return Unsupported("its ", usual.parameter, " is ", value, ", expected ", usual.value);
  }
  return Activation(call, name);
}

Result LeakyRelu(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const double alpha, call.Number(kAlpha, 0.2));
  return One(ReluOf(call.layer(), x, alpha, std::nullopt, 0));
}

Result Elu(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const double alpha, call.Number(kAlpha, 1.0));
  return One(EluOf(call.layer(), x, alpha));
}

Result Gelu(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const bool approximate, call.Bool({1, {"approximate"}}, call.keras3()));
  return One(GeluOf(call.layer(), x, approximate));
}

Result Silu(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const double beta, call.Number({1, {"beta"}}, 1.0));
  if (beta == 1) return One(ActivateByName(call.layer(), "silu", x));
  ASSIGN_OR_RETURN(const Value scaled, WithNumber(call.layer(), "Mul", x, beta));
  ASSIGN_OR_RETURN(const Value gate, call.layer().Emit("Sigmoid", {scaled}));
  return One(call.layer().Emit("Mul", {x, gate}));
}

Result Softmax(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const int rank, call.layer().Rank(x));
  ASSIGN_OR_RETURN(const std::vector<int64_t> axes, call.Ints({1, {"axis", "dim"}}, std::vector<int64_t>{-1}));
  ASSIGN_OR_RETURN(const std::vector<int64_t> sorted, AxesOf(axes, rank));
  if (sorted.size() == 1) return One(SoftmaxOf(call.layer(), x, sorted[0], op));
  if (op != "Softmax") return Unsupported("a log_softmax over ", sorted.size(), " axes");
  return One(SoftmaxOver(call.layer(), x, sorted));
}

// relu of x and of -x, side by side.
Result Crelu(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const int64_t axis, call.Int({-1, {"axis"}}, -1));
  ASSIGN_OR_RETURN(const Value minus, call.layer().Emit("Neg", {x}));
  ASSIGN_OR_RETURN(const Value both, ConcatenatedAt(call.layer(), {x, minus}, axis));
  return One(call.layer().Emit("Relu", {both}));
}

// x above the threshold, another number elsewhere.
Result Threshold(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const double threshold, call.Number({1, {"threshold"}}));
  ASSIGN_OR_RETURN(const double fallback, call.Number({2, {"default_value"}}));
  ASSIGN_OR_RETURN(const Value test, WithNumber(layer, "Greater", x, threshold));
  ASSIGN_OR_RETURN(const Value other, layer.Scalar("default_value", fallback, x));
  return One(layer.Emit("SelectV2", {test, x, other}));
}

// ---- Windows ----

// A number for every axis of NHWC or NDHWC, from one, one per spatial axis, or all of them.
StatusOr<std::vector<int64_t>> PerAxis(FunctionCall& call, const Parameter& parameter, int rank,
                                       std::optional<int64_t> fallback) {
  std::optional<std::vector<int64_t>> list;
  if (fallback) list = std::vector<int64_t>{*fallback};
  ASSIGN_OR_RETURN(std::vector<int64_t> values, call.Ints(parameter, list));
  const auto spatial = static_cast<size_t>(rank - 2);
  if (values.size() == 1) values.resize(spatial, values[0]);
  if (values.size() == spatial) {
    values.insert(values.begin(), 1);
    values.push_back(1);
  }
  if (values.size() != static_cast<size_t>(rank)) {
    return InvalidArgument("'", parameter.names[0], "' has ", values.size(), " numbers for a tensor of rank ", rank);
  }
  return values;
}

struct WindowCall {
  Value x{};
  int rank = 0;
  bool is_line = false;  // of rank 3: made an image of height 1
  AttrMap attrs;
};

StatusOr<WindowCall> ReadWindow(FunctionCall& call, const Parameter& strides, std::optional<int64_t> stride) {
  WindowCall window;
  ASSIGN_OR_RETURN(window.x, call.Tensor(kX));
  ASSIGN_OR_RETURN(window.rank, call.layer().Rank(window.x));
  if (window.rank < 3 || window.rank > 5) return InvalidArgument("is called on a tensor of rank ", window.rank);
  ASSIGN_OR_RETURN(const std::string format, call.String({-1, {"data_format"}}, ""));
  if (format == "channels_first" || format.starts_with("NC")) return Unsupported("its data_format is ", format);
  ASSIGN_OR_RETURN(std::vector<int64_t> steps, PerAxis(call, strides, window.rank, stride));
  if (window.rank == 3) {
    window.is_line = true;
    ASSIGN_OR_RETURN(window.x, ExpandedAt(call.layer(), window.x, 1));
    steps.insert(steps.begin() + 1, 1);
  }
  window.attrs["strides"] = steps;
  window.attrs["data_format"] = std::string(window.rank == 5 ? "NDHWC" : "NHWC");
  const Parameter padding{-1, {"padding"}};
  if (call.FindJson(padding).is_array()) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> pads, call.Ints(padding));
    if (window.rank != 4) return Unsupported("spelled-out paddings of a tensor of rank ", window.rank);
    window.attrs["padding"] = std::string("EXPLICIT");
    window.attrs["explicit_paddings"] = pads;
    return window;
  }
  ASSIGN_OR_RETURN(std::string name, call.String(padding, "VALID"));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  if (name != "SAME" && name != "VALID") return Unsupported("its padding is '", name, "'");
  window.attrs["padding"] = name;
  return window;
}

Result Finish(FunctionCall& call, const WindowCall& window, Value output) {
  if (!window.is_line) return Values{output};
  return One(SqueezedAt(call.layer(), output, {1}));
}

Result Convolution(FunctionCall& call, std::string_view op) {
  const Parameter strides{-1, {"strides", "stride"}}, dilations{-1, {"dilations", "dilation_rate", "rate"}};
  ASSIGN_OR_RETURN(WindowCall window, ReadWindow(call, strides, 1));
  ASSIGN_OR_RETURN(Value kernel, call.Tensor({1, {"filters", "filter", "kernel", "filter_input"}}, window.x));
  ASSIGN_OR_RETURN(std::vector<int64_t> dilation, PerAxis(call, dilations, window.rank, 1));
  if (window.is_line) {
    ASSIGN_OR_RETURN(kernel, ExpandedAt(call.layer(), kernel, 0));
    dilation.insert(dilation.begin() + 1, 1);
  }
  window.attrs["dilations"] = dilation;
  if (window.rank == 5) {
    if (op != "Conv2D") return Unsupported("a depthwise convolution of rank 5");
    op = "Conv3D";
  }
  ASSIGN_OR_RETURN(const Value output, call.layer().Emit(op, {window.x, kernel}, window.attrs));
  return Finish(call, window, output);
}

Result Pooling(FunctionCall& call, std::string_view op) {
  const Parameter size{1, {"ksize", "pool_size"}};
  const Parameter strides = call.Has({-1, {"strides"}}) ? Parameter{-1, {"strides"}} : size;  // Keras 3: as the window
  ASSIGN_OR_RETURN(WindowCall window, ReadWindow(call, strides, std::nullopt));
  ASSIGN_OR_RETURN(std::vector<int64_t> ksize, PerAxis(call, size, window.rank, std::nullopt));
  if (window.is_line) ksize.insert(ksize.begin() + 1, 1);
  window.attrs["ksize"] = ksize;
  const std::string name = StrCat(op, window.rank == 5 ? "3D" : "");
  ASSIGN_OR_RETURN(const Value output, call.layer().Emit(name, {window.x}, window.attrs));
  return Finish(call, window, output);
}

Result BiasAdd(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const Value bias, call.Tensor({1, {"bias"}}, x));
  ASSIGN_OR_RETURN(const std::string format, call.String({-1, {"data_format"}}, ""));
  if (format.starts_with("NC")) return Unsupported("its data_format is ", format);
  return One(call.layer().Emit("BiasAdd", {x, bias}));
}

Result Lrn(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const int64_t radius, call.Int({1, {"depth_radius"}}, 5));
  ASSIGN_OR_RETURN(const double bias, call.Number({2, {"bias"}}, 1.0));
  ASSIGN_OR_RETURN(const double alpha, call.Number({3, {"alpha"}}, 1.0));
  ASSIGN_OR_RETURN(const double beta, call.Number({4, {"beta"}}, 0.5));
  return One(call.layer().Emit("LRN", {x},
                               {{"depth_radius", radius},
                                {"bias", static_cast<float>(bias)},
                                {"alpha", static_cast<float>(alpha)},
                                {"beta", static_cast<float>(beta)}}));
}

Result Blocks(FunctionCall& call, std::string_view op) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  ASSIGN_OR_RETURN(const int64_t size, call.Int({1, {"block_size"}}));
  ASSIGN_OR_RETURN(const std::string format, call.String({-1, {"data_format"}}, "NHWC"));
  return One(call.layer().Emit(op, {x}, {{"block_size", size}, {"data_format", format}}));
}

Result BatchNormalization(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Value x, call.Tensor(kX));
  Normalized norm;
  const Parameter gamma{-1, {"scale", "gamma"}}, beta{-1, {"offset", "beta"}};
  ASSIGN_OR_RETURN(norm.mean, call.Tensor({1, {"mean"}}, x));
  ASSIGN_OR_RETURN(norm.variance, call.Tensor({2, {"variance"}}, x));
  ASSIGN_OR_RETURN(norm.epsilon, call.Number({-1, {"variance_epsilon", "epsilon"}}, 1e-3));
  if (call.keras3()) return Unsupported("keras.ops.batch_normalization is not known");
  if (call.Has(gamma)) {
    ASSIGN_OR_RETURN(norm.gamma, call.Tensor(gamma, x));
  }
  if (call.Has(beta)) {
    ASSIGN_OR_RETURN(norm.beta, call.Tensor(beta, x));
  }
  return One(NormalizedBy(call.layer(), x, norm));
}

}  // namespace

std::vector<FunctionRow> NnFunctions() {
  return {
      {"relu", "ops>Relu", Activation, "relu"},
      {"relu6", "ops>Relu6", Activation, "relu6"},
      {"selu", "ops>Selu", Activation, "selu"},
      {"sigmoid", "ops>Sigmoid", Activation, "sigmoid"},
      {"tanh", "ops>Tanh", Activation, "tanh"},
      {"softplus", "ops>Softplus", Activation, "softplus"},
      {"softsign", "ops>Softsign", Activation, "softsign"},
      {"log_sigmoid", "ops>LogSigmoid", Activation, "log_sigmoid"},
      {"hard_sigmoid", "ops>HardSigmoid", Activation, "hard_sigmoid"},
      {"", "ops>HardSilu", Activation, "hard_silu"},
      {"", "ops>HardTanh", Activation, "hard_tanh"},
      {"", "ops>TanhShrink", Activation, "tanh_shrink"},
      {"", "ops>SparsePlus", Activation, "sparse_plus"},
      {"", "ops>SparseSigmoid", Activation, "sparse_sigmoid"},
      {"mish", "ops>Mish", Activation, "mish"},
      {"", "ops>SoftShrink", UsualActivation, "soft_shrink"},
      {"", "ops>HardShrink", UsualActivation, "hard_shrink"},
      {"", "ops>Celu", UsualActivation, "celu"},
      {"", "ops>Glu", UsualActivation, "glu"},
      {"", "ops>Squareplus", UsualActivation, "squareplus"},
      {"leaky_relu", "ops>LeakyRelu", LeakyRelu},
      {"elu", "ops>Elu", Elu},
      {"gelu", "ops>Gelu", Gelu},
      {"silu", "ops>Silu", Silu},
      {"swish", "", Silu},
      {"softmax", "ops>Softmax", Softmax, "Softmax"},
      {"softmax_v2", "", Softmax, "Softmax"},
      {"log_softmax", "ops>LogSoftmax", Softmax, "LogSoftmax"},
      {"crelu", "", Crelu},
      {"", "ops>Threshold", Threshold},

      {"conv1d", "", Convolution, "Conv2D"},
      {"conv2d", "ops>Conv", Convolution, "Conv2D"},
      {"conv3d", "", Convolution, "Conv2D"},
      {"convolution", "", Convolution, "Conv2D"},
      {"depthwise_conv2d", "ops>DepthwiseConv", Convolution, "DepthwiseConv2dNative"},
      {"max_pool", "ops>MaxPool", Pooling, "MaxPool"},
      {"max_pool1d", "", Pooling, "MaxPool"},
      {"max_pool2d", "", Pooling, "MaxPool"},
      {"max_pool3d", "", Pooling, "MaxPool"},
      {"avg_pool", "ops>AveragePool", Pooling, "AvgPool"},
      {"avg_pool1d", "", Pooling, "AvgPool"},
      {"avg_pool2d", "", Pooling, "AvgPool"},
      {"avg_pool3d", "", Pooling, "AvgPool"},
      {"bias_add", "", BiasAdd},
      {"local_response_normalization", "", Lrn},
      {"lrn", "", Lrn},
      {"depth_to_space", "", Blocks, "DepthToSpace"},
      {"space_to_depth", "", Blocks, "SpaceToDepth"},
      {"batch_normalization", "", BatchNormalization},
  };
}

}  // namespace permafrost::keras
