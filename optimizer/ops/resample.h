#pragma once

#include <string_view>
#include <vector>

#include "optimizer/ops/resize.h"
#include "optimizer/support/status.h"

namespace permafrost {

// What the pixels of one axis become under ScaleAndTranslate: each output pixel is a weighted sum of neighbours.
struct ResampleAxis {
  struct Span {
    int64_t first = 0;
    std::vector<float> weights = {};  // empty: the pixel lies outside the input and is 0
  };
  std::vector<Span> spans;

  // `kernel` is TensorFlow's name: lanczos1, lanczos3, lanczos5, gaussian, box, triangle, keyscubic, mitchellcubic.
  // Errors: another kernel, a scale that is not positive, more neighbours than memory should hold.
  static StatusOr<ResampleAxis> Make(std::string_view kernel, bool antialias, int64_t in, int64_t out, float scale,
                                     float translation);
};

void Resample(const ResizeShape& shape, const ResampleAxis& rows, const ResampleAxis& columns, const float* x,
              float* y);

}  // namespace permafrost
