#include <algorithm>
#include <numeric>

#include "optimizer/ops/blocked_conv.h"
#include "optimizer/ops/einsum.h"
#include "optimizer/ops/families.h"
#include "optimizer/ops/floating_kernel.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

const std::vector<int64_t> kNone;

// Plain loops: slow, and what the blocked kernels are compared with.

void PlainConv(const ConvShape& s, const double* x, const double* w, double* y) {
  const Window &d = s.window[0], &h = s.window[1], &v = s.window[2];
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t od = 0; od < d.out; ++od) {
      for (int64_t oh = 0; oh < h.out; ++oh) {
        for (int64_t ow = 0; ow < v.out; ++ow) {
          for (int64_t co = 0; co < s.out_channels; ++co) {
            const int64_t group = co / s.group_out();
            double sum = 0;
            for (auto [kd, d1] = d.Taps(od); kd < d1; ++kd) {
              for (auto [kh, h1] = h.Taps(oh); kh < h1; ++kh) {
                for (auto [kw, w1] = v.Taps(ow); kw < w1; ++kw) {
                  const int64_t pixel = ((b * d.in + d.At(od, kd)) * h.in + h.At(oh, kh)) * v.in + v.At(ow, kw);
                  const int64_t tap = (kd * h.kernel + kh) * v.kernel + kw;
                  for (int64_t ci = 0; ci < s.group_in(); ++ci) {
                    sum += x[pixel * s.in_channels + group * s.group_in() + ci] *
                           w[(tap * s.group_in() + ci) * s.out_channels + co];
                  }
                }
              }
            }
            *y++ = sum;
          }
        }
      }
    }
  }
}

void PlainConvTransposed(const ConvShape& s, const double* y, const double* w, double* x) {
  const Window &d = s.window[0], &h = s.window[1], &v = s.window[2];
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t od = 0; od < d.out; ++od) {
      for (int64_t oh = 0; oh < h.out; ++oh) {
        for (int64_t ow = 0; ow < v.out; ++ow, y += s.out_channels) {
          for (auto [kd, d1] = d.Taps(od); kd < d1; ++kd) {
            for (auto [kh, h1] = h.Taps(oh); kh < h1; ++kh) {
              for (auto [kw, w1] = v.Taps(ow); kw < w1; ++kw) {
                const int64_t pixel = ((b * d.in + d.At(od, kd)) * h.in + h.At(oh, kh)) * v.in + v.At(ow, kw);
                const int64_t tap = (kd * h.kernel + kh) * v.kernel + kw;
                for (int64_t co = 0; co < s.out_channels; ++co) {
                  const int64_t group = co / s.group_out();
                  for (int64_t ci = 0; ci < s.group_in(); ++ci) {
                    x[pixel * s.in_channels + group * s.group_in() + ci] +=
                        y[co] * w[(tap * s.group_in() + ci) * s.out_channels + co];
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

// Integers wrap around, as TensorFlow's do.
template <class T>
void PlainMatMul(int64_t m, int64_t k, int64_t n, const T* a, bool transpose_a, const T* b, bool transpose_b, T* c) {
  using Sum = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t column = 0; column < n; ++column) {
      Sum sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        sum += static_cast<Sum>(a[transpose_a ? i * m + row : row * k + i]) *
               static_cast<Sum>(b[transpose_b ? column * k + i : i * n + column]);
      }
      c[row * n + column] = static_cast<T>(sum);
    }
  }
}

// float32 takes the blocked kernels, everything else the plain ones.
void Conv(const ConvShape& s, const double* x, const double* w, double* y) { PlainConv(s, x, w, y); }
void Conv(const ConvShape& s, const float* x, const float* w, float* y) {
  s.group_in() == 1 && s.groups > 1 ? DepthwiseConv(s, x, w, y) : BlockedConv(s, x, w, y);
}
void ConvTransposed(const ConvShape& s, const double* y, const double* w, double* x) {
  PlainConvTransposed(s, y, w, x);
}
void ConvTransposed(const ConvShape& s, const float* y, const float* w, float* x) { BlockedConvTransposed(s, y, w, x); }
template <class T>
void MatMul(int64_t m, int64_t k, int64_t n, const T* a, bool transpose_a, const T* b, bool transpose_b, T* c) {
  if constexpr (std::is_same_v<T, float>) {
    BlockedMatMul(m, k, n, a, transpose_a, b, transpose_b, c);
  } else {
    PlainMatMul(m, k, n, a, transpose_a, b, transpose_b, c);
  }
}

// Channels of `in` and of the weights that fit each other. Returns the number of groups, kUnknownDim when not known.
StatusOr<int64_t> GroupsOf(int64_t in_channels, int64_t weight_in, bool depthwise) {
  if (in_channels < 0 || weight_in < 0) return kUnknownDim;
  if (depthwise && in_channels != weight_in) {
    return InvalidArgument("the weights are for ", weight_in, " input channels, the input has ", in_channels);
  }
  if (weight_in == 0 || in_channels < weight_in || in_channels % weight_in != 0) {
    return InvalidArgument("the input has ", in_channels, " channels, expected a multiple of the weights' ", weight_in);
  }
  return depthwise ? in_channels : in_channels / weight_in;
}

// Works out the convolution that takes `in` (channels last) with `weights` ([taps.., in, out], or [taps.., in,
// multiplier] when depthwise).
StatusOr<ConvShape> ConvShapeOf(const WindowAttrs& attrs, const std::vector<int64_t>& in, const Tensor& weights,
                                bool depthwise) {
  const int spatial = attrs.layout.spatial;
  RETURN_IF_ERROR(CheckRank(Shape(in), spatial + 2, "the input"));
  RETURN_IF_ERROR(CheckRank(weights.shape(), spatial + 2, "the weights"));
  if (weights.elements() <= 0) return InvalidArgument("the weights are empty: ", weights.shape().ToString());
  ConvShape shape;
  shape.batch = in[0];
  shape.in_channels = in.back();
  const int64_t weight_in = weights.shape().dim(-2), last = weights.shape().dim(-1);
  ASSIGN_OR_RETURN(shape.groups, GroupsOf(shape.in_channels, weight_in, depthwise));
  shape.out_channels = depthwise ? shape.in_channels * last : last;
  if (shape.out_channels % shape.groups != 0) {
    return InvalidArgument(shape.out_channels, " output channels do not divide into ", shape.groups, " groups");
  }
  for (int i = 0; i < spatial; ++i) {
    const auto axis = static_cast<size_t>(i);
    ASSIGN_OR_RETURN(shape.window[axis + 3 - static_cast<size_t>(spatial)],
                     WindowOf(attrs, i, in[axis + 1], weights.dims()[axis]));
  }
  return shape;
}

std::vector<int64_t> OutDims(const ConvShape& shape, int spatial) {
  std::vector<int64_t> dims = {shape.batch};
  for (int i = 3 - spatial; i < 3; ++i) dims.push_back(shape.window[static_cast<size_t>(i)].out);
  dims.push_back(shape.out_channels);
  return dims;
}

template <int kSpatial, bool kDepthwise>
struct ConvKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    ASSIGN_OR_RETURN(const WindowAttrs attrs, ReadWindowAttrs(node, kSpatial));
    RETURN_IF_ERROR(CheckRank(inputs[0].shape(), kSpatial + 2, "the input"));
    if (inputs.size() != 2 || inputs[1].dtype() != inputs[0].dtype())
      return InvalidArgument("expected input and weights");
    const Tensor x = ToChannelsLast(inputs[0], attrs.layout);
    ASSIGN_OR_RETURN(const ConvShape shape, ConvShapeOf(attrs, x.dims(), inputs[1], kDepthwise));
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(OutDims(shape, kSpatial)));
    if (y.elements() > 0) Conv(shape, x.data<T>(), inputs[1].data<T>(), y.data());
    return Tensors{FromChannelsLast(std::move(y).Take(), attrs.layout)};
  }
};

// The dims asked for, layout as the node says, completed from the other inputs: batch from `y`, channels from
// `weights`.
Shape TransposedConvShape(const Layout& layout, const std::optional<std::vector<int64_t>>& sizes, const Shape& weights,
                          const Shape& y) {
  Shape shape = Shape::OfRank(layout.rank());
  if (sizes.has_value() && static_cast<int>(sizes->size()) == layout.rank()) {
    for (int i = 0; i < layout.rank(); ++i) shape.set_dim(i, std::max(kUnknownDim, (*sizes)[static_cast<size_t>(i)]));
  } else if (sizes.has_value() && static_cast<int>(sizes->size()) == layout.spatial) {
    for (int i = 0; i < layout.spatial; ++i) {
      shape.set_dim(layout.spatial_axis(i), std::max(kUnknownDim, (*sizes)[static_cast<size_t>(i)]));
    }
  }
  if (shape.dim(0) < 0) shape.set_dim(0, y.dim(0));
  if (shape.dim(layout.channel_axis()) < 0) shape.set_dim(layout.channel_axis(), weights.dim(-2));
  return shape;
}

template <int kSpatial>
struct ConvTransposedKernel {
  static constexpr size_t kDataInput = 2;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    ASSIGN_OR_RETURN(const WindowAttrs attrs, ReadWindowAttrs(node, kSpatial));
    const Layout& layout = attrs.layout;
    if (inputs[1].dtype() != inputs[2].dtype()) return InvalidArgument("expected sizes, weights and input");
    RETURN_IF_ERROR(CheckRank(inputs[1].shape(), kSpatial + 2, "the weights"));
    RETURN_IF_ERROR(CheckRank(inputs[2].shape(), kSpatial + 2, "the input"));
    ASSIGN_OR_RETURN(const std::vector<int64_t> sizes, IntegerList(inputs[0], -1, "the output shape"));
    const Shape shape = TransposedConvShape(layout, sizes, inputs[1].shape(), inputs[2].shape());
    if (!shape.FullyKnown()) return InvalidArgument("the output shape is ", shape.ToString());
    std::vector<int64_t> x_dims = {shape.dim(0)};
    for (int i = 0; i < kSpatial; ++i) x_dims.push_back(shape.dim(layout.spatial_axis(i)));
    x_dims.push_back(shape.dim(layout.channel_axis()));
    const Tensor y = ToChannelsLast(inputs[2], layout);
    ASSIGN_OR_RETURN(const ConvShape conv, ConvShapeOf(attrs, x_dims, inputs[1], false));
    if (OutDims(conv, kSpatial) != y.dims()) {
      return InvalidArgument("the input has shape ", y.shape().ToString(), ", the output shape ", shape.ToString(),
                             " asks for ", Shape(OutDims(conv, kSpatial)).ToString());
    }
    ASSIGN_OR_RETURN(Result<T> x, Result<T>::Make(x_dims));
    if (x.elements() > 0) ConvTransposed(conv, y.data<T>(), inputs[1].data<T>(), x.data());
    return Tensors{FromChannelsLast(std::move(x).Take(), layout)};
  }
};

Status InferConv(const InferContext& context, int spatial, bool depthwise, std::vector<ValueType>& outputs) {
  ASSIGN_OR_RETURN(const WindowAttrs attrs, ReadWindowAttrs(context.node(), spatial));
  const Shape &x = context.shape(0), &weights = context.shape(1);
  RETURN_IF_ERROR(CheckRank(x, spatial + 2, "the input"));
  RETURN_IF_ERROR(CheckRank(weights, spatial + 2, "the weights"));
  const int64_t in_channels = x.dim(attrs.layout.channel_axis()), weight_in = weights.dim(-2), last = weights.dim(-1);
  RETURN_IF_ERROR(GroupsOf(in_channels, weight_in, depthwise).status());
  int64_t out_channels = last;
  if (depthwise) {
    const int64_t known_in = std::max(in_channels, weight_in);
    out_channels = CheckedElements({known_in, last});  // -1 when one is unknown
  }
  std::vector<int64_t> kernel;
  for (int i = 0; i < spatial; ++i) kernel.push_back(weights.dim(i));
  ASSIGN_OR_RETURN(Shape shape, WindowedShape(attrs, x, kernel, out_channels));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

Status InferConv2D(const InferContext& context, std::vector<ValueType>& outputs) {
  return InferConv(context, 2, false, outputs);
}
Status InferConv3D(const InferContext& context, std::vector<ValueType>& outputs) {
  return InferConv(context, 3, false, outputs);
}
Status InferDepthwise(const InferContext& context, std::vector<ValueType>& outputs) {
  return InferConv(context, 2, true, outputs);
}

template <int kSpatial>
Status InferConvTransposed(const InferContext& context, std::vector<ValueType>& outputs) {
  ASSIGN_OR_RETURN(const WindowAttrs attrs, ReadWindowAttrs(context.node(), kSpatial));
  const Shape &weights = context.shape(1), &y = context.shape(2);
  RETURN_IF_ERROR(CheckRank(weights, kSpatial + 2, "the weights"));
  RETURN_IF_ERROR(CheckRank(y, kSpatial + 2, "the input"));
  Shape shape = TransposedConvShape(attrs.layout, context.ints(0), weights, y);
  std::vector<int64_t> kernel;
  for (int i = 0; i < kSpatial; ++i) kernel.push_back(weights.dim(i));
  ASSIGN_OR_RETURN(const Shape back, WindowedShape(attrs, shape, kernel, weights.dim(-1)));
  for (int i = 0; i < back.rank(); ++i) {
    if (back.dim(i) >= 0 && y.dim(i) >= 0 && back.dim(i) != y.dim(i)) {
      return InvalidArgument("the input has shape ", y.ToString(), ", the output shape ", shape.ToString(),
                             " asks for ", back.ToString());
    }
  }
  outputs = {{context.dtype(2), std::move(shape), std::nullopt}};
  return OkStatus();
}

// The attributes' names differ: transpose_a for MatMul, adj_x for the batched ones.
struct MatMulAttrs {
  bool transpose_a = false, transpose_b = false;
};
StatusOr<MatMulAttrs> ReadMatMulAttrs(const Node& node) {
  const bool batched = node.op != "MatMul";
  MatMulAttrs attrs;
  ASSIGN_OR_RETURN(attrs.transpose_a, AttrAs<bool>(node, batched ? "adj_x" : "transpose_a", false));
  ASSIGN_OR_RETURN(attrs.transpose_b, AttrAs<bool>(node, batched ? "adj_y" : "transpose_b", false));
  return attrs;
}

StatusOr<Shape> MatMulShape(const Node& node, const Shape& a, const Shape& b) {
  ASSIGN_OR_RETURN(const MatMulAttrs attrs, ReadMatMulAttrs(node));
  const bool batched = node.op != "MatMul";
  if (!batched) {
    RETURN_IF_ERROR(CheckRank(a, 2, "the left matrix"));
    RETURN_IF_ERROR(CheckRank(b, 2, "the right matrix"));
  }
  for (const Shape* shape : {&a, &b}) {
    if (shape->has_rank() && shape->rank() < 2) {
      return InvalidArgument("an operand has shape ", shape->ToString(), ", expected rank 2 or more");
    }
  }
  const int64_t m = a.dim(attrs.transpose_a ? -1 : -2), k = a.dim(attrs.transpose_a ? -2 : -1);
  const int64_t k2 = b.dim(attrs.transpose_b ? -1 : -2), n = b.dim(attrs.transpose_b ? -2 : -1);
  if (k >= 0 && k2 >= 0 && k != k2) {
    return InvalidArgument("the matrices ", a.ToString(), " and ", b.ToString(), " do not fit: ", k, " against ", k2);
  }
  if (!batched) return Shape({m, n});
  if (!a.has_rank() || !b.has_rank()) return Shape();
  const Shape a_batch(std::vector<int64_t>(a.dims().begin(), a.dims().end() - 2));
  const Shape b_batch(std::vector<int64_t>(b.dims().begin(), b.dims().end() - 2));
  ASSIGN_OR_RETURN(const Shape batch, BroadcastShapes(a_batch, b_batch));
  std::vector<int64_t> dims = batch.dims();
  dims.push_back(m);
  dims.push_back(n);
  return Shape(std::move(dims));
}

Status InferMatMul(const InferContext& context, std::vector<ValueType>& outputs) {
  ASSIGN_OR_RETURN(Shape shape, MatMulShape(context.node(), context.shape(0), context.shape(1)));
  ASSIGN_OR_RETURN(const DType dtype, AttrAs<DType>(context.node(), "Tout", context.dtype(0)));
  outputs = {{dtype, std::move(shape), std::nullopt}};
  return OkStatus();
}

// Offset of the matrix of `operand` that belongs to batch index `index` of the broadcast dims.
int64_t BatchOffset(const std::vector<int64_t>& operand, const std::vector<int64_t>& batch, int64_t index) {
  const size_t missing = batch.size() + 2 - operand.size();
  int64_t offset = 0, stride = 1;
  for (size_t i = batch.size(); i-- > missing;) {
    const int64_t dim = operand[i - missing];
    if (dim != 1) offset += index % batch[i] * stride;
    index /= batch[i];
    stride *= dim;
  }
  return offset;
}

template <class T>
StatusOr<Tensors> RunMatMul(const Node& node, const Tensors& inputs) {
  ASSIGN_OR_RETURN(const MatMulAttrs attrs, ReadMatMulAttrs(node));
  ASSIGN_OR_RETURN(const Shape shape, MatMulShape(node, inputs[0].shape(), inputs[1].shape()));
  const std::vector<int64_t>&a = inputs[0].dims(), &b = inputs[1].dims();
  ASSIGN_OR_RETURN(Result<T> c, Result<T>::Make(shape.dims()));
  if (c.elements() == 0) return Tensors{std::move(c).Take()};
  const int64_t m = shape.dim(-2), n = shape.dim(-1), k = a[a.size() - (attrs.transpose_a ? 2 : 1)];
  const std::vector<int64_t> batch(shape.dims().begin(), shape.dims().end() - 2);
  const int64_t batches = CheckedElements(batch);
  for (int64_t i = 0; k > 0 && i < batches; ++i) {
    MatMul(m, k, n, inputs[0].data<T>() + BatchOffset(a, batch, i) * m * k, attrs.transpose_a,
           inputs[1].data<T>() + BatchOffset(b, batch, i) * k * n, attrs.transpose_b, c.data() + i * m * n);
  }
  return Tensors{std::move(c).Take()};
}

struct FloatingMatMul {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    return RunMatMul<T>(node, inputs);
  }
};

StatusOr<Tensors> MatMulKernel(const Node& node, const Tensors& inputs) {
  if (inputs.size() != 2 || inputs[0].dtype() != inputs[1].dtype()) {
    return Unsupported("matrices of different dtypes");
  }
  const DType dtype = inputs[0].dtype();
  ASSIGN_OR_RETURN(const DType out, AttrAs<DType>(node, "Tout", dtype));
  if (out != dtype) return Unsupported("a product of ", NameOf(dtype), " matrices as ", NameOf(out));
  if (dtype == DType::kInt32) return RunMatMul<int32_t>(node, inputs);
  if (dtype == DType::kInt64) return RunMatMul<int64_t>(node, inputs);
  return RunFloating<FloatingMatMul>(node, inputs);
}

// "ab,bc->ac", one letter an axis.
struct Equation {
  std::vector<std::string> inputs;
  std::string output;
  std::vector<int64_t> sizes = std::vector<int64_t>(128, kUnknownDim);  // by letter
};

// Errors: malformed, or operands that do not fit it. nullopt: an ellipsis whose axes are not known, or are spread.
StatusOr<std::optional<Equation>> ReadEquation(const Node& node, const std::vector<Shape>& operands) {
  ASSIGN_OR_RETURN(std::string text, AttrAs<std::string>(node, "equation", ""));
  const std::optional<std::string> plain = PlainEinsum(text, operands);
  if (!plain.has_value()) return std::optional<Equation>();
  text = *plain;
  const size_t arrow = text.find("->");
  if (arrow == std::string::npos) return InvalidArgument("equation '", text, "' has no '->'");
  Equation equation;
  equation.output = text.substr(arrow + 2);
  equation.inputs.emplace_back();
  for (char c : text.substr(0, arrow))
    c == ',' ? (void)equation.inputs.emplace_back() : equation.inputs.back().push_back(c);
  if (equation.inputs.size() != operands.size()) {
    return InvalidArgument("equation '", text, "' is for ", equation.inputs.size(), " operands, there are ",
                           operands.size());
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string seen;
  for (size_t i = 0; i < operands.size(); ++i) {
    const std::string& labels = equation.inputs[i];
    RETURN_IF_ERROR(CheckRank(operands[i], static_cast<int>(labels.size()), "an operand"));
    for (size_t axis = 0; axis < labels.size(); ++axis) {
      if (!is_letter(labels[axis])) return InvalidArgument("equation '", text, "' holds '", labels[axis], "'");
      seen += labels[axis];
      int64_t& size = equation.sizes[static_cast<size_t>(labels[axis])];
      const int64_t dim = operands[i].dim(static_cast<int>(axis));
      if (size >= 0 && dim >= 0 && size != dim) {
        return InvalidArgument("axis '", labels[axis], "' of equation '", text, "' is both ", size, " and ", dim);
      }
      size = std::max(size, dim);
    }
  }
  for (size_t i = 0; i < equation.output.size(); ++i) {
    const char label = equation.output[i];
    if (seen.find(label) == std::string::npos || equation.output.find(label, i + 1) != std::string::npos) {
      return InvalidArgument("equation '", text, "' has '", label, "' in its result, not once among its operands");
    }
  }
  return std::optional<Equation>(std::move(equation));
}

Status InferEinsum(const InferContext& context, std::vector<ValueType>& outputs) {
  std::vector<Shape> operands;
  for (int i = 0; i < context.inputs(); ++i) operands.push_back(context.shape(i));
  ASSIGN_OR_RETURN(const std::optional<Equation> equation, ReadEquation(context.node(), operands));
  Shape shape;
  if (equation.has_value()) {
    std::vector<int64_t> dims;
    for (char label : equation->output) dims.push_back(equation->sizes[static_cast<size_t>(label)]);
    shape = Shape(std::move(dims));
  }
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

// Steps through all indexes of axes `dims`, keeping one offset per operand.
class Odometer {
 public:
  Odometer(std::vector<int64_t> dims, std::vector<std::vector<int64_t>> strides)
      : dims_(std::move(dims)), strides_(std::move(strides)), index_(dims_.size()), offsets_(strides_.size()) {}
  int64_t offset(size_t operand) const { return offsets_[operand]; }
  void Step() {
    for (size_t axis = dims_.size(); axis-- > 0;) {
      const bool wraps = ++index_[axis] == dims_[axis];
      for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] += strides_[i][axis] * (wraps ? 1 - dims_[axis] : 1);
      if (!wraps) return;
      index_[axis] = 0;
    }
  }

 private:
  std::vector<int64_t> dims_;
  std::vector<std::vector<int64_t>> strides_;
  std::vector<int64_t> index_, offsets_;
};

struct EinsumKernel {
  static constexpr size_t kDataInput = 0;
  template <class T>
  static StatusOr<Tensors> Run(const Node& node, const Tensors& inputs) {
    std::vector<Shape> operands;
    for (const Tensor& input : inputs) operands.push_back(input.shape());
    if (inputs.size() > 2 || inputs.back().dtype() != inputs[0].dtype()) return Unsupported("more than two operands");
    ASSIGN_OR_RETURN(const std::optional<Equation> equation, ReadEquation(node, operands));
    if (!equation.has_value()) return Unsupported("an equation with an ellipsis");
    std::string summed;
    for (const std::string& labels : equation->inputs) {
      for (char label : labels) {
        if (equation->output.find(label) == std::string::npos && summed.find(label) == std::string::npos)
          summed += label;
      }
    }
    const auto odometer = [&](const std::string& labels) {
      std::vector<int64_t> dims;
      std::vector<std::vector<int64_t>> strides(inputs.size());
      for (char label : labels) {
        dims.push_back(equation->sizes[static_cast<size_t>(label)]);
        for (size_t i = 0; i < inputs.size(); ++i) {
          int64_t stride = 1, sum = 0;  // a label may stand twice: the diagonal
          for (size_t axis = operands[i].dims().size(); axis-- > 0; stride *= operands[i].dims()[axis]) {
            if (equation->inputs[i][axis] == label) sum += stride;
          }
          strides[i].push_back(sum);
        }
      }
      return std::pair(dims, strides);
    };
    const auto outer = odometer(equation->output), inner = odometer(summed);
    const int64_t terms = CheckedElements(inner.first);
    ASSIGN_OR_RETURN(Result<T> y, Result<T>::Make(outer.first));
    if (y.elements() == 0 || terms == 0) return Tensors{std::move(y).Take()};
    if (terms < 0) return ResourceExhausted("a sum over too many elements");
    Odometer at(outer.first, outer.second);
    for (int64_t i = 0; i < y.elements(); ++i, at.Step()) {
      Odometer term(inner.first, inner.second);
      double sum = 0;
      for (int64_t j = 0; j < terms; ++j, term.Step()) {
        double product = 1;
        for (size_t k = 0; k < inputs.size(); ++k) {
          product *= static_cast<double>(inputs[k].data<T>()[at.offset(k) + term.offset(k)]);
        }
        sum += product;
      }
      y.data()[i] = static_cast<T>(sum);
    }
    return Tensors{std::move(y).Take()};
  }
};

std::vector<AttrSpec> ConvAttrs(int type_input, int spatial, bool explicit_paddings) {
  const std::vector<int64_t> ones(static_cast<size_t>(spatial) + 2, 1);
  std::vector<AttrSpec> attrs = {TypeOfInput("T", type_input), Required("strides"), Required("padding"),
                                 Default("data_format", std::string(spatial == 3 ? "NDHWC" : "NHWC")),
                                 Default("dilations", ones)};
  if (explicit_paddings) attrs.push_back(Default("explicit_paddings", kNone));
  return attrs;
}

}  // namespace

std::vector<OpDef> ConvolutionOps() {
  std::vector<AttrSpec> conv = ConvAttrs(0, 2, true);
  conv.push_back(Default("use_cudnn_on_gpu", true));
  std::vector<AttrSpec> conv_back = ConvAttrs(2, 2, true);
  conv_back.push_back(Default("use_cudnn_on_gpu", true));
  std::vector<AttrSpec> conv_back_3d = ConvAttrs(2, 3, false);
  conv_back_3d.push_back(TypeOfInput("Tshape", 0));
  const std::vector<AttrSpec> batched = {TypeOfInput("T"), Default("adj_x", false), Default("adj_y", false)};
  return {
      {.name = "Conv2D",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = conv,
       .infer = InferConv2D,
       .kernel = RunFloating<ConvKernel<2, false>>,
       .output_names = {"output"}},
      {.name = "DepthwiseConv2dNative",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = ConvAttrs(0, 2, true),
       .infer = InferDepthwise,
       .kernel = RunFloating<ConvKernel<2, true>>,
       .output_names = {"output"}},
      {.name = "Conv2DBackpropInput",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = conv_back,
       .infer = InferConvTransposed<2>,
       .kernel = RunFloating<ConvTransposedKernel<2>>,
       .output_names = {"output"}},
      {.name = "Conv3D",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = ConvAttrs(0, 3, false),
       .infer = InferConv3D,
       .kernel = RunFloating<ConvKernel<3, false>>,
       .output_names = {"output"}},
      {.name = "Conv3DBackpropInputV2",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = conv_back_3d,
       .infer = InferConvTransposed<3>,
       .kernel = RunFloating<ConvTransposedKernel<3>>,
       .output_names = {"output"}},
      {.name = "MatMul",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("T"), Default("transpose_a", false), Default("transpose_b", false)},
       .infer = InferMatMul,
       .kernel = MatMulKernel,
       .output_names = {"product"}},
      {.name = "BatchMatMul",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = batched,
       .infer = InferMatMul,
       .kernel = MatMulKernel,
       .output_names = {"output"}},
      {.name = "BatchMatMulV2",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = batched,
       .infer = InferMatMul,
       .kernel = MatMulKernel,
       .output_names = {"output"}},
      {.name = "BatchMatMulV3",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("Ta", 0), TypeOfInput("Tb", 1), Required("Tout"), Default("adj_x", false),
                 Default("adj_y", false)},
       .infer = InferMatMul,
       .kernel = MatMulKernel,
       .output_names = {"output"}},
      {.name = "Einsum",
       .min_inputs = 1,
       .max_inputs = -1,
       .attrs = {TypeOfInput("T"), CountOfInputs("N"), Required("equation")},
       .infer = InferEinsum,
       .kernel = RunFloating<EinsumKernel>,
       .output_names = {"output"}},
  };
}

}  // namespace permafrost
