#include "shared_io/face_anchors.h"

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace {

struct Side {
  double width, height;
};

int64_t Cells(int64_t size, int64_t stride) { return (size + stride - 1) / stride; }

// `sides` around the middle of each cell, row by row.
void AddMap(int64_t columns, int64_t rows, const std::vector<Side>& sides, std::vector<float>& anchors) {
  for (int64_t j = 0; j < rows; ++j) {
    for (int64_t i = 0; i < columns; ++i) {
      const double cx = (static_cast<double>(i) + 0.5) / static_cast<double>(columns);
      const double cy = (static_cast<double>(j) + 0.5) / static_cast<double>(rows);
      for (const Side& side : sides) {
        for (const double edge : {cy - side.height / 2, cx - side.width / 2, cy + side.height / 2, cx + side.width / 2}) {
          anchors.push_back(static_cast<float>(edge));
        }
      }
    }
  }
}

}  // namespace

std::vector<float> AnchorsOfUltraLightFaces(int64_t width, int64_t height) {
  static const std::vector<std::vector<double>> kBoxes = {{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}};
  std::vector<float> anchors;
  int64_t stride = 8;
  for (const std::vector<double>& boxes : kBoxes) {
    std::vector<Side> sides;
    for (const double box : boxes) {
      sides.push_back({std::min(box / static_cast<double>(width), 1.0), std::min(box / static_cast<double>(height), 1.0)});
    }
    AddMap(Cells(width, stride), Cells(height, stride), sides, anchors);
    stride *= 2;
  }
  return anchors;
}

std::vector<float> AnchorsOfFaceMasks(int64_t width, int64_t height) {
  static const std::vector<std::vector<double>> kSizes = {{0.04, 0.056}, {0.08, 0.11}, {0.16, 0.22}, {0.32, 0.45}, {0.64, 0.72}};
  std::vector<float> anchors;
  int64_t stride = 8;
  for (const std::vector<double>& sizes : kSizes) {
    std::vector<Side> sides;
    for (const double size : sizes) sides.push_back({size, size});
    for (const double ratio : {0.62, 0.42}) sides.push_back({sizes[0] * std::sqrt(ratio), sizes[0] / std::sqrt(ratio)});
    AddMap(Cells(width, stride), Cells(height, stride), sides, anchors);
    stride *= 2;
  }
  return anchors;
}

}  // namespace permafrost
