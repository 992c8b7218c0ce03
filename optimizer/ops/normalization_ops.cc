#include <algorithm>
#include <cmath>

#include "optimizer/ops/families.h"
#include "optimizer/ops/floating_kernel.h"
#include "optimizer/ops/op.h"
#include "optimizer/ops/window.h"

namespace permafrost {
namespace {

// Where the channels of a tensor of any rank are: element [outer, channel, inner].
struct ChannelView {
  int64_t outer = 1, channels = 1, inner = 1;
};

// Channels are the last axis, or the second when data_format starts with "NC".
StatusOr<int> ChannelAxis(const Node& node, int rank) {
  ASSIGN_OR_RETURN(const std::string format, AttrAs<std::string>(node, "data_format", "NHWC"));
  const bool first = format == "NCHW" || format == "NCDHW";
  if (!first && format != "NHWC" && format != "NDHWC") {
    return InvalidArgument("data_format is '", format, "', expected NHWC, NCHW, NDHWC or NCDHW");
  }
  if (rank < (first ? 3 : 2)) return InvalidArgument("the input has rank ", rank, ", too little for ", format);
  return first ? 1 : rank - 1;
}

StatusOr<ChannelView> ViewOf(const Node& node, const Tensor& x) {
  ASSIGN_OR_RETURN(const int axis, ChannelAxis(node, x.rank()));
  const auto at = x.dims().begin() + axis;
  ChannelView view;
  view.channels = *at;
  if (x.elements() == 0) {  // the other products may overflow
    view.outer = 0;
    return view;
  }
  view.outer = CheckedElements(std::vector<int64_t>(x.dims().begin(), at));
  view.inner = CheckedElements(std::vector<int64_t>(at + 1, x.dims().end()));
  return view;
}

// f(element, channel) for all elements in order.
template <class F>
void ForEachElement(const ChannelView& view, F&& f) {
  int64_t i = 0;
  for (int64_t outer = 0; outer < view.outer; ++outer) {
    for (int64_t c = 0; c < view.channels; ++c) {
      for (int64_t inner = 0; inner < view.inner; ++inner) f(i++, c);
    }
  }
}

Status CheckVector(const Tensor& vector, int64_t channels, std::string_view what) {
  if (vector.rank() == 1 && vector.elements() == channels) return OkStatus();
  return InvalidArgument(what, " has shape ", vector.shape().ToString(), ", expected [", channels, "]");
}

// `shape` with its channels completed from vectors of one element per channel.
Status MergeChannels(const InferContext& context, int first, int end, Shape& shape) {
  if (!shape.has_rank()) return OkStatus();
  ASSIGN_OR_RETURN(const int axis, ChannelAxis(context.node(), shape.rank()));
  for (int i = first; i < end; ++i) {
    RETURN_IF_ERROR(CheckRank(context.shape(i), 1, "a vector of channels"));
    const int64_t count = context.shape(i).dim(0);
    if (count < 0) continue;
    if (shape.dim(axis) < 0) shape.set_dim(axis, count);
    if (shape.dim(axis) != count) {
      return InvalidArgument("input ", i, " is for ", count, " channels, expected ", shape.dim(axis));
    }
  }
  return OkStatus();
}

Status InferBiasAdd(const InferContext& context, std::vector<ValueType>& outputs) {
  Shape shape = context.shape(0);
  RETURN_IF_ERROR(MergeChannels(context, 1, 2, shape));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

struct BiasAddKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    ASSIGN_OR_RETURN(const ChannelView view, ViewOf(node, inputs[0]));
    if (inputs[1].dtype() != inputs[0].dtype()) return InvalidArgument("the bias is ", NameOf(inputs[1].dtype()));
    RETURN_IF_ERROR(CheckVector(inputs[1], view.channels, "the bias"));
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(inputs[0].dims()));
    const T *x = inputs[0].data<T>(), *bias = inputs[1].data<T>();
    T* to = y.data();
    ForEachElement(view, [&](int64_t i, int64_t c) { to[i] = x[i] + bias[c]; });
    return Tensors{std::move(y).Take()};
  }
};

int BatchNormRank(const Node& node, const Shape& x) { return node.op == "FusedBatchNormV3" && x.IsRank(5) ? 5 : 4; }

Status InferFusedBatchNorm(const InferContext& context, std::vector<ValueType>& outputs) {
  Shape shape = context.shape(0);
  RETURN_IF_ERROR(CheckRank(shape, BatchNormRank(context.node(), shape), "the input"));
  ASSIGN_OR_RETURN(const bool training, AttrAs<bool>(context.node(), "is_training", true));
  // In training mean and variance may be empty.
  RETURN_IF_ERROR(MergeChannels(context, 1, training ? 3 : 5, shape));
  int64_t channels = kUnknownDim;
  if (shape.has_rank()) {
    ASSIGN_OR_RETURN(const int axis, ChannelAxis(context.node(), shape.rank()));
    channels = shape.dim(axis);
  }
  const ValueType statistic = {context.dtype(1), Shape({channels}), std::nullopt};
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}, statistic, statistic, statistic, statistic};
  if (context.node().op == "FusedBatchNormV3") outputs.push_back({context.dtype(1), Shape(), std::nullopt});
  return OkStatus();
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + offset, per channel, on float32 statistics.
StatusOr<Tensors> FusedBatchNormKernel(const Node& node, const Tensors& inputs) {
  const DType dtype = inputs[0].dtype();
  if (dtype != DType::kFloat32 && dtype != DType::kHalf && dtype != DType::kBFloat16) {
    return InvalidArgument("the input is ", NameOf(dtype), ", expected float32, half or bfloat16");
  }
  for (size_t i = 1; i < 5; ++i) {
    if (inputs[i].dtype() != DType::kFloat32) {
      return InvalidArgument("input ", i, " is ", NameOf(inputs[i].dtype()), ", expected float32");
    }
  }
  RETURN_IF_ERROR(CheckRank(inputs[0].shape(), BatchNormRank(node, inputs[0].shape()), "the input"));
  ASSIGN_OR_RETURN(const bool training, AttrAs<bool>(node, "is_training", true));
  ASSIGN_OR_RETURN(const float epsilon, AttrAs<float>(node, "epsilon", 0.0001F));
  ASSIGN_OR_RETURN(const float factor, AttrAs<float>(node, "exponential_avg_factor", 1.0F));
  ASSIGN_OR_RETURN(const ChannelView view, ViewOf(node, inputs[0]));
  const bool need_statistics = !training || factor != 1.0F;
  for (size_t i = 1; i < (need_statistics ? 5U : 3U); ++i) {
    RETURN_IF_ERROR(CheckVector(inputs[i], view.channels, "a vector of channels"));
  }
  const Tensor wide = inputs[0].Cast(DType::kFloat32).Dense();
  const float *x = wide.data<float>(), *scale = inputs[1].data<float>(), *offset = inputs[2].data<float>();
  ASSIGN_OR_RETURN(Result<float> y, Result<float>::Make(wide.dims()));
  const auto channels = static_cast<size_t>(view.channels);
  std::vector<float> mean(channels), variance(channels);  // what normalises
  if (training) {
    const int64_t count = view.outer * view.inner;
    std::vector<double> sum(channels), squares(channels);
    ForEachElement(view, [&](int64_t i, int64_t c) { sum[static_cast<size_t>(c)] += x[i]; });
    ForEachElement(view, [&](int64_t i, int64_t c) {
      const double centred = x[i] - sum[static_cast<size_t>(c)] / static_cast<double>(count);
      squares[static_cast<size_t>(c)] += centred * centred;
    });
    for (size_t c = 0; c < channels; ++c) {
      mean[c] = static_cast<float>(sum[c] / static_cast<double>(count));
      variance[c] = static_cast<float>(squares[c] / static_cast<double>(count));
    }
  } else {
    mean.assign(inputs[3].data<float>(), inputs[3].data<float>() + channels);
    variance.assign(inputs[4].data<float>(), inputs[4].data<float>() + channels);
  }
  std::vector<float> factors(channels);
  for (size_t c = 0; c < channels; ++c) factors[c] = scale[c] / std::sqrt(variance[c] + epsilon);
  float* to = y.data();
  ForEachElement(view, [&](int64_t i, int64_t c) {
    const auto at = static_cast<size_t>(c);
    to[i] = (x[i] - mean[at]) * factors[at] + offset[c];
  });
  Tensors outputs = {std::move(y).Take().Cast(dtype).Dense()};
  // The moving statistics: the unbiased variance of the batch, blended into what was.
  std::vector<float> moving_mean = mean, moving_variance = variance;
  if (training) {
    const auto count = static_cast<float>(view.outer * view.inner);
    for (size_t c = 0; c < channels; ++c) moving_variance[c] *= count / std::max(count - 1.0F, 1.0F);
    for (size_t c = 0; factor != 1.0F && c < channels; ++c) {
      moving_mean[c] = (1.0F - factor) * inputs[3].data<float>()[c] + factor * moving_mean[c];
      moving_variance[c] = (1.0F - factor) * inputs[4].data<float>()[c] + factor * moving_variance[c];
    }
  }
  outputs.push_back(Tensor::Vector(moving_mean));
  outputs.push_back(Tensor::Vector(moving_variance));
  outputs.push_back(Tensor::Vector(mean));
  outputs.push_back(Tensor::Vector(variance));
  if (node.op == "FusedBatchNormV3") outputs.push_back(Tensor::Vector(std::vector<float>()));
  return outputs;
}

Status InferBatchNorm(const InferContext& context, std::vector<ValueType>& outputs) {
  Shape shape = context.shape(0);
  RETURN_IF_ERROR(CheckRank(shape, 4, "the input"));
  RETURN_IF_ERROR(MergeChannels(context, 1, 5, shape));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

struct BatchNormKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the input"));
    ASSIGN_OR_RETURN(const float epsilon, AttrAs<float>(node, "variance_epsilon", 0.0F));
    ASSIGN_OR_RETURN(const bool with_gamma, AttrAs<bool>(node, "scale_after_normalization", true));
    const int64_t channels = inputs[0].dims()[3];
    for (size_t i = 1; i < 5; ++i) {
      if (inputs[i].dtype() != inputs[0].dtype())
        return InvalidArgument("input ", i, " has another dtype than the data");
      RETURN_IF_ERROR(CheckVector(inputs[i], channels, "a vector of channels"));
    }
    const T *x = inputs[0].data<T>(), *mean = inputs[1].data<T>(), *variance = inputs[2].data<T>();
    const T *beta = inputs[3].data<T>(), *gamma = inputs[4].data<T>();
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(inputs[0].dims()));
    std::vector<T> factors;
    for (int64_t c = 0; y.elements() > 0 && c < channels; ++c) {
      factors.push_back((with_gamma ? gamma[c] : T{1}) / std::sqrt(variance[c] + static_cast<T>(epsilon)));
    }
    for (int64_t i = 0; i < y.elements(); ++i) {
      const int64_t c = i % channels;
      y.data()[i] = (x[i] - mean[c]) * factors[static_cast<size_t>(c)] + beta[c];
    }
    return Tensors{std::move(y).Take()};
  }
};

Status InferLrn(const InferContext& context, std::vector<ValueType>& outputs) {
  RETURN_IF_ERROR(CheckRank(context.shape(0), 4, "the input"));
  outputs = {{context.dtype(0), context.shape(0), std::nullopt}};
  return OkStatus();
}

// y[c] = x[c] / (bias + alpha * sum of x[c - radius .. c + radius]^2)^beta
struct LrnKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the input"));
    ASSIGN_OR_RETURN(const int64_t radius, AttrAs<int64_t>(node, "depth_radius", 5));
    ASSIGN_OR_RETURN(const float bias, AttrAs<float>(node, "bias", 1.0F));
    ASSIGN_OR_RETURN(const float alpha, AttrAs<float>(node, "alpha", 1.0F));
    ASSIGN_OR_RETURN(const float beta, AttrAs<float>(node, "beta", 0.5F));
    const int64_t channels = inputs[0].dims()[3];
    if (radius < 0) return InvalidArgument("depth_radius is ", radius);
    const int64_t reach = std::min(radius, channels);
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(inputs[0].dims()));
    const T* x = inputs[0].data<T>();
    for (int64_t i = 0; i < y.elements(); ++i) {
      const int64_t c = i % channels;
      double squares = 0;
      for (int64_t k = std::max<int64_t>(0, c - reach); k <= std::min(channels - 1, c + reach); ++k) {
        squares += static_cast<double>(x[i - c + k]) * static_cast<double>(x[i - c + k]);
      }
      y.data()[i] = static_cast<T>(static_cast<double>(x[i]) / std::pow(bias + alpha * squares, beta));
    }
    return Tensors{std::move(y).Take()};
  }
};

}  // namespace

std::vector<OpDef> NormalizationOps() {
  const std::vector<std::string_view> statistics = {"y", "batch_mean", "batch_variance", "reserve_space_1",
                                                    "reserve_space_2"};
  std::vector<std::string_view> statistics_v3 = statistics;
  statistics_v3.push_back("reserve_space_3");
  std::vector<AttrSpec> fused = {TypeOfInput("T"), Default("epsilon", 0.0001F), Default("exponential_avg_factor", 1.0F),
                                 Default("data_format", std::string("NHWC")), Default("is_training", true)};
  std::vector<AttrSpec> fused_v2 = fused;
  fused_v2.push_back(TypeOfInput("U", 1));
  return {
      {.name = "BiasAdd",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("T"), Default("data_format", std::string("NHWC"))},
       .infer = InferBiasAdd,
       .kernel = RunFloating<BiasAddKernel>,
       .output_names = {"output"}},
      {.name = "BiasAddV1",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("T")},
       .infer = InferBiasAdd,
       .kernel = RunFloating<BiasAddKernel>,
       .output_names = {"output"}},
      {.name = "FusedBatchNorm",
       .min_inputs = 5,
       .max_inputs = 5,
       .attrs = fused,
       .infer = InferFusedBatchNorm,
       .kernel = FusedBatchNormKernel,
       .output_names = statistics},
      {.name = "FusedBatchNormV2",
       .min_inputs = 5,
       .max_inputs = 5,
       .attrs = fused_v2,
       .infer = InferFusedBatchNorm,
       .kernel = FusedBatchNormKernel,
       .output_names = statistics},
      {.name = "FusedBatchNormV3",
       .min_inputs = 5,
       .max_inputs = 5,
       .attrs = fused_v2,
       .infer = InferFusedBatchNorm,
       .kernel = FusedBatchNormKernel,
       .output_names = statistics_v3},
      {.name = "BatchNormWithGlobalNormalization",
       .min_inputs = 5,
       .max_inputs = 5,
       .attrs = {TypeOfInput("T"), Required("variance_epsilon"), Required("scale_after_normalization")},
       .infer = InferBatchNorm,
       .kernel = RunFloating<BatchNormKernel>,
       .output_names = {"result"}},
      {.name = "LRN",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = {TypeOfInput("T"), Default("depth_radius", int64_t{5}), Default("bias", 1.0F), Default("alpha", 1.0F),
                 Default("beta", 0.5F)},
       .infer = InferLrn,
       .kernel = RunFloating<LrnKernel>,
       .output_names = {"output"}},
  };
}

}  // namespace permafrost
