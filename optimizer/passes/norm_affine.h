#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "optimizer/ir/tensor.h"

namespace permafrost {

// y = scale * x + shift for each channel: what a norm in inference, a bias and a scaling all are. A vector of length 1
// stands for all channels. Worked out in double, rounded once when written.
struct ChannelAffine {
  int axis = -1;  // of the channels, counted from the end; means nothing when channels() is 1
  std::vector<double> scale = {1.0};
  std::vector<double> shift = {0.0};

  int64_t channels() const;
  bool ScalesNothing() const;  // all scales are 1
  bool ShiftsNothing() const;  // all shifts are 0
  bool IsFinite() const;
};

// `first`, then `second`; nullopt when they run along different axes or channel counts.
std::optional<ChannelAffine> Compose(const ChannelAffine& first, const ChannelAffine& second);

// One value when all are the same.
std::vector<double> Shrunk(std::vector<double> values);
// `channels` values from one or from as many.
std::vector<double> Expanded(const std::vector<double>& values, int64_t channels);

// The values rounded to a floating dtype; nullopt when one is not finite there.
std::optional<Tensor> RoundedTo(DType dtype, std::vector<int64_t> dims, const std::vector<double>& values);

}  // namespace permafrost
