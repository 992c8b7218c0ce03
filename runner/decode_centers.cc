#include "runner/decode_centers.h"

#include <algorithm>

#include "runner/take_head.h"

namespace permafrost {
namespace {

constexpr float kSamePeak = 1e-6F;  // scores that differ by less are both the best of their window

struct Grid {
  std::vector<float> values;
  int64_t rows = 0, columns = 0, depth = 0;
  const float* At(int64_t row, int64_t column) const { return values.data() + (row * columns + column) * depth; }
};

StatusOr<Grid> TakeGrid(const std::vector<NamedArray>& outputs, const std::string& name, int64_t depth, std::vector<bool>& used) {
  Grid grid;
  std::vector<int64_t> dims;
  ASSIGN_OR_RETURN(grid.values, TakeHead(outputs, name, dims, used));
  if (dims.size() != 3 || dims[0] < 1 || dims[1] < 1 || dims[2] != depth) {
    return InvalidArgument("output \"", name, "\" has the shape ", DimsText(dims), " without its batch, expected [H,W,", depth, "]");
  }
  grid.rows = dims[0], grid.columns = dims[1], grid.depth = depth;
  return grid;
}

// Whether no score of the class near the cell is better.
bool IsPeak(const Grid& scores, int64_t row, int64_t column, int64_t channel, int64_t reach) {
  const float own = scores.At(row, column)[channel];
  for (int64_t y = std::max<int64_t>(row - reach, 0); y <= std::min(row + reach, scores.rows - 1); ++y) {
    for (int64_t x = std::max<int64_t>(column - reach, 0); x <= std::min(column + reach, scores.columns - 1); ++x) {
      if (scores.At(y, x)[channel] - own >= kSamePeak) return false;
    }
  }
  return true;
}

void ConvertGrid(std::string_view converter, Grid& grid) {
  std::vector<float> converted;
  const auto depth = static_cast<size_t>(grid.depth);
  for (size_t i = 0; i + depth <= grid.values.size(); i += depth) {
    ConvertScores(converter, grid.values.data() + i, depth, converted);
    std::copy(converted.begin(), converted.end(), grid.values.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace

StatusOr<Boxes> DecodeCenters(const std::vector<NamedArray>& outputs, const DetectorInfo& detector, const BoxOptions& options) {
  Boxes found;
  found.used.assign(outputs.size(), false);
  ASSIGN_OR_RETURN(Grid scores, TakeGrid(outputs, detector.centers, detector.classes, found.used));
  ASSIGN_OR_RETURN(const Grid sizes, TakeGrid(outputs, detector.sizes, 2, found.used));
  ASSIGN_OR_RETURN(const Grid offsets, TakeGrid(outputs, detector.offsets, 2, found.used));
  for (const Grid* grid : {&sizes, &offsets}) {
    if (grid->rows == scores.rows && grid->columns == scores.columns) continue;
    return InvalidArgument("the maps of middles, sizes and offsets are of different sizes");
  }
  ConvertGrid(detector.score_converter, scores);
  const float least = std::max(options.min_score, static_cast<float>(detector.score_threshold));
  const int64_t background = options.background >= 0 ? options.background : detector.background;
  const auto height = static_cast<double>(scores.rows), width = static_cast<double>(scores.columns);
  for (int64_t row = 0; row < scores.rows; ++row) {
    for (int64_t column = 0; column < scores.columns; ++column) {
      const float *size = sizes.At(row, column), *offset = offsets.At(row, column);
      for (int64_t channel = 0; channel < scores.depth; ++channel) {
        const float score = scores.At(row, column)[channel];
        if (!(score >= least) || channel == background || !IsPeak(scores, row, column, channel, detector.peak_window / 2)) continue;
        const double y = static_cast<double>(row) + offset[0], x = static_cast<double>(column) + offset[1];
        const double h = std::max(size[0], 0.0F) / 2.0, w = std::max(size[1], 0.0F) / 2.0;
        Box box{channel + detector.class_offset, score, (x - w) / width, (y - h) / height, (x + w) / width, (y + h) / height};
        if (!IsFinite(box)) continue;
        if (detector.clip) CutAtEdges(box);
        found.boxes.push_back(box);
      }
    }
  }
  RETURN_IF_ERROR(KeepBest(least, options.overlap.value_or(static_cast<float>(detector.iou_threshold)), found.boxes));
  KeepMost(detector, found.boxes);
  return found;
}

}  // namespace permafrost
