#pragma once

#include <opencv2/core/mat.hpp>

#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

enum class ImageRange { kAuto, kBytes, kUnit, kSigned };  // 0..255, 0..1, -1..1; kAuto: the smallest that fits about

struct ImageOptions {
  ImageRange range = ImageRange::kAuto;
  bool bgr = false;  // the network's order of channels, else RGB
};

// An output [1,height,width,1 or 3] as 8-bit BGR. Errors: another shape, a number that is none.
StatusOr<cv::Mat> ToImage(const Array& output, const ImageOptions& options);

}  // namespace permafrost
