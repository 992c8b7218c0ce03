#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "optimizer/ir/graph.h"

// Sliding windows, padding and data layouts, as convolution, pooling and normalisation share them.
namespace permafrost {

// How batch, space and channels of an activation lie: NHWC or NCHW and their 3-D forms.
struct Layout {
  int spatial = 2;
  bool channels_first = false;
  int rank() const { return spatial + 2; }
  int channel_axis() const { return channels_first ? 1 : spatial + 1; }
  int spatial_axis(int i) const { return channels_first ? i + 2 : i + 1; }
};

// From data_format; channels last when the node does not say. Errors: another format.
StatusOr<Layout> LayoutOf(const Node& node, int spatial);

// The attribute as T, or `fallback` when it is absent. Errors: it has another type.
template <class T>
StatusOr<T> AttrAs(const Node& node, std::string_view name, T fallback) {
  const auto found = node.attrs.find(name);
  if (found == node.attrs.end()) return fallback;
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) return InvalidArgument("attribute '", name, "' has the wrong type");
  return *value;
}

enum class Padding { kValid, kSame, kExplicit };

struct WindowAttrs {
  Layout layout;
  std::vector<int64_t> strides, dilations;  // one per spatial axis
  Padding padding = Padding::kValid;
  std::vector<int64_t> pads;  // before and after, per spatial axis; kExplicit only
};
// strides, dilations, padding, explicit_paddings and data_format of a node. Errors: missing, not positive, or not 1
// along batch or channels.
StatusOr<WindowAttrs> ReadWindowAttrs(const Node& node, int spatial);
// The part of a per-dim list that belongs to space. Errors: wrong length, not positive, not 1 along batch or channels.
StatusOr<std::vector<int64_t>> SpatialPart(const Layout& layout, std::string_view name,
                                           const std::vector<int64_t>& per_dim);

// The window along one axis.
struct Window {
  int64_t in = 1, kernel = 1, stride = 1, dilation = 1, pad_before = 0, out = 1;
  // Kernel taps [first, second) that lie on the input when output `o` is computed.
  std::pair<int64_t, int64_t> Taps(int64_t o) const;
  // Input position of a tap.
  int64_t At(int64_t o, int64_t tap) const { return o * stride - pad_before + tap * dilation; }
  bool IsIdentity() const { return kernel == 1 && stride == 1 && pad_before == 0 && in == out; }
};
// `in` and `kernel` may be kUnknownDim; then `out` may be, too. Errors: sizes beyond 2^31, a kernel larger than the
// padded input.
StatusOr<Window> WindowOf(const WindowAttrs& attrs, int axis, int64_t in, int64_t kernel);

// The output shape of windows of size `kernel` (one per spatial axis) over `in`; rank and dims may be unknown.
StatusOr<Shape> WindowedShape(const WindowAttrs& attrs, const Shape& in, const std::vector<int64_t>& kernel,
                              int64_t out_channels);

// Activations with channels last (Dense); back again.
Tensor ToChannelsLast(const Tensor& tensor, const Layout& layout);
Tensor FromChannelsLast(const Tensor& tensor, const Layout& layout);

// Errors: a known rank other than `rank`.
Status CheckRank(const Shape& shape, int rank, std::string_view what);
// Errors: a tensor that is not a list of `count` int32 or int64 elements (any number when count < 0).
StatusOr<std::vector<int64_t>> IntegerList(const Tensor& tensor, int64_t count, std::string_view what);

}  // namespace permafrost
