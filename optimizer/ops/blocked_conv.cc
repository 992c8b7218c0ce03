#include "optimizer/ops/blocked_conv.h"

#include <Eigen/Core>
#include <algorithm>
#include <vector>

namespace permafrost {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Matrix, Eigen::Unaligned, Eigen::OuterStride<>>;
using Map = Eigen::Map<Matrix, Eigen::Unaligned, Eigen::OuterStride<>>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;
using Row = Eigen::Map<Eigen::ArrayXf>;

constexpr int64_t kBlockFloats = int64_t{1} << 19;  // of patches at a time: 2 MiB

int64_t BlockRows(int64_t row_floats, int64_t rows) {
  return std::clamp<int64_t>(kBlockFloats / row_floats, 1, std::max<int64_t>(rows, 1));
}

// Calls f(offset of the input pixel, offset of the tap, count) for every run of taps along the last axis that lies on
// the input of output pixel `o`. Taps of a run are `dilation` pixels apart.
template <class F>
void ForEachTapRun(const ConvShape& shape, int64_t o, F&& f) {
  const Window &d = shape.window[0], &h = shape.window[1], &w = shape.window[2];
  const int64_t od = o / (h.out * w.out), oh = o / w.out % h.out, ow = o % w.out;
  const auto [d0, d1] = d.Taps(od);
  const auto [h0, h1] = h.Taps(oh);
  const auto [w0, w1] = w.Taps(ow);
  if (w0 == w1) return;
  for (int64_t kd = d0; kd < d1; ++kd) {
    for (int64_t kh = h0; kh < h1; ++kh) {
      const int64_t pixel = (d.At(od, kd) * h.in + h.At(oh, kh)) * w.in + w.At(ow, w0);
      f(pixel, (kd * h.kernel + kh) * w.kernel + w0, w1 - w0);
    }
  }
}

// Rows of `patches`: what the windows of output pixels [first, first + count) see of one group's channels.
void GatherPatches(const ConvShape& shape, const float* x, int64_t group, int64_t first, int64_t count,
                   float* patches) {
  const int64_t channels = shape.group_in(), row = shape.taps() * channels, dilation = shape.window[2].dilation;
  std::fill_n(patches, count * row, 0.0F);
  for (int64_t i = 0; i < count; ++i) {
    ForEachTapRun(shape, first + i, [&](int64_t pixel, int64_t tap, int64_t taps) {
      const float* from = x + pixel * shape.in_channels + group * channels;
      float* to = patches + i * row + tap * channels;
      if (dilation == 1 && shape.groups == 1) {
        std::copy_n(from, taps * channels, to);
        return;
      }
      for (int64_t t = 0; t < taps; ++t) {
        std::copy_n(from + t * dilation * shape.in_channels, channels, to + t * channels);
      }
    });
  }
}

void ScatterPatches(const ConvShape& shape, const float* patches, int64_t group, int64_t first, int64_t count,
                    float* x) {
  const int64_t channels = shape.group_in(), row = shape.taps() * channels, dilation = shape.window[2].dilation;
  for (int64_t i = 0; i < count; ++i) {
    ForEachTapRun(shape, first + i, [&](int64_t pixel, int64_t tap, int64_t taps) {
      float* to = x + pixel * shape.in_channels + group * channels;
      const float* from = patches + i * row + tap * channels;
      for (int64_t t = 0; t < taps; ++t) {
        Row(to + t * dilation * shape.in_channels, channels) += ConstRow(from + t * channels, channels);
      }
    });
  }
}

}  // namespace

void BlockedConv(const ConvShape& shape, const float* x, const float* w, float* y) {
  const int64_t row = shape.taps() * shape.group_in(), pixels = shape.out_pixels(), columns = shape.group_out();
  const Eigen::OuterStride<> out_stride(shape.out_channels);
  const bool pointwise = shape.groups == 1 && std::all_of(shape.window.begin(), shape.window.end(),
                                                          [](const Window& window) { return window.IsIdentity(); });
  if (pointwise) {
    BlockedMatMul(shape.batch * pixels, row, columns, x, false, w, false, y);
    return;
  }
  const int64_t block = BlockRows(row, pixels);
  std::vector<float> patches(static_cast<size_t>(block * row));
  for (int64_t b = 0; b < shape.batch; ++b) {
    const float* image = x + b * shape.in_pixels() * shape.in_channels;
    float* result = y + b * pixels * shape.out_channels;
    for (int64_t first = 0; first < pixels; first += block) {
      const int64_t count = std::min(block, pixels - first);
      for (int64_t g = 0; g < shape.groups; ++g) {
        GatherPatches(shape, image, g, first, count, patches.data());
        Map(result + first * shape.out_channels + g * columns, count, columns, out_stride).noalias() =
            ConstMap(patches.data(), count, row, Eigen::OuterStride<>(row)) *
            ConstMap(w + g * columns, row, columns, out_stride);
      }
    }
  }
}

void DepthwiseConv(const ConvShape& shape, const float* x, const float* w, float* y) {
  const int64_t channels = shape.in_channels, multiplier = shape.group_out(), pixels = shape.out_pixels();
  std::fill_n(y, shape.batch * pixels * shape.out_channels, 0.0F);
  for (int64_t b = 0; b < shape.batch; ++b) {
    const float* image = x + b * shape.in_pixels() * channels;
    for (int64_t o = 0; o < pixels; ++o, y += shape.out_channels) {
      ForEachTapRun(shape, o, [&](int64_t pixel, int64_t tap, int64_t taps) {
        for (int64_t t = 0; t < taps; ++t) {
          const float* from = image + (pixel + t * shape.window[2].dilation) * channels;
          const float* weights = w + (tap + t) * shape.out_channels;
          if (multiplier == 1) {
            Row(y, channels) += ConstRow(from, channels) * ConstRow(weights, channels);
            continue;
          }
          for (int64_t c = 0; c < channels; ++c) {
            Row(y + c * multiplier, multiplier) += from[c] * ConstRow(weights + c * multiplier, multiplier);
          }
        }
      });
    }
  }
}

void BlockedConvTransposed(const ConvShape& shape, const float* y, const float* w, float* x) {
  const int64_t row = shape.taps() * shape.group_in(), pixels = shape.out_pixels(), columns = shape.group_out();
  const int64_t block = BlockRows(row, pixels);
  const Eigen::OuterStride<> out_stride(shape.out_channels);
  std::vector<float> patches(static_cast<size_t>(block * row));
  for (int64_t b = 0; b < shape.batch; ++b) {
    const float* from = y + b * pixels * shape.out_channels;
    float* image = x + b * shape.in_pixels() * shape.in_channels;
    for (int64_t first = 0; first < pixels; first += block) {
      const int64_t count = std::min(block, pixels - first);
      for (int64_t g = 0; g < shape.groups; ++g) {
        Map(patches.data(), count, row, Eigen::OuterStride<>(row)).noalias() =
            ConstMap(from + first * shape.out_channels + g * columns, count, columns, out_stride) *
            ConstMap(w + g * columns, row, columns, out_stride).transpose();
        ScatterPatches(shape, patches.data(), g, first, count, image);
      }
    }
  }
}

void BlockedMatMul(int64_t m, int64_t k, int64_t n, const float* a, bool transpose_a, const float* b, bool transpose_b,
                   float* c) {
  Map result(c, m, n, Eigen::OuterStride<>(n));
  const ConstMap left =
      transpose_a ? ConstMap(a, k, m, Eigen::OuterStride<>(m)) : ConstMap(a, m, k, Eigen::OuterStride<>(k));
  const ConstMap right =
      transpose_b ? ConstMap(b, n, k, Eigen::OuterStride<>(k)) : ConstMap(b, k, n, Eigen::OuterStride<>(n));
  if (transpose_a && transpose_b) {
    result.noalias() = left.transpose() * right.transpose();
  } else if (transpose_a) {
    result.noalias() = left.transpose() * right;
  } else if (transpose_b) {
    result.noalias() = left * right.transpose();
  } else {
    result.noalias() = left * right;
  }
}

}  // namespace permafrost
