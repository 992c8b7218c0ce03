#include "optimizer/passes/norm_affine.h"

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace {

bool AllAre(const std::vector<double>& values, double wanted) {
  return std::all_of(values.begin(), values.end(), [=](double value) { return value == wanted; });
}

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

double At(const std::vector<double>& values, size_t channel) { return values[values.size() == 1 ? 0 : channel]; }

}  // namespace

int64_t ChannelAffine::channels() const { return static_cast<int64_t>(std::max(scale.size(), shift.size())); }
bool ChannelAffine::ScalesNothing() const { return AllAre(scale, 1.0); }
bool ChannelAffine::ShiftsNothing() const { return AllAre(shift, 0.0); }
bool ChannelAffine::IsFinite() const { return AllFinite(scale) && AllFinite(shift); }

std::optional<ChannelAffine> Compose(const ChannelAffine& first, const ChannelAffine& second) {
  const bool both = first.channels() > 1 && second.channels() > 1;
  if (both && (first.axis != second.axis || first.channels() != second.channels())) return std::nullopt;
  ChannelAffine result;
  result.axis = first.channels() > 1 ? first.axis : second.axis;
  const auto channels = static_cast<size_t>(std::max(first.channels(), second.channels()));
  result.scale.resize(channels);
  result.shift.resize(channels);
  for (size_t c = 0; c < channels; ++c) {
    result.scale[c] = At(second.scale, c) * At(first.scale, c);
    result.shift[c] = At(second.scale, c) * At(first.shift, c) + At(second.shift, c);
  }
  result.scale = Shrunk(std::move(result.scale));
  result.shift = Shrunk(std::move(result.shift));
  return result;
}

std::vector<double> Shrunk(std::vector<double> values) {
  if (!values.empty() && AllAre(values, values.front())) values.resize(1);
  return values;
}

std::vector<double> Expanded(const std::vector<double>& values, int64_t channels) {
  return values.size() == 1 ? std::vector<double>(static_cast<size_t>(channels), values.front()) : values;
}

std::optional<Tensor> RoundedTo(DType dtype, std::vector<int64_t> dims, const std::vector<double>& values) {
  Tensor rounded = Tensor::Of(std::move(dims), values).Cast(dtype).Dense();
  if (!AllFinite(rounded.Values<double>())) return std::nullopt;
  return rounded;
}

}  // namespace permafrost
