#include "optimizer/ops/window.h"

#include <algorithm>

namespace permafrost {
namespace {

constexpr int64_t kMaxSize = INT32_MAX;  // products of two sizes stay in range

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

StatusOr<std::vector<int64_t>> ReadPads(const Node& node, const Layout& layout) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> all, AttrAs<std::vector<int64_t>>(node, "explicit_paddings", {}));
  if (all.size() != 2 * static_cast<size_t>(layout.rank())) {
    return InvalidArgument("explicit_paddings has ", all.size(), " numbers, expected ", 2 * layout.rank());
  }
  if (std::any_of(all.begin(), all.end(), [](int64_t pad) { return pad < 0 || pad > kMaxSize; })) {
    return InvalidArgument("explicit_paddings has a number that is negative or above 2^31");
  }
  std::vector<int64_t> pads;
  int64_t kept = 0, sum = 0;
  for (int i = 0; i < layout.spatial; ++i) {
    const auto at = 2 * static_cast<size_t>(layout.spatial_axis(i));
    pads.push_back(all[at]);
    pads.push_back(all[at + 1]);
    kept += all[at] + all[at + 1];
  }
  for (int64_t pad : all) sum += pad;
  if (sum != kept) return InvalidArgument("explicit_paddings pads batch or channels, expected 0 there");
  return pads;
}

}  // namespace

StatusOr<Layout> LayoutOf(const Node& node, int spatial) {
  const std::string last = spatial == 3 ? "NDHWC" : "NHWC", first = spatial == 3 ? "NCDHW" : "NCHW";
  ASSIGN_OR_RETURN(const std::string format, AttrAs<std::string>(node, "data_format", last));
  if (format != last && format != first) {
    return InvalidArgument("data_format is '", format, "', expected ", last, " or ", first);
  }
  return Layout{spatial, format == first};
}

StatusOr<std::vector<int64_t>> SpatialPart(const Layout& layout, std::string_view name,
                                           const std::vector<int64_t>& per_dim) {
  if (static_cast<int>(per_dim.size()) != layout.rank()) {
    return InvalidArgument(name, " has ", per_dim.size(), " numbers, expected ", layout.rank());
  }
  for (int64_t value : per_dim) {
    if (value < 1 || value > kMaxSize) return InvalidArgument(name, " has ", value, ", expected 1 to 2^31");
  }
  if (per_dim[0] != 1 || per_dim[static_cast<size_t>(layout.channel_axis())] != 1) {
    return Unsupported(name, " is not 1 along batch or channels");
  }
  std::vector<int64_t> part;
  for (int i = 0; i < layout.spatial; ++i) part.push_back(per_dim[static_cast<size_t>(layout.spatial_axis(i))]);
  return part;
}

StatusOr<WindowAttrs> ReadWindowAttrs(const Node& node, int spatial) {
  WindowAttrs attrs;
  ASSIGN_OR_RETURN(attrs.layout, LayoutOf(node, spatial));
  const std::vector<int64_t> ones(static_cast<size_t>(attrs.layout.rank()), 1);
  ASSIGN_OR_RETURN(const auto strides, AttrAs<std::vector<int64_t>>(node, "strides", {}));
  ASSIGN_OR_RETURN(attrs.strides, SpatialPart(attrs.layout, "strides", strides));
  ASSIGN_OR_RETURN(const auto dilations, AttrAs<std::vector<int64_t>>(node, "dilations", ones));
  ASSIGN_OR_RETURN(attrs.dilations, SpatialPart(attrs.layout, "dilations", dilations));
  ASSIGN_OR_RETURN(const std::string padding, AttrAs<std::string>(node, "padding", ""));
  if (padding == "SAME") {
    attrs.padding = Padding::kSame;
  } else if (padding == "EXPLICIT") {
    attrs.padding = Padding::kExplicit;
    ASSIGN_OR_RETURN(attrs.pads, ReadPads(node, attrs.layout));
  } else if (padding != "VALID") {
    return InvalidArgument("padding is '", padding, "', expected SAME, VALID or EXPLICIT");
  }
  return attrs;
}

std::pair<int64_t, int64_t> Window::Taps(int64_t o) const {
  const int64_t origin = o * stride - pad_before;
  const int64_t first = origin < 0 ? CeilDiv(-origin, dilation) : 0;
  const int64_t end = origin >= in ? 0 : std::min(kernel, CeilDiv(in - origin, dilation));
  return {first, std::max(first, end)};
}

StatusOr<Window> WindowOf(const WindowAttrs& attrs, int axis, int64_t in, int64_t kernel) {
  const auto i = static_cast<size_t>(axis);
  Window window{in, kernel, attrs.strides[i], attrs.dilations[i], 0, kUnknownDim};
  if (in > kMaxSize || kernel > kMaxSize || kernel == 0) {
    return InvalidArgument("a window of ", kernel, " over ", in, " elements: expected 1 to 2^31");
  }
  if (in < 0) return window;
  if (attrs.padding == Padding::kSame) {
    window.out = CeilDiv(in, window.stride);
    if (kernel < 0) return window;
    const int64_t extent = (kernel - 1) * window.dilation + 1;
    window.pad_before = std::max<int64_t>(0, (window.out - 1) * window.stride + extent - in) / 2;
    return window;
  }
  int64_t padded = in;
  if (attrs.padding == Padding::kExplicit) {
    window.pad_before = attrs.pads[2 * i];
    padded += attrs.pads[2 * i] + attrs.pads[2 * i + 1];
  }
  if (kernel < 0) return window;
  const int64_t extent = (kernel - 1) * window.dilation + 1;
  if (extent > padded) return InvalidArgument("the window spans ", extent, " elements, the padded input has ", padded);
  window.out = (padded - extent) / window.stride + 1;
  return window;
}

StatusOr<Shape> WindowedShape(const WindowAttrs& attrs, const Shape& in, const std::vector<int64_t>& kernel,
                              int64_t out_channels) {
  const Layout& layout = attrs.layout;
  RETURN_IF_ERROR(CheckRank(in, layout.rank(), "the input"));
  Shape out = Shape::OfRank(layout.rank());
  out.set_dim(0, in.dim(0));
  out.set_dim(layout.channel_axis(), out_channels);
  for (int i = 0; i < layout.spatial; ++i) {
    const int axis = layout.spatial_axis(i);
    ASSIGN_OR_RETURN(const Window window, WindowOf(attrs, i, in.dim(axis), kernel[static_cast<size_t>(i)]));
    out.set_dim(axis, window.out);
  }
  return out;
}

Tensor ToChannelsLast(const Tensor& tensor, const Layout& layout) {
  if (!layout.channels_first) return tensor.Dense();
  std::vector<int> permutation = {0};
  for (int i = 0; i < layout.spatial; ++i) permutation.push_back(i + 2);
  permutation.push_back(1);
  return tensor.Transposed(permutation).Dense();
}

Tensor FromChannelsLast(const Tensor& tensor, const Layout& layout) {
  if (!layout.channels_first) return tensor;
  std::vector<int> permutation = {0, layout.spatial + 1};
  for (int i = 0; i < layout.spatial; ++i) permutation.push_back(i + 1);
  return tensor.Transposed(permutation).Dense();
}

Status CheckRank(const Shape& shape, int rank, std::string_view what) {
  if (shape.has_rank() && shape.rank() != rank) {
    return InvalidArgument(what, " has shape ", shape.ToString(), ", expected rank ", rank);
  }
  return OkStatus();
}

StatusOr<std::vector<int64_t>> IntegerList(const Tensor& tensor, int64_t count, std::string_view what) {
  if (tensor.rank() != 1 || (tensor.dtype() != DType::kInt32 && tensor.dtype() != DType::kInt64)) {
    return InvalidArgument(what, " is ", NameOf(tensor.dtype()), tensor.shape().ToString(),
                           ", expected a list of integers");
  }
  if (count >= 0 && tensor.elements() != count) {
    return InvalidArgument(what, " has ", tensor.elements(), " numbers, expected ", count);
  }
  constexpr int64_t kMost = 1024;  // one for each axis: far more than any tensor has
  if (count < 0 && (tensor.elements() < 0 || tensor.elements() > kMost)) {
    return InvalidArgument(what, " has shape ", tensor.shape().ToString(), ", expected at most ", kMost, " numbers");
  }
  return tensor.Values<int64_t>();
}

}  // namespace permafrost
