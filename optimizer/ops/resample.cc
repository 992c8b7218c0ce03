#include "optimizer/ops/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace permafrost {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int64_t kMaxWeights = int64_t{1} << 26;

// Weight of an input pixel at distance x >= 0, in output pixels when antialiasing, in input pixels otherwise.
struct Kernel {
  std::string_view name;
  float radius;
  float (*weight)(float x, float radius);
};

float Lanczos(float x, float radius) {
  if (x > radius) return 0;
  if (x <= 1e-3F) return 1;
  const double at = static_cast<double>(x) * kPi;
  return static_cast<float>(radius * std::sin(at) * std::sin(at / radius) / (at * at));
}
float Gaussian(float x, float radius) {
  const float sigma = radius / 3;
  return x >= radius ? 0 : std::exp(-x * x / (2 * sigma * sigma));
}
float Box(float x, float) { return x < 0.5F ? 1 : x == 0.5F ? 0.5F : 0; }
float Triangle(float x, float) { return x < 1 ? 1 - x : 0; }
float KeysCubic(float x, float) {
  if (x >= 2) return 0;
  return x >= 1 ? ((-0.5F * x + 2.5F) * x - 4) * x + 2 : (1.5F * x - 2.5F) * x * x + 1;
}
float MitchellCubic(float x, float) {
  if (x >= 2) return 0;
  if (x >= 1) return ((-7.0F / 18 * x + 2) * x - 10.0F / 3) * x + 16.0F / 9;
  return (7.0F / 6 * x - 2) * x * x + 8.0F / 9;
}

constexpr Kernel kKernels[] = {
    {"lanczos1", 1, Lanczos},    {"lanczos3", 3, Lanczos},
    {"lanczos5", 5, Lanczos},    {"gaussian", 1.5F, Gaussian},
    {"box", 0.5F, Box},          {"triangle", 1, Triangle},
    {"keyscubic", 2, KeysCubic}, {"mitchellcubic", 2, MitchellCubic},
};

}  // namespace

StatusOr<ResampleAxis> ResampleAxis::Make(std::string_view kernel, bool antialias, int64_t in, int64_t out, float scale,
                                          float translation) {
  const auto* found =
      std::find_if(std::begin(kKernels), std::end(kKernels), [&](const Kernel& row) { return row.name == kernel; });
  if (found == std::end(kKernels)) return Unsupported("kernel_type is '", kernel, "'");
  if (!(scale > 0) || !std::isfinite(scale) || !std::isfinite(translation)) {
    return InvalidArgument("scale ", scale, " and translation ", translation, ", expected a scale above 0");
  }
  const float step = 1.0F / scale, offset = -step * translation;
  const float widen = antialias ? std::max(step, 1.0F) : 1.0F;
  const float reach = found->radius * widen;
  if (!std::isfinite(offset) || !std::isfinite(reach) ||
      std::min(static_cast<double>(in), 2.0 * reach + 2) * static_cast<double>(out) > kMaxWeights) {
    return ResourceExhausted("every pixel depends on up to ", reach, " neighbours");
  }
  ResampleAxis axis;
  axis.spans.resize(static_cast<size_t>(out));
  for (int64_t o = 0; o < out; ++o) {
    const float at = (static_cast<float>(o) + 0.5F) * step + offset;
    if (!(at >= 0 && at <= static_cast<float>(in))) continue;
    const auto bound = [in](float i) { return std::clamp<int64_t>(static_cast<int64_t>(i), 0, in - 1); };
    const float most = static_cast<float>(in);
    const int64_t first = bound(std::clamp(std::ceil(at - reach - 0.5F), -1.0F, most));
    const int64_t last = bound(std::clamp(std::floor(at + reach - 0.5F), -1.0F, most));
    Span& span = axis.spans[static_cast<size_t>(o)];
    span.first = first;
    float total = 0;
    for (int64_t i = first; i <= last; ++i) {
      const float distance = std::abs(static_cast<float>(i) + 0.5F - at) / widen;
      span.weights.push_back(found->weight(distance, found->radius));
      total += span.weights.back();
    }
    if (std::abs(total) < 1000 * std::numeric_limits<float>::min()) continue;
    for (float& weight : span.weights) weight *= 1 / total;
  }
  return axis;
}

void Resample(const ResizeShape& shape, const ResampleAxis& rows, const ResampleAxis& columns, const float* x,
              float* y) {
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (const ResampleAxis::Span& row : rows.spans) {
      for (const ResampleAxis::Span& column : columns.spans) {
        for (int64_t c = 0; c < shape.channels; ++c) {
          float sum = 0;
          for (size_t i = 0; i < row.weights.size(); ++i) {
            const float* line =
                x + (b * shape.in_height + row.first + static_cast<int64_t>(i)) * shape.in_width * shape.channels;
            float across = 0;
            for (size_t k = 0; k < column.weights.size(); ++k) {
              across += column.weights[k] * line[(column.first + static_cast<int64_t>(k)) * shape.channels + c];
            }
            sum += row.weights[i] * across;
          }
          *y++ = sum;
        }
      }
    }
  }
}

}  // namespace permafrost
