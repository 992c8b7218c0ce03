#pragma once

#include <string>
#include <utility>
#include <vector>

#include "optimizer/frontend/keras/layer.h"

// What layers share that slide over one, two or three axes. TensorFlow has no ops for one axis: a second one of size 1 is
// put before it and taken away again.
namespace permafrost::keras {

class Spatial {
 public:
  // Reads data_format; `axes` is 1, 2 or 3. Errors: the input has another rank.
  static StatusOr<Spatial> Of(LayerContext& layer, int axes);

  int axes() const { return axes_; }
  bool channels_first() const { return channels_first_; }
  int ChannelAxis() const { return channels_first_ ? 1 : axes_ + 1; }
  int Axis(int i) const { return i + (channels_first_ ? 2 : 1); }  // of the input
  std::string Format() const;      // NHWC, NCHW, NDHWC, NCDHW
  std::string BiasFormat() const;  // NHWC or NCHW, which is what BiasAdd knows
  // One number per spatial axis as the op's attribute: 1 for batch and channels, `before` for the axis put before.
  std::vector<int64_t> Attribute(const std::vector<int64_t>& numbers, int64_t before = 1) const;
  // The kernel's dims with those of the axis put before.
  std::vector<int64_t> KernelDims(const std::vector<int64_t>& size, std::initializer_list<int64_t> channels) const;

  StatusOr<Value> Open(LayerContext& layer, Value value) const;
  StatusOr<Value> Close(LayerContext& layer, Value value) const;

 private:
  int axes_ = 2;
  bool channels_first_ = false;
};

// "SAME" or "VALID"; `causal` is taken when not null, and then is VALID.
StatusOr<std::string> ReadPadding(LayerContext& layer, bool* causal = nullptr);

// What to put before and after each spatial axis: n, [a, b] or [[a, b], [c, d]].
StatusOr<std::vector<std::pair<int64_t, int64_t>>> ReadPairs(LayerContext& layer, std::string_view key, int axes);

// The size of an axis as an int32 scalar: a Const when it is known. Times `factor` plus `more`.
StatusOr<Value> SizeOfAxis(LayerContext& layer, Value value, int axis, int64_t factor = 1, int64_t more = 0);

// The same elements as [batch, tail...]; one of `tail` may be -1.
StatusOr<Value> ReshapeTail(LayerContext& layer, Value value, std::vector<int64_t> tail);

// Dim i of the result is dim order[i] of `value`.
StatusOr<Value> TransposeTo(LayerContext& layer, Value value, const std::vector<int64_t>& order);
// [batch, channels, ...] to [batch, ..., channels] and back; `rank` of `value`.
StatusOr<Value> ChannelsLast(LayerContext& layer, Value value);
StatusOr<Value> ChannelsFirst(LayerContext& layer, Value value);

// To float32 when it is no floating type.
StatusOr<Value> ToFloat(LayerContext& layer, Value value);

}  // namespace permafrost::keras
