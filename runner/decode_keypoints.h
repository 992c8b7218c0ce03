#pragma once

#include <cstdint>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/preprocess.h"
#include "shared_io/array.h"

namespace permafrost {

struct KeypointOptions {
  int64_t parts = 0;  // how many channels are heat maps of parts, from the first; 0: all
  float min_score = 0.1F;
  int64_t most_per_part = 1;
  bool sub_pixel = false;  // moves a peak to the top of the parabola through it and its neighbours
};

struct Keypoint {
  int64_t part;
  double x, y;  // cells of the heat map, the middle of the first cell being 0.5
  float score;
};

// The highest local maxima (3x3) of each channel of a heat map [1, height, width, channels] (or without the 1), by
// part, best first. Errors: another rank, a batch above 1, fewer channels than parts.
StatusOr<std::vector<Keypoint>> FindPeaks(const Array& heat_maps, const KeypointOptions& options);

// From cells of a heat map of that size to pixels of the picture.
Keypoint ToPicture(const Keypoint& point, int64_t columns, int64_t rows, const Picture& picture);

}  // namespace permafrost
