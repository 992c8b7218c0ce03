#pragma once

#include <array>
#include <cstdint>

#include "optimizer/ops/window.h"

// The fast kernels: Eigen's matrix product over blocks of patches. Everything lies with channels last.
namespace permafrost {

// A convolution over up to three spatial axes; axes that are not there have the identity window. Weights are
// [taps.., in_channels / groups, out_channels].
struct ConvShape {
  int64_t batch = 1;
  std::array<Window, 3> window;
  int64_t in_channels = 1, out_channels = 1, groups = 1;

  int64_t group_in() const { return in_channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  int64_t taps() const { return window[0].kernel * window[1].kernel * window[2].kernel; }
  int64_t in_pixels() const { return window[0].in * window[1].in * window[2].in; }
  int64_t out_pixels() const { return window[0].out * window[1].out * window[2].out; }
};

// y[batch, out.., out_channels] = x[batch, in.., in_channels] * w.
void BlockedConv(const ConvShape& shape, const float* x, const float* w, float* y);
// The same with one input channel per group.
void DepthwiseConv(const ConvShape& shape, const float* x, const float* w, float* y);
// Adds to x what y contributes to it when the convolution is read backwards.
void BlockedConvTransposed(const ConvShape& shape, const float* y, const float* w, float* x);

// c[m,n] = a[m,k] * b[k,n]; a transposed operand lies as [k,m] or [n,k].
void BlockedMatMul(int64_t m, int64_t k, int64_t n, const float* a, bool transpose_a, const float* b, bool transpose_b,
                   float* c);

}  // namespace permafrost
