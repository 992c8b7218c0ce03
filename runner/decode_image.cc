#include "runner/decode_image.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runner/cv_guard.h"

namespace permafrost {
namespace {

struct Line {
  float factor, offset;  // pixel = value * factor + offset
};

Line LineOf(ImageRange range, const std::vector<float>& values) {
  constexpr float kSome = 0.25F;  // networks overshoot
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (range == ImageRange::kAuto) {
    range = *most > 1 + kSome ? ImageRange::kBytes : *least < -kSome ? ImageRange::kSigned : ImageRange::kUnit;
  }
  if (range == ImageRange::kUnit) return {255, 0};
  if (range == ImageRange::kSigned) return {127.5F, 127.5F};
  return {1, 0};
}

}  // namespace

StatusOr<cv::Mat> ToImage(const Array& output, const ImageOptions& options) {
  std::vector<int64_t> dims = output.dims;
  if (dims.size() == 4 && dims[0] == 1) dims.erase(dims.begin());
  if (dims.size() == 2) dims.push_back(1);
  const auto fits = [](int64_t dim) { return dim > 0 && dim <= 1 << 15; };
  if (dims.size() != 3 || (dims[2] != 1 && dims[2] != 3) || !fits(dims[0]) || !fits(dims[1])) {
    return InvalidArgument("an output of shape ", DimsText(output.dims), " is no picture [1,height,width,1 or 3]");
  }
  ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(output));
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
    return InvalidArgument("a picture holds what is no number");
  }
  const Line line = LineOf(options.range, values);
  const auto pixel = [&](size_t i) {
    return static_cast<uint8_t>(std::lround(std::clamp(values[i] * line.factor + line.offset, 0.0F, 255.0F)));
  };
  cv::Mat image;
  RETURN_IF_ERROR(Guarded("making a picture", [&]() -> Status {
    image.create(static_cast<int>(dims[0]), static_cast<int>(dims[1]), CV_8UC3);
    const size_t channels = static_cast<size_t>(dims[2]);
    uint8_t* out = image.data;
    for (size_t i = 0; i < values.size(); i += channels) {
      for (size_t c = 0; c < 3; ++c) {
        const size_t from = channels == 1 ? 0 : options.bgr ? c : 2 - c;
        *out++ = pixel(i + from);
      }
    }
    return OkStatus();
  }));
  return image;
}

}  // namespace permafrost
