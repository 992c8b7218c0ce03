#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>

#include "optimizer/support/status.h"
#include "runner/preprocess.h"
#include "shared_io/array.h"

namespace permafrost {

struct HeatMap {
  cv::Mat cells;  // float, the highest of the channels
  double least = 0, most = 0;
  double x = 0, y = 0;  // of the highest cell's middle: pixels of the picture, or cells without one
  cv::Mat on_picture;   // 0..1 from the least to the most, as large as the picture; where the network did not look 0
};

// Of [1,height,width,channels], the first `channels` of them (0: all). Errors: another shape, numbers that are none.
StatusOr<HeatMap> FindHeat(const Array& output, int64_t channels, const std::optional<Picture>& picture);

}  // namespace permafrost
