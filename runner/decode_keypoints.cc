#include "runner/decode_keypoints.h"

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace {

// One channel of a heat map.
class Plane {
 public:
  Plane(const std::vector<float>& values, int64_t rows, int64_t columns, int64_t channels, int64_t channel)
      : values_(values), rows_(rows), columns_(columns), channels_(channels), channel_(channel) {}

  float At(int64_t y, int64_t x) const {
    return values_[static_cast<size_t>((y * columns_ + x) * channels_ + channel_)];
  }
  bool Has(int64_t y, int64_t x) const { return y >= 0 && x >= 0 && y < rows_ && x < columns_; }

  // Of equal neighbours the first in reading order is the peak.
  bool IsPeak(int64_t y, int64_t x) const {
    for (int64_t dy = -1; dy <= 1; ++dy) {
      for (int64_t dx = -1; dx <= 1; ++dx) {
        if ((dy == 0 && dx == 0) || !Has(y + dy, x + dx)) continue;
        const bool earlier = dy < 0 || (dy == 0 && dx < 0);
        const float other = At(y + dy, x + dx);
        if (earlier ? !(At(y, x) > other) : !(At(y, x) >= other)) return false;
      }
    }
    return true;
  }

 private:
  const std::vector<float>& values_;
  int64_t rows_, columns_, channels_, channel_;
};

// Where the parabola through three neighbours has its top, as a step from the middle one.
double Top(float before, float here, float after) {
  const double curve = 2.0 * here - before - after;
  return curve > 0 ? std::clamp(0.5 * (after - before) / curve, -0.5, 0.5) : 0.0;
}

}  // namespace

StatusOr<std::vector<Keypoint>> FindPeaks(const Array& heat_maps, const KeypointOptions& options) {
  std::vector<int64_t> dims = heat_maps.dims;
  if (dims.size() == 4 && dims[0] == 1) dims.erase(dims.begin());
  if (dims.size() != 3) {
    return InvalidArgument("an output of shape ", DimsText(heat_maps.dims), " is no heat map [1,height,width,parts]");
  }
  if (options.parts > dims[2]) {
    return InvalidArgument(options.parts, " parts, but the heat map has ", dims[2], " channels");
  }
  ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(heat_maps));
  std::vector<Keypoint> points;
  for (int64_t part = 0; part < (options.parts > 0 ? options.parts : dims[2]); ++part) {
    const Plane plane(values, dims[0], dims[1], dims[2], part);
    std::vector<Keypoint> peaks;
    for (int64_t y = 0; y < dims[0]; ++y) {
      for (int64_t x = 0; x < dims[1]; ++x) {
        if (!(plane.At(y, x) >= options.min_score) || !plane.IsPeak(y, x)) continue;
        Keypoint point{part, static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5, plane.At(y, x)};
        if (options.sub_pixel && plane.Has(y, x - 1) && plane.Has(y, x + 1)) {
          point.x += Top(plane.At(y, x - 1), point.score, plane.At(y, x + 1));
        }
        if (options.sub_pixel && plane.Has(y - 1, x) && plane.Has(y + 1, x)) {
          point.y += Top(plane.At(y - 1, x), point.score, plane.At(y + 1, x));
        }
        peaks.push_back(point);
      }
    }
    std::stable_sort(peaks.begin(), peaks.end(),
                     [](const Keypoint& a, const Keypoint& b) { return a.score > b.score; });
    peaks.resize(std::min(peaks.size(), static_cast<size_t>(std::max<int64_t>(options.most_per_part, 0))));
    points.insert(points.end(), peaks.begin(), peaks.end());
  }
  return points;
}

Keypoint ToPicture(const Keypoint& point, int64_t columns, int64_t rows, const Picture& picture) {
  const double input_x = point.x * static_cast<double>(picture.input_width) / static_cast<double>(columns);
  const double input_y = point.y * static_cast<double>(picture.input_height) / static_cast<double>(rows);
  return {point.part, (input_x - picture.map.offset_x) * picture.map.step_x,
          (input_y - picture.map.offset_y) * picture.map.step_y, point.score};
}

}  // namespace permafrost
