#pragma once

#include <cstdint>
#include <string_view>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Where output pixels of a resized image lie on the input, as TensorFlow's Resize ops work it out: in float32.
struct Sampling {
  bool align_corners = false, half_pixel_centers = false;
  // Input pixels per output pixel along an axis.
  float Scale(int64_t in, int64_t out) const {
    if (align_corners && out > 1) return static_cast<float>(in - 1) / static_cast<float>(out - 1);
    return static_cast<float>(in) / static_cast<float>(out);
  }
  float At(int64_t o, float scale) const {
    if (half_pixel_centers) return (static_cast<float>(o) + 0.5F) * scale - 0.5F;
    return static_cast<float>(o) * scale;
  }
};

// An image batch [batch, in_height, in_width, channels] and the size wanted.
struct ResizeShape {
  int64_t batch, in_height, in_width, channels, out_height, out_width;
};
void ResizeBilinear(const ResizeShape& shape, const Sampling& sampling, const float* x, float* y);
void ResizeBicubic(const ResizeShape& shape, const Sampling& sampling, const float* x, float* y);
void ResizeArea(const ResizeShape& shape, const Sampling& sampling, const float* x, float* y);
// Of elements of any type, `size` bytes each.
void ResizeNearest(const ResizeShape& shape, const Sampling& sampling, const char* x, int64_t size, char* y);

}  // namespace permafrost
