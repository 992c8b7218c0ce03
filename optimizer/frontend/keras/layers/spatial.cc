#include "optimizer/frontend/keras/layers/spatial.h"

#include <algorithm>

#include "optimizer/frontend/keras/activation.h"

namespace permafrost::keras {

StatusOr<Spatial> Spatial::Of(LayerContext& layer, int axes) {
  Spatial spatial;
  spatial.axes_ = axes;
  ASSIGN_OR_RETURN(const std::string format, layer.config().String("data_format", "channels_last"));
  if (format != "channels_last" && format != "channels_first") {
    return InvalidArgument("'data_format' is '", format, "', expected channels_last or channels_first");
  }
  spatial.channels_first_ = format == "channels_first";
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  if (rank != axes + 2) {
    return InvalidArgument("is called on ", layer.shape(layer.input()).ToString(), ", expected ", axes + 2, " dims");
  }
  return spatial;
}

std::string Spatial::Format() const {
  if (axes_ == 3) return channels_first_ ? "NCDHW" : "NDHWC";
  return BiasFormat();
}

std::string Spatial::BiasFormat() const { return channels_first_ ? "NCHW" : "NHWC"; }

std::vector<int64_t> Spatial::Attribute(const std::vector<int64_t>& numbers, int64_t before) const {
  std::vector<int64_t> all;
  if (axes_ == 1) all.push_back(before);
  all.insert(all.end(), numbers.begin(), numbers.end());
  all.insert(channels_first_ ? all.begin() : all.end(), 1);
  all.insert(all.begin(), 1);
  return all;
}

std::vector<int64_t> Spatial::KernelDims(const std::vector<int64_t>& size,
                                         std::initializer_list<int64_t> channels) const {
  std::vector<int64_t> dims;
  if (axes_ == 1) dims.push_back(1);
  dims.insert(dims.end(), size.begin(), size.end());
  dims.insert(dims.end(), channels);
  return dims;
}

StatusOr<Value> Spatial::Open(LayerContext& layer, Value value) const {
  if (axes_ != 1) return value;
  const Value axis = layer.Const("ExpandDims/dim", Tensor::Scalar<int32_t>(Axis(0)));
  return layer.Emit("ExpandDims", {value, axis});
}

StatusOr<Value> Spatial::Close(LayerContext& layer, Value value) const {
  if (axes_ != 1) return value;
  return layer.Emit("Squeeze", {value}, {{"squeeze_dims", std::vector<int64_t>{Axis(0)}}});
}

StatusOr<std::string> ReadPadding(LayerContext& layer, bool* causal) {
  ASSIGN_OR_RETURN(const std::string padding, layer.config().String("padding", "valid"));
  if (causal != nullptr) *causal = padding == "causal";
  if (padding == "same") return std::string("SAME");
  if (padding == "valid" || (padding == "causal" && causal != nullptr)) return std::string("VALID");
  return InvalidArgument("'padding' is '", padding, "', expected same or valid");
}

StatusOr<std::vector<std::pair<int64_t, int64_t>>> ReadPairs(LayerContext& layer, std::string_view key, int axes) {
  ASSIGN_OR_RETURN(const std::vector<double> numbers, layer.config().Numbers(key));
  const auto count = static_cast<size_t>(axes);
  for (const double number : numbers) {
    if (!(number >= 0 && number <= 1e9) || number != static_cast<double>(static_cast<int64_t>(number))) {
      return InvalidArgument("'", key, "' holds ", number, ", expected whole numbers from 0");
    }
  }
  std::vector<std::pair<int64_t, int64_t>> pairs(count);
  for (size_t i = 0; i < count; ++i) {
    double before = 0, after = 0;
    if (numbers.size() == 1) {
      before = after = numbers[0];
    } else if (numbers.size() == 2 * count) {
      before = numbers[2 * i];
      after = numbers[2 * i + 1];
    } else if (numbers.size() == count) {
      before = after = numbers[i];
    } else {
      return InvalidArgument("'", key, "' has ", numbers.size(), " numbers, expected ", 2 * count);
    }
    pairs[i] = {static_cast<int64_t>(before), static_cast<int64_t>(after)};
  }
  return pairs;
}

StatusOr<Value> SizeOfAxis(LayerContext& layer, Value value, int axis, int64_t factor, int64_t more) {
  if (const int64_t dim = layer.shape(value).dim(axis); dim >= 0) {
    if (dim > INT32_MAX || (factor > 0 && dim > INT32_MAX / factor)) return InvalidArgument("its output is too large");
    const int64_t size = dim * factor + more;
    if (size < 0 || size > INT32_MAX) return InvalidArgument("its output would have a dim of ", size);
    return layer.Const("size", Tensor::Scalar(static_cast<int32_t>(size)));
  }
  ASSIGN_OR_RETURN(const Value shape, layer.Emit("Shape", {value}));
  const Value begin = layer.Ints("slice/begin", {axis}), end = layer.Ints("slice/end", {axis + 1}),
              step = layer.Ints("slice/step", {1});
  ASSIGN_OR_RETURN(Value size, layer.Emit("StridedSlice", {shape, begin, end, step},
                                          {{"shrink_axis_mask", int64_t{1}}}, "slice"));
  if (factor != 1) {
    ASSIGN_OR_RETURN(size, WithNumber(layer, "Mul", size, static_cast<double>(factor), "size/factor"));
  }
  if (more != 0) {
    ASSIGN_OR_RETURN(size, WithNumber(layer, "AddV2", size, static_cast<double>(more), "size/more"));
  }
  return size;
}

StatusOr<Value> ReshapeTail(LayerContext& layer, Value value, std::vector<int64_t> tail) {
  const Shape& shape = layer.shape(value);
  std::vector<int64_t> rest;
  for (int i = 1; i < shape.rank(); ++i) rest.push_back(shape.dim(i));
  const int64_t elements = CheckedElements(rest);
  const auto open = std::find(tail.begin(), tail.end(), -1);
  if (open != tail.end() && elements >= 0 && shape.has_rank()) {
    *open = 1;
    const int64_t others = CheckedElements(tail);
    if (others <= 0 || elements % others != 0) {
      return InvalidArgument("cannot make ", elements, " elements into rows of ", others);
    }
    *open = elements / others;
  }
  if (std::find(tail.begin(), tail.end(), -1) == tail.end()) {
    const int64_t wanted = CheckedElements(tail);
    if (elements >= 0 && shape.has_rank() && wanted != elements) {
      return InvalidArgument("cannot make ", elements, " elements into ", Shape(tail).ToString());
    }
    tail.insert(tail.begin(), -1);
    return layer.Emit("Reshape", {value, layer.Ints("Reshape/shape", tail)});
  }
  ASSIGN_OR_RETURN(const Value batch, SizeOfAxis(layer, value, 0));
  std::vector<Value> sizes = {batch};
  for (const int64_t size : tail) {
    sizes.push_back(layer.Const("Reshape/size", Tensor::Scalar(static_cast<int32_t>(size))));
  }
  ASSIGN_OR_RETURN(const Value packed, layer.Emit("Pack", sizes, {{"axis", int64_t{0}}}, "Reshape/shape"));
  return layer.Emit("Reshape", {value, packed});
}

StatusOr<Value> TransposeTo(LayerContext& layer, Value value, const std::vector<int64_t>& order) {
  return layer.Emit("Transpose", {value, layer.Ints("Transpose/perm", order)});
}

StatusOr<Value> ChannelsLast(LayerContext& layer, Value value) {
  ASSIGN_OR_RETURN(const int rank, layer.Rank(value));
  std::vector<int64_t> order = {0};
  for (int i = 2; i < rank; ++i) order.push_back(i);
  if (rank > 1) order.push_back(1);
  return TransposeTo(layer, value, order);
}

StatusOr<Value> ChannelsFirst(LayerContext& layer, Value value) {
  ASSIGN_OR_RETURN(const int rank, layer.Rank(value));
  std::vector<int64_t> order = {0};
  if (rank > 1) order.push_back(rank - 1);
  for (int i = 1; i + 1 < rank; ++i) order.push_back(i);
  return TransposeTo(layer, value, order);
}

StatusOr<Value> ToFloat(LayerContext& layer, Value value) {
  if (IsFloating(layer.dtype(value))) return value;
  return layer.Emit("Cast", {value}, {{"DstT", DType::kFloat32}});
}

}  // namespace permafrost::keras
