#include <algorithm>
#include <array>
#include <limits>

#include "optimizer/ops/families.h"
#include "optimizer/ops/floating_kernel.h"
#include "optimizer/ops/op.h"
#include "optimizer/ops/window.h"

namespace permafrost {
namespace {

struct Pooling {
  WindowAttrs attrs;
  std::vector<int64_t> ksize;  // one per spatial axis
};

StatusOr<Pooling> ReadPooling(const Node& node, int spatial) {
  Pooling pooling;
  ASSIGN_OR_RETURN(pooling.attrs, ReadWindowAttrs(node, spatial));
  ASSIGN_OR_RETURN(const auto ksize, AttrAs<std::vector<int64_t>>(node, "ksize", {}));
  ASSIGN_OR_RETURN(pooling.ksize, SpatialPart(pooling.attrs.layout, "ksize", ksize));
  for (size_t i = 0; i < pooling.attrs.pads.size(); ++i) {
    if (pooling.attrs.pads[i] >= pooling.ksize[i / 2]) {
      return InvalidArgument("explicit_paddings pads by ", pooling.attrs.pads[i], ", expected less than the window's ",
                             pooling.ksize[i / 2]);
    }
  }
  return pooling;
}

// MaxPoolV2 takes window and strides as inputs.
Node WithSizes(const Node& node, std::vector<int64_t> ksize, std::vector<int64_t> strides) {
  Node sized;
  sized.attrs = node.attrs;
  sized.attrs["ksize"] = std::move(ksize);
  sized.attrs["strides"] = std::move(strides);
  return sized;
}

template <int kSpatial>
Status InferPool(const InferContext& context, std::vector<ValueType>& outputs) {
  ASSIGN_OR_RETURN(const Pooling pooling, ReadPooling(context.node(), kSpatial));
  const int64_t channels = context.shape(0).dim(pooling.attrs.layout.channel_axis());
  ASSIGN_OR_RETURN(Shape shape, WindowedShape(pooling.attrs, context.shape(0), pooling.ksize, channels));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

Status InferMaxPoolV2(const InferContext& context, std::vector<ValueType>& outputs) {
  ASSIGN_OR_RETURN(const Layout layout, LayoutOf(context.node(), 2));
  RETURN_IF_ERROR(CheckRank(context.shape(0), 4, "the input"));
  Shape shape = Shape::OfRank(4);
  shape.set_dim(0, context.shape(0).dim(0));
  shape.set_dim(layout.channel_axis(), context.shape(0).dim(layout.channel_axis()));
  const auto known = [](const std::optional<std::vector<int64_t>>& ints) {
    return ints.has_value() && std::find(ints->begin(), ints->end(), kUnknownInt) == ints->end();
  };
  if (known(context.ints(1)) && known(context.ints(2))) {
    ASSIGN_OR_RETURN(const Pooling pooling,
                     ReadPooling(WithSizes(context.node(), *context.ints(1), *context.ints(2)), 2));
    const int64_t channels = shape.dim(layout.channel_axis());
    ASSIGN_OR_RETURN(shape, WindowedShape(pooling.attrs, context.shape(0), pooling.ksize, channels));
  }
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

Status InferMaxPoolWithArgmax(const InferContext& context, std::vector<ValueType>& outputs) {
  RETURN_IF_ERROR(InferPool<2>(context, outputs));
  ASSIGN_OR_RETURN(const DType index, AttrAs<DType>(context.node(), "Targmax", DType::kInt64));
  outputs.push_back({index, outputs[0].shape, std::nullopt});
  return OkStatus();
}

// The windows over an input with channels last; axes that are not there come first, with the identity window.
struct PoolShape {
  std::array<Window, 3> window;
  std::vector<int64_t> out_dims;
  int64_t batch = 0, channels = 0;
};
StatusOr<PoolShape> PoolShapeOf(const Pooling& pooling, const std::vector<int64_t>& in) {
  PoolShape shape;
  const int spatial = pooling.attrs.layout.spatial;
  shape.batch = in[0];
  shape.channels = in.back();
  shape.out_dims = in;
  for (int i = 0; i < spatial; ++i) {
    const auto axis = static_cast<size_t>(i);
    Window& window = shape.window[axis + 3 - static_cast<size_t>(spatial)];
    ASSIGN_OR_RETURN(window, WindowOf(pooling.attrs, i, in[axis + 1], pooling.ksize[axis]));
    shape.out_dims[axis + 1] = window.out;
  }
  return shape;
}

// Calls begin() for every output pixel, add(input pixel) for every pixel its window sees, end(how many).
template <class Begin, class Add, class End>
void ForEachWindow(const PoolShape& shape, Begin&& begin, Add&& add, End&& end) {
  const Window &d = shape.window[0], &h = shape.window[1], &w = shape.window[2];
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t od = 0; od < d.out; ++od) {
      const auto [d0, d1] = d.Taps(od);
      for (int64_t oh = 0; oh < h.out; ++oh) {
        const auto [h0, h1] = h.Taps(oh);
        for (int64_t ow = 0; ow < w.out; ++ow) {
          const auto [w0, w1] = w.Taps(ow);
          begin();
          for (int64_t kd = d0; kd < d1; ++kd) {
            for (int64_t kh = h0; kh < h1; ++kh) {
              for (int64_t kw = w0; kw < w1; ++kw) {
                add(((b * d.in + d.At(od, kd)) * h.in + h.At(oh, kh)) * w.in + w.At(ow, kw));
              }
            }
          }
          end((d1 - d0) * (h1 - h0) * (w1 - w0));
        }
      }
    }
  }
}

// Averages are over what the window sees of the input: padding does not count.
template <class T>
void Pool(const PoolShape& shape, bool average, const T* x, T* y) {
  const int64_t channels = shape.channels;
  ForEachWindow(
      shape, [&] { std::fill_n(y, channels, average ? T{0} : -std::numeric_limits<T>::infinity()); },
      [&](int64_t pixel) {
        const T* from = x + pixel * channels;
        if (average) {
          for (int64_t c = 0; c < channels; ++c) y[c] += from[c];
        } else {
          for (int64_t c = 0; c < channels; ++c) y[c] = std::max(y[c], from[c]);
        }
      },
      [&](int64_t count) {
        for (int64_t c = 0; average && count > 0 && c < channels; ++c) y[c] /= static_cast<T>(count);
        y += channels;
      });
}

template <int kSpatial, bool kAverage>
struct PoolKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    ASSIGN_OR_RETURN(const Pooling pooling, ReadPooling(node, kSpatial));
    RETURN_IF_ERROR(CheckRank(inputs[0].shape(), kSpatial + 2, "the input"));
    const Tensor x = ToChannelsLast(inputs[0], pooling.attrs.layout);
    ASSIGN_OR_RETURN(const PoolShape shape, PoolShapeOf(pooling, x.dims()));
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(shape.out_dims));
    if (y.elements() > 0) Pool(shape, kAverage, x.data<T>(), y.data());
    return Tensors{FromChannelsLast(std::move(y).Take(), pooling.attrs.layout)};
  }
};

struct MaxPoolV2Kernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    ASSIGN_OR_RETURN(auto ksize, IntegerList(inputs[1], 4, "ksize"));
    ASSIGN_OR_RETURN(auto strides, IntegerList(inputs[2], 4, "strides"));
    return PoolKernel<2, false>::Run<T>(WithSizes(node, std::move(ksize), std::move(strides)), inputs);
  }
};

struct MaxPoolWithArgmaxKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    ASSIGN_OR_RETURN(const Pooling pooling, ReadPooling(node, 2));
    if (pooling.attrs.layout.channels_first) return Unsupported("an argmax with channels first");
    ASSIGN_OR_RETURN(const bool with_batch, AttrAs<bool>(node, "include_batch_in_index", false));
    ASSIGN_OR_RETURN(const DType index, AttrAs<DType>(node, "Targmax", DType::kInt64));
    if (index != DType::kInt64 && index != DType::kInt32) return InvalidArgument("Targmax is ", NameOf(index));
    RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the input"));
    ASSIGN_OR_RETURN(const PoolShape shape, PoolShapeOf(pooling, inputs[0].dims()));
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(shape.out_dims));
    ASSIGN_OR_RETURN(Result<int64_t> argmax, Result<int64_t>::Make(shape.out_dims));
    const T* x = inputs[0].data<T>();
    T* best = y.data();
    int64_t* at = argmax.data();
    const int64_t channels = shape.channels, image = shape.window[1].in * shape.window[2].in;
    if (y.elements() > 0) {
      ForEachWindow(
          shape, [&] { std::fill_n(best, channels, -std::numeric_limits<T>::infinity()); },
          [&](int64_t pixel) {
            for (int64_t c = 0; c < channels; ++c) {
              if (x[pixel * channels + c] <= best[c]) continue;
              best[c] = x[pixel * channels + c];
              at[c] = (with_batch ? pixel : pixel % image) * channels + c;
            }
          },
          [&](int64_t) {
            best += channels;
            at += channels;
          });
    }
    return Tensors{std::move(y).Take(), std::move(argmax).Take().Cast(index).Dense()};
  }
};

}  // namespace

std::vector<OpDef> PoolingOps() {
  const auto attrs = [](std::string_view format) {
    return std::vector<AttrSpec>{TypeOfInput("T"), Required("ksize"), Required("strides"), Required("padding"),
                                 Default("data_format", std::string(format))};
  };
  std::vector<AttrSpec> max_pool = attrs("NHWC");
  max_pool.push_back(Default("explicit_paddings", std::vector<int64_t>()));
  return {
      {.name = "MaxPool",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = max_pool,
       .infer = InferPool<2>,
       .kernel = RunFloating<PoolKernel<2, false>>,
       .output_names = {"output"}},
      {.name = "MaxPoolV2",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = {TypeOfInput("T"), Required("padding"), Default("data_format", std::string("NHWC"))},
       .infer = InferMaxPoolV2,
       .kernel = RunFloating<MaxPoolV2Kernel>,
       .output_names = {"output"}},
      {.name = "AvgPool",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = attrs("NHWC"),
       .infer = InferPool<2>,
       .kernel = RunFloating<PoolKernel<2, true>>,
       .output_names = {"output"}},
      {.name = "MaxPool3D",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = attrs("NDHWC"),
       .infer = InferPool<3>,
       .kernel = RunFloating<PoolKernel<3, false>>,
       .output_names = {"output"}},
      {.name = "AvgPool3D",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = attrs("NDHWC"),
       .infer = InferPool<3>,
       .kernel = RunFloating<PoolKernel<3, true>>,
       .output_names = {"output"}},
      {.name = "MaxPoolWithArgmax",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = {TypeOfInput("T"), Required("ksize"), Required("strides"), Required("padding"),
                 Default("Targmax", DType::kInt64), Default("include_batch_in_index", false)},
       .infer = InferMaxPoolWithArgmax,
       .kernel = RunFloating<MaxPoolWithArgmaxKernel>,
       .output_names = {"output", "argmax"}},
  };
}

}  // namespace permafrost
