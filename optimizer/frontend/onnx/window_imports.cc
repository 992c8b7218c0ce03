#include <algorithm>
#include <cstring>
#include <limits>

#include "optimizer/frontend/onnx/import.h"

// Convolutions and poolings. One axis of space is taken for a picture of height 1.
namespace permafrost::from_onnx {
namespace {

using Sizes = std::vector<int64_t>;

struct Sliding {
  int axes = 2;                      // of space, as TensorFlow's op has them: 2 or 3
  bool line = false;                 // there is one; the first of the two is put in
  Sizes in, kernel, strides, dilations;
  Sizes before, after;               // pads
  std::string padding = "VALID";     // SAME, VALID, EXPLICIT
  bool volume() const { return axes == 3; }
};

// Sizes of space, channels last.
Sizes Framed(const Sizes& space, int64_t ends = 1) {
  Sizes all = {ends};
  all.insert(all.end(), space.begin(), space.end());
  all.push_back(ends);
  return all;
}

// How far a window reaches along an axis.
int64_t ReachOf(const Sliding& window, size_t i) { return (window.kernel[i] - 1) * window.dilations[i] + 1; }

int64_t SamePads(const Sliding& window, size_t i) {
  const int64_t reach = ReachOf(window, i), stride = window.strides[i], in = window.in[i];
  if (stride == 1) return reach - 1;
  if (in == kUnknownDim) return reach <= stride ? -1 : -2;  // depends on the size
  const int64_t out = (in + stride - 1) / stride;
  return std::max<int64_t>(0, (out - 1) * stride + reach - in);
}

// SAME and VALID where these say the same, as TensorFlow's tools know them best.
void NamePadding(Sliding& window) {
  const auto zero = [](int64_t pad) { return pad == 0; };
  if (std::all_of(window.before.begin(), window.before.end(), zero) &&
      std::all_of(window.after.begin(), window.after.end(), zero)) {
    window.padding = "VALID";
    return;
  }
  bool same = true;
  for (size_t i = 0; i < window.in.size(); ++i) {
    const int64_t total = SamePads(window, i);
    same = same && total >= 0 && window.before[i] == total / 2 && window.after[i] == total - total / 2;
  }
  window.padding = same ? "SAME" : "EXPLICIT";
}

Status CheckSizes(const Sizes& sizes, size_t count, int64_t least, std::string_view what) {
  constexpr int64_t kMost = 1 << 24;
  const bool good = sizes.size() == count &&
                    std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) { return size >= least && size <= kMost; });
  return good ? OkStatus() : InvalidArgument(what, " is ", Shape(sizes).ToString(), ", expected ", count, " numbers from ",
                                             least, " to ", kMost);
}

// The window over input 0, from the attributes that all ops of this kind share.
StatusOr<Sliding> ReadSliding(OpImport& op, Sizes kernel) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank < 3 || rank > 5) return Unsupported("slides over data of rank ", rank, ", expected 3 to 5");
  const auto axes = static_cast<size_t>(rank - 2);
  Sliding window;
  if (kernel.empty()) kernel = op.IntList("kernel_shape");
  window.kernel = kernel;
  window.strides = op.IntList("strides", Sizes(axes, 1));
  window.dilations = op.IntList("dilations", Sizes(axes, 1));
  for (int i = 2; i < rank; ++i) window.in.push_back(op.shape(0).dim(i));
  Sizes pads = op.IntList("pads", Sizes(2 * axes, 0));
  RETURN_IF_ERROR(CheckSizes(window.kernel, axes, 1, "kernel_shape"));
  RETURN_IF_ERROR(CheckSizes(window.strides, axes, 1, "strides"));
  RETURN_IF_ERROR(CheckSizes(window.dilations, axes, 1, "dilations"));
  RETURN_IF_ERROR(CheckSizes(pads, 2 * axes, 0, "pads"));
  window.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(axes));
  window.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end());
  if (axes == 1) {
    window.line = true;
    for (Sizes* sizes : {&window.in, &window.kernel, &window.strides, &window.dilations}) sizes->insert(sizes->begin(), 1);
    for (Sizes* sizes : {&window.before, &window.after}) sizes->insert(sizes->begin(), 0);
  }
  window.axes = static_cast<int>(window.in.size());
  return window;
}

// What auto_pad says of a window over data of known size.
Status AutoPad(OpImport& op, Sliding& window) {
  const std::string mode = op.String("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) return OkStatus();
  std::fill(window.before.begin(), window.before.end(), 0);
  std::fill(window.after.begin(), window.after.end(), 0);
  if (mode == "VALID") return OkStatus();
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") return InvalidArgument("auto_pad is '", mode, "'");
  for (size_t i = 0; i < window.in.size(); ++i) {
    int64_t total = SamePads(window, i);
    if (total == -1) total = 0;
    if (total < 0) {
      if (mode == "SAME_UPPER") {  // whoever runs it works it out
        window.padding = "SAME";
        continue;
      }
      return Unsupported("auto_pad SAME_LOWER of an unknown size; --inputs can give the model's inputs their shapes");
    }
    window.before[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    window.after[i] = total - window.before[i];
  }
  return OkStatus();
}

StatusOr<Value> Opened(OpImport& op, const Sliding& window, Value x) {
  return window.line ? op.Emit("ExpandDims", {x, op.Index("ExpandDims/dim", 1)}) : StatusOr<Value>(x);
}
StatusOr<Value> Closed(OpImport& op, const Sliding& window, Value x) {
  return window.line ? op.Emit("Squeeze", {x}, {{"squeeze_dims", Sizes{1}}}) : StatusOr<Value>(x);
}

// Zeros (or `fill`) around space.
StatusOr<Value> Padded(OpImport& op, Value x, const Sizes& before, const Sizes& after, double fill) {
  std::vector<int32_t> sides = {0, 0};
  for (size_t i = 0; i < before.size(); ++i) {
    sides.push_back(static_cast<int32_t>(before[i]));
    sides.push_back(static_cast<int32_t>(after[i]));
  }
  sides.insert(sides.end(), {0, 0});
  const Value paddings = op.Const("paddings", Tensor::Of<int32_t>({static_cast<int64_t>(sides.size() / 2), 2}, sides));
  if (fill == 0) return op.Emit("Pad", {x, paddings});
  return op.Emit("PadV2", {x, paddings, op.Number("filling", fill, op.type(x).dtype)});
}

AttrMap AttrsOf(const Sliding& window) {
  AttrMap attrs = {{"strides", Framed(window.strides)},
                   {"padding", window.padding},
                   {"data_format", std::string(window.volume() ? "NDHWC" : "NHWC")}};
  if (window.padding == "EXPLICIT") {
    Sizes sides = {0, 0};
    for (size_t i = 0; i < window.before.size(); ++i) {
      sides.push_back(window.before[i]);
      sides.push_back(window.after[i]);
    }
    sides.insert(sides.end(), {0, 0});
    attrs["explicit_paddings"] = sides;
  }
  return attrs;
}

// Ops of volumes know no explicit padding.
StatusOr<Value> PaddedVolume(OpImport& op, Sliding& window, Value x, double fill) {
  if (!window.volume() || window.padding != "EXPLICIT") return x;
  window.padding = "VALID";
  return Padded(op, x, window.before, window.after, fill);
}

// [out, in, space] as TensorFlow has it: [space, in, out]. A line gets its first axis of space.
std::vector<int> FilterOrder(int rank) {
  std::vector<int> order;
  for (int i = 2; i < rank; ++i) order.push_back(i);
  order.insert(order.end(), {1, 0});
  return order;
}

Sizes WithLine(const Sliding& window, Sizes dims) {
  if (window.line) dims.insert(dims.begin(), 1);
  return dims;
}

StatusOr<Value> Filter(OpImport& op, const Sliding& window, bool depthwise) {
  const Shape shape = op.shape(1);
  const std::vector<int> order = FilterOrder(shape.rank());
  Sizes dims;
  for (const int axis : order) dims.push_back(shape.dim(axis));
  if (depthwise) {
    const int64_t channels = shape.dim(0) / op.Int("group", 1);
    dims[dims.size() - 2] = op.Int("group", 1);
    dims.back() = channels;
  }
  dims = WithLine(window, dims);
  if (const Tensor* weights = op.Constant(1)) {
    return op.Const("weights", weights->Transposed(order).Reshaped(dims));
  }
  ASSIGN_OR_RETURN(Value weights, op.In(1));
  ASSIGN_OR_RETURN(weights, op.Transposed(weights, {order.begin(), order.end()}));
  if (!window.line && !depthwise) return weights;
  return op.Emit("Reshape", {weights, op.Indices("weights/shape", dims)});
}

StatusOr<Value> WithBias(OpImport& op, Value x) {
  if (!op.Has(2)) return x;
  if (!op.shape(2).IsRank(1)) return InvalidArgument("its bias is ", op.shape(2).ToString(), ", expected one dim");
  ASSIGN_OR_RETURN(const Value bias, op.In(2));
  return op.Emit("BiasAdd", {x, bias});
}

Status CheckFilter(OpImport& op, const Shape& weights) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (!weights.IsRank(rank) || !weights.FullyKnown()) {
    return InvalidArgument("its weights are ", weights.ToString(), ", expected ", rank, " known dims");
  }
  if (weights.Elements() <= 0) return InvalidArgument("its weights are ", weights.ToString(), ", expected some");
  return OkStatus();
}

Status Conv(OpImport& op) {
  const Shape weights = op.shape(1);
  RETURN_IF_ERROR(CheckFilter(op, weights));
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, Sizes(weights.dims().begin() + 2, weights.dims().end())));
  RETURN_IF_ERROR(AutoPad(op, window));
  if (window.padding != "SAME") NamePadding(window);
  const int64_t group = op.Int("group", 1), out = weights.dim(0), in = op.shape(0).dim(1);
  if (group < 1 || out % group != 0 || (in != kUnknownDim && in != weights.dim(1) * group)) {
    return InvalidArgument("weights ", weights.ToString(), " in ", group, " groups do not fit ", in, " channels");
  }
  const bool depthwise = group > 1 && weights.dim(1) == 1 && !window.volume();
  if (group > 1 && window.volume()) return Unsupported("a convolution of volumes in groups");
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  ASSIGN_OR_RETURN(x, PaddedVolume(op, window, x, 0));
  ASSIGN_OR_RETURN(const Value filter, Filter(op, window, depthwise));
  AttrMap attrs = AttrsOf(window);
  attrs["dilations"] = Framed(window.dilations);
  const std::string_view name = window.volume() ? "Conv3D" : depthwise ? "DepthwiseConv2dNative" : "Conv2D";
  ASSIGN_OR_RETURN(x, op.Emit(name, {x, filter}, attrs));
  ASSIGN_OR_RETURN(x, WithBias(op, x));
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

// The size of the result where it is known, else computed from that of x.
StatusOr<Value> SizeOfResult(OpImport& op, const Sliding& window, Value x, int64_t channels, const Sizes& more) {
  const Shape shape = op.type(x).shape;
  const int rank = window.axes + 2;
  std::vector<Value> parts;
  Sizes known;
  for (int i = 0; i < rank; ++i) {
    const bool space = i > 0 && i < rank - 1;
    const auto at = static_cast<size_t>(std::max(0, i - 1));
    int64_t size = i == rank - 1 ? channels : shape.dim(i);
    if (space && size != kUnknownDim) size = size * window.strides[at] + more[at];
    if (size > INT32_MAX) return InvalidArgument("its result would have a dim of ", size);
    known.push_back(size);
  }
  if (std::find(known.begin(), known.end(), kUnknownDim) == known.end()) return op.Indices("output_shape", known);
  ASSIGN_OR_RETURN(const Value all, op.Emit("Shape", {x}, {{"out_type", DType::kInt32}}));
  for (int i = 0; i < rank; ++i) {
    const auto at = static_cast<size_t>(i);
    if (known[at] != kUnknownDim) {
      parts.push_back(op.Index("size", known[at]));
      continue;
    }
    ASSIGN_OR_RETURN(Value size, op.Emit("StridedSlice", {all, op.Indices("begin", {i}), op.Indices("end", {i + 1}),
                                                          op.Indices("strides", {1})}, {{"shrink_axis_mask", int64_t{1}}}));
    if (i > 0) {
      if (window.strides[at - 1] != 1) {
        ASSIGN_OR_RETURN(size, op.WithNumber("Mul", size, static_cast<double>(window.strides[at - 1])));
      }
      if (more[at - 1] != 0) {
        ASSIGN_OR_RETURN(size, op.WithNumber("AddV2", size, static_cast<double>(more[at - 1])));
      }
    }
    parts.push_back(size);
  }
  return op.Emit("Pack", parts, {{"axis", int64_t{0}}});
}

// Groups as one filter with zeros between them: TensorFlow has no transposed convolution in groups.
StatusOr<Tensor> WithoutGroups(const Tensor& weights, int64_t group) {
  constexpr int64_t kMost = int64_t{1} << 24;
  const Tensor dense = weights.Dense();
  const int64_t in = weights.dims()[0], out = weights.dims()[1], width = SizeOf(weights.dtype());
  const int64_t taps = in * out == 0 ? 0 : weights.elements() / (in * out);
  if (group > kMost / std::max<int64_t>(1, weights.elements())) return Unsupported("a transposed convolution in ", group,
                                                                                   " groups with weights ",
                                                                                   weights.shape().ToString());
  Sizes dims = weights.dims();
  dims[1] = out * group;
  std::string bytes(static_cast<size_t>(weights.elements() * group * width), '\0');
  for (int64_t i = 0; i < in; ++i) {
    const int64_t at = i * out * group + i / (in / group) * out;
    std::memcpy(bytes.data() + at * taps * width, dense.DenseBytes().data() + i * out * taps * width,
                static_cast<size_t>(out * taps * width));
  }
  return Tensor::Buffer(weights.dtype(), dims, std::move(bytes));
}

// What a transposed convolution gives without padding is cut, or filled with zeros where output_padding asks for more.
StatusOr<Value> Trimmed(OpImport& op, Value x, const Sizes& before, const Sizes& after) {
  Sizes less, more;
  for (const int64_t cut : after) {
    less.push_back(std::max<int64_t>(0, cut));
    more.push_back(std::max<int64_t>(0, -cut));
  }
  const auto any = [](const Sizes& sizes) {
    return std::any_of(sizes.begin(), sizes.end(), [](int64_t size) { return size != 0; });
  };
  if (any(before) || any(less)) {
    const size_t rank = before.size() + 2;
    Sizes begin(rank, 0), end(rank, 0);
    int64_t begin_mask = 0, end_mask = 0;
    for (size_t i = 0; i < rank; ++i) {
      const bool space = i > 0 && i + 1 < rank;
      begin[i] = space ? before[i - 1] : 0;
      end[i] = space ? -less[i - 1] : 0;
      if (begin[i] == 0) begin_mask |= int64_t{1} << i;
      if (end[i] == 0) end_mask |= int64_t{1} << i;
    }
    ASSIGN_OR_RETURN(x, op.Emit("StridedSlice", {x, op.Indices("cut/begin", begin), op.Indices("cut/end", end),
                                                 op.Indices("cut/strides", Sizes(rank, 1))},
                                {{"begin_mask", begin_mask}, {"end_mask", end_mask}}, "cut"));
  }
  return any(more) ? Padded(op, x, Sizes(more.size(), 0), more, 0) : StatusOr<Value>(x);
}

Status ConvTranspose(OpImport& op) {
  const Shape weights = op.shape(1);
  RETURN_IF_ERROR(CheckFilter(op, weights));
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, Sizes(weights.dims().begin() + 2, weights.dims().end())));
  const auto axes = static_cast<size_t>(weights.rank() - 2);
  Sizes output_padding = op.IntList("output_padding", Sizes(axes, 0)), output_shape = op.IntList("output_shape");
  RETURN_IF_ERROR(CheckSizes(output_padding, axes, 0, "output_padding"));
  const size_t skipped = window.line ? 1 : 0;
  output_padding.insert(output_padding.begin(), skipped, 0);
  const int64_t group = op.Int("group", 1), in = op.shape(0).dim(1);
  if (group < 1 || weights.dim(0) % group != 0 || (in != kUnknownDim && in != weights.dim(0))) {
    return InvalidArgument("weights ", weights.ToString(), " in ", group, " groups do not fit ", in, " channels");
  }
  const std::string mode = op.String("auto_pad", "NOTSET");
  const bool by_shape = !output_shape.empty(), same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (by_shape) {
    if (output_shape.size() == axes + 2) output_shape.erase(output_shape.begin(), output_shape.begin() + 2);
    RETURN_IF_ERROR(CheckSizes(output_shape, axes, 1, "output_shape"));
  }
  // What the whole result has more than the wanted one, at either side.
  Sizes before, after, more;
  for (size_t i = 0; i < window.in.size(); ++i) {
    const int64_t whole_more = ReachOf(window, i) - window.strides[i];  // beyond size times stride
    int64_t front = window.before[i], back = window.after[i] - output_padding[i];
    if (i >= skipped && (by_shape || same)) {
      int64_t total = whole_more - output_padding[i];
      if (by_shape) {
        if (window.in[i] == kUnknownDim) return Unsupported("output_shape of data of unknown size");
        total = window.in[i] * window.strides[i] + whole_more - output_shape[i - skipped];
      }
      front = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      if (total < 0) front = 0;
      back = total - front;
    }
    before.push_back(front);
    after.push_back(back);
    more.push_back(whole_more);
  }
  // TensorFlow's own SAME.
  bool is_same = true, is_whole = true;
  for (size_t i = 0; i < before.size(); ++i) {
    const int64_t total = more[i];
    is_same = is_same && total >= 0 && before[i] == total / 2 && after[i] == total - total / 2;
    is_whole = is_whole && before[i] == 0 && after[i] == 0;
  }
  window.padding = is_same && !is_whole ? "SAME" : "VALID";
  const Sizes surplus = window.padding == "SAME" ? Sizes(more.size(), 0) : more;
  Tensor filter;
  if (op.Constant(1) == nullptr) return Unsupported("a transposed convolution with weights that are computed");
  filter = *op.Constant(1);
  if (group > 1) {
    ASSIGN_OR_RETURN(filter, WithoutGroups(filter, group));
  }
  const int64_t channels = filter.dims()[1];
  const std::vector<int> order = FilterOrder(filter.rank());
  Sizes dims;
  for (const int axis : order) dims.push_back(filter.dims()[static_cast<size_t>(axis)]);
  const Value weights_const = op.Const("weights", filter.Transposed(order).Reshaped(WithLine(window, dims)));
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  ASSIGN_OR_RETURN(const Value size, SizeOfResult(op, window, x, channels, surplus));
  AttrMap attrs = AttrsOf(window);
  attrs["dilations"] = Framed(window.dilations);
  ASSIGN_OR_RETURN(x, op.Emit(window.volume() ? "Conv3DBackpropInputV2" : "Conv2DBackpropInput", {size, weights_const, x},
                              attrs));
  if (window.padding == "VALID") {
    ASSIGN_OR_RETURN(x, Trimmed(op, x, before, after));
  }
  ASSIGN_OR_RETURN(x, WithBias(op, x));
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

// Windows that begin inside the padded data and end outside of them count with ceil_mode. More padding at the end.
Status CeilMode(OpImport& op, Sliding& window, Sizes& beyond) {
  beyond.assign(window.in.size(), 0);
  if (op.Int("ceil_mode", 0) == 0 || op.String("auto_pad", "NOTSET") != "NOTSET") return OkStatus();
  for (size_t i = 0; i < window.in.size(); ++i) {
    if (window.strides[i] == 1) continue;
    if (window.in[i] == kUnknownDim) {
      return Unsupported("ceil_mode of an unknown size; --inputs can give the model's inputs their shapes");
    }
    const int64_t room = window.in[i] + window.before[i] + window.after[i] - ReachOf(window, i), stride = window.strides[i];
    if (room < 0) return InvalidArgument("its window is larger than its input");
    int64_t windows = (room + stride - 1) / stride + 1;
    if ((windows - 1) * stride >= window.in[i] + window.before[i]) --windows;
    beyond[i] = std::max<int64_t>(0, (windows - 1) * stride - room);
    window.after[i] += beyond[i];
  }
  return OkStatus();
}

AttrMap PoolAttrs(const Sliding& window) {
  AttrMap attrs = AttrsOf(window);
  attrs["ksize"] = Framed(window.kernel);
  return attrs;
}

Status CheckDilations(const Sliding& window) {
  if (std::all_of(window.dilations.begin(), window.dilations.end(), [](int64_t d) { return d == 1; })) return OkStatus();
  return Unsupported("a pooling with dilations");
}

Status MaxPool(OpImport& op) {
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, {}));
  RETURN_IF_ERROR(CheckDilations(window));
  RETURN_IF_ERROR(AutoPad(op, window));
  Sizes beyond;
  RETURN_IF_ERROR(CeilMode(op, window, beyond));
  if (window.padding != "SAME") NamePadding(window);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  ASSIGN_OR_RETURN(x, PaddedVolume(op, window, x, std::numeric_limits<float>::lowest()));
  ASSIGN_OR_RETURN(x, op.Emit(window.volume() ? "MaxPool3D" : "MaxPool", {x}, PoolAttrs(window)));
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

// By how much a mean over whole windows has to be multiplied where part of a window does not count.
StatusOr<std::optional<Tensor>> Corrections(OpImport& op, const Sliding& window, const Sizes& beyond, bool counts_pads) {
  std::vector<std::vector<double>> factors;
  bool needed = false;
  int64_t elements = 1;
  for (size_t i = 0; i < window.in.size(); ++i) {
    factors.emplace_back();
    const int64_t first = counts_pads ? -window.before[i] : 0;
    constexpr int64_t kMostWindows = 1 << 20;
    if (window.in[i] / window.strides[i] > kMostWindows) return Unsupported("a mean over an input of ", window.in[i]);
    if (window.in[i] == kUnknownDim) {
      if (beyond[i] == 0 && (counts_pads || (window.before[i] == 0 && window.after[i] == 0))) {
        factors.back() = {1.0};
        continue;
      }
      return Unsupported("a mean over padding of an unknown size; --inputs can give the model's inputs their shapes");
    }
    const int64_t end = window.in[i] + (counts_pads ? window.after[i] - beyond[i] : 0);
    const int64_t room = window.in[i] + window.before[i] + window.after[i] - window.kernel[i];
    for (int64_t at = -window.before[i]; at <= room - window.before[i]; at += window.strides[i]) {
      const int64_t counted = std::min(end, at + window.kernel[i]) - std::max(first, at);
      if (counted < 1) return InvalidArgument("a window lies outside of its input");
      factors.back().push_back(static_cast<double>(window.kernel[i]) / static_cast<double>(counted));
      needed = needed || counted != window.kernel[i];
    }
    if (factors.back().empty()) return InvalidArgument("its window is larger than its input");
    constexpr int64_t kMost = 1 << 22;
    elements *= static_cast<int64_t>(factors.back().size());
    if (elements > kMost) return Unsupported("a mean over padding with ", elements, " results");
  }
  if (!needed) return std::optional<Tensor>();
  std::vector<float> all = {1.0F};
  Sizes dims = {1};
  for (const auto& axis : factors) {
    std::vector<float> next;
    for (const float outer : all) {
      for (const double inner : axis) next.push_back(static_cast<float>(outer * inner));
    }
    all = std::move(next);
    dims.push_back(static_cast<int64_t>(axis.size()));
  }
  dims.push_back(1);
  return std::optional<Tensor>(Tensor::Of<float>(dims, all).Cast(op.dtype(0)).Dense());
}

Status AveragePool(OpImport& op) {
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, {}));
  RETURN_IF_ERROR(CheckDilations(window));
  RETURN_IF_ERROR(AutoPad(op, window));
  Sizes beyond;
  RETURN_IF_ERROR(CeilMode(op, window, beyond));
  const bool counts_pads = op.Int("count_include_pad", 0) != 0;
  if (window.padding != "SAME") NamePadding(window);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  const std::string_view name = window.volume() ? "AvgPool3D" : "AvgPool";
  // TensorFlow's SAME does not count the padding.
  std::optional<Tensor> correction;
  if (window.padding == "EXPLICIT" || (window.padding == "SAME" && counts_pads)) {
    ASSIGN_OR_RETURN(correction, Corrections(op, window, beyond, counts_pads));
    ASSIGN_OR_RETURN(x, Padded(op, x, window.before, window.after, 0));
    window.padding = "VALID";
  }
  ASSIGN_OR_RETURN(x, op.Emit(name, {x}, PoolAttrs(window)));
  if (correction) {
    ASSIGN_OR_RETURN(x, op.Emit("Mul", {x, op.Const("correction", *correction)}));
  }
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

Status GlobalPool(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank < 3) return InvalidArgument("its input has rank ", rank, ", expected 3 or more");
  Sizes axes;
  for (int i = 1; i + 1 < rank; ++i) axes.push_back(i);
  ASSIGN_OR_RETURN(const Value x, op.Last(0));
  ASSIGN_OR_RETURN(const Value y, op.Emit(RowOf(op).tf, {x, op.Indices("axes", axes)}, {{"keep_dims", true}}));
  return op.Set(0, y, Lie::kChannelsLast);
}

}  // namespace

std::vector<ImportRow> WindowImports() {
  return {
      {"AveragePool", AveragePool},
      {"Conv", Conv, 2, 3},
      {"ConvTranspose", ConvTranspose, 2, 3},
      {"GlobalAveragePool", GlobalPool, 1, 1, "Mean"},
      {"GlobalMaxPool", GlobalPool, 1, 1, "Max"},
      {"MaxPool", MaxPool},
  };
}

}  // namespace permafrost::from_onnx
