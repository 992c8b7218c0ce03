#pragma once

#include <cstdint>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/preprocess.h"
#include "shared_io/array.h"

namespace permafrost {

struct SegmentOptions {
  float threshold = 0.5F;  // of a mask of one channel: at least this is class 1
};

// The class of each cell, row by row; -1: outside the picture.
struct SegmentMap {
  int64_t rows = 0, columns = 0;
  std::vector<int32_t> classes = {};
};

// A class map from scores [1,height,width,classes] (the best; of equal ones the first), a mask of one channel
// (0 or 1 by the threshold), or whole numbers above 1 in one channel or [1,height,width] (classes themselves).
// Errors: another rank, a batch above 1, numbers that are none.
StatusOr<SegmentMap> FindSegments(const Array& output, const SegmentOptions& options);

// Marks the cells whose middle is not on the picture: the bars of a letterbox.
void CutToPicture(SegmentMap& map, const Picture& picture);

// For each pixel of the picture the cell that its middle lies in, or -1 where the network did not look.
SegmentMap ToPicture(const SegmentMap& map, const Picture& picture);

struct Segment {
  int64_t index;
  int64_t cells;
  double share;  // of the cells that are not outside
};
std::vector<Segment> CountSegments(const SegmentMap& map);  // the largest first

}  // namespace permafrost
