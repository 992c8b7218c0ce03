#include "optimizer/ops/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace permafrost {
namespace {

int64_t Bound(int64_t i, int64_t size) { return std::clamp<int64_t>(i, 0, size - 1); }

// What one output pixel takes along one axis: at most this many input pixels, each with a weight.
struct Weighted {
  int64_t index;
  float weight;
};
template <size_t kCount>
using Mix = std::array<Weighted, kCount>;

struct Lerp {
  int64_t lower, upper;
  float fraction;
};

std::vector<Lerp> LerpsOf(const Sampling& sampling, int64_t in, int64_t out) {
  const float scale = sampling.Scale(in, out);
  std::vector<Lerp> lerps;
  for (int64_t o = 0; o < out; ++o) {
    const float at = sampling.At(o, scale), floor = std::floor(at);
    lerps.push_back(
        {Bound(static_cast<int64_t>(floor), in), Bound(static_cast<int64_t>(std::ceil(at)), in), at - floor});
  }
  return lerps;
}

// The cubic convolution's weights at distance `fraction` of 1024ths; Keys' constant with half-pixel centres.
std::vector<Mix<4>> CubicsOf(const Sampling& sampling, int64_t in, int64_t out) {
  constexpr int kSteps = 1024;
  const bool keys = sampling.half_pixel_centers;
  const double a = keys ? -0.5 : -0.75;
  const auto near = [a](int64_t step) {
    const auto x = static_cast<float>(static_cast<double>(step) / kSteps);
    return static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
  };
  const auto far = [a](int64_t step) {
    const auto x = static_cast<float>(static_cast<double>(step) / kSteps + 1.0);
    return static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
  };
  const float scale = sampling.Scale(in, out);
  std::vector<Mix<4>> mixes;
  for (int64_t o = 0; o < out; ++o) {
    const float at = sampling.At(o, scale);
    const auto floor = static_cast<int64_t>(std::floor(at));
    const int64_t step = std::lrint((at - static_cast<float>(floor)) * kSteps);
    Mix<4> mix = {{{floor - 1, far(step)},
                   {floor, near(step)},
                   {floor + 1, near(kSteps - step)},
                   {floor + 2, far(kSteps - step)}}};
    float sum = 0;
    for (Weighted& part : mix) {
      const int64_t bound = Bound(part.index, in);
      if (keys && bound != part.index) part.weight = 0;
      part.index = bound;
      sum += part.weight;
    }
    if (keys && std::abs(sum) >= 1000 * std::numeric_limits<float>::min()) {
      for (Weighted& part : mix) part.weight *= 1 / sum;
    }
    mixes.push_back(mix);
  }
  return mixes;
}

// How much of each input pixel output pixel `o` covers, not yet divided by the area.
std::vector<Weighted> AreaOf(int64_t o, float scale, int64_t in) {
  const float from = static_cast<float>(o) * scale, to = static_cast<float>(o + 1) * scale;
  std::vector<Weighted> parts;
  for (auto i = static_cast<int64_t>(std::floor(from)); i < static_cast<int64_t>(std::ceil(to)); ++i) {
    const auto left = static_cast<float>(i), right = static_cast<float>(i + 1);
    const float weight = left < from ? (right > to ? scale : right - from) : (right > to ? to - left : 1.0F);
    parts.push_back({Bound(i, in), weight});
  }
  return parts;
}

}  // namespace

void ResizeBilinear(const ResizeShape& shape, const Sampling& sampling, const float* x, float* y) {
  const auto rows = LerpsOf(sampling, shape.in_height, shape.out_height);
  const auto columns = LerpsOf(sampling, shape.in_width, shape.out_width);
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (const Lerp& row : rows) {
      const float* top = x + (b * shape.in_height + row.lower) * shape.in_width * shape.channels;
      const float* bottom = x + (b * shape.in_height + row.upper) * shape.in_width * shape.channels;
      for (const Lerp& column : columns) {
        for (int64_t c = 0; c < shape.channels; ++c) {
          const int64_t left = column.lower * shape.channels + c, right = column.upper * shape.channels + c;
          const float above = top[left] + (top[right] - top[left]) * column.fraction;
          const float below = bottom[left] + (bottom[right] - bottom[left]) * column.fraction;
          *y++ = above + (below - above) * row.fraction;
        }
      }
    }
  }
}

void ResizeBicubic(const ResizeShape& shape, const Sampling& sampling, const float* x, float* y) {
  const auto rows = CubicsOf(sampling, shape.in_height, shape.out_height);
  const auto columns = CubicsOf(sampling, shape.in_width, shape.out_width);
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (const Mix<4>& row : rows) {
      for (const Mix<4>& column : columns) {
        for (int64_t c = 0; c < shape.channels; ++c) {
          float sum = 0;
          for (const Weighted& across : column) {
            float along = 0;
            for (const Weighted& down : row) {
              along += down.weight *
                       x[((b * shape.in_height + down.index) * shape.in_width + across.index) * shape.channels + c];
            }
            sum += across.weight * along;
          }
          *y++ = sum;
        }
      }
    }
  }
}

void ResizeArea(const ResizeShape& shape, const Sampling& sampling, const float* x, float* y) {
  const float height_scale = sampling.Scale(shape.in_height, shape.out_height);
  const float width_scale = sampling.Scale(shape.in_width, shape.out_width);
  const float part = 1.0F / (height_scale * width_scale);
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t oy = 0; oy < shape.out_height; ++oy) {
      const std::vector<Weighted> rows = AreaOf(oy, height_scale, shape.in_height);
      for (int64_t ox = 0; ox < shape.out_width; ++ox) {
        const std::vector<Weighted> columns = AreaOf(ox, width_scale, shape.in_width);
        for (int64_t c = 0; c < shape.channels; ++c) {
          float sum = 0;
          for (const Weighted& row : rows) {
            for (const Weighted& column : columns) {
              sum += row.weight * column.weight *
                     x[((b * shape.in_height + row.index) * shape.in_width + column.index) * shape.channels + c];
            }
          }
          *y++ = sum * part;
        }
      }
    }
  }
}

void ResizeNearest(const ResizeShape& shape, const Sampling& sampling, const char* x, int64_t size, char* y) {
  const auto indexes = [&](int64_t in, int64_t out) {
    const float scale = sampling.Scale(in, out);
    std::vector<int64_t> picked;
    for (int64_t o = 0; o < out; ++o) {
      const float at = (static_cast<float>(o) + (sampling.half_pixel_centers ? 0.5F : 0.0F)) * scale;
      picked.push_back(Bound(static_cast<int64_t>(sampling.align_corners ? std::round(at) : std::floor(at)), in));
    }
    return picked;
  };
  const std::vector<int64_t> rows = indexes(shape.in_height, shape.out_height);
  const std::vector<int64_t> columns = indexes(shape.in_width, shape.out_width);
  const int64_t pixel = shape.channels * size;
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t row : rows) {
      for (int64_t column : columns) {
        std::memcpy(y, x + ((b * shape.in_height + row) * shape.in_width + column) * pixel, static_cast<size_t>(pixel));
        y += pixel;
      }
    }
  }
}

}  // namespace permafrost
