#include "runner/decode_heat.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "runner/cv_guard.h"

namespace permafrost {
namespace {

constexpr int64_t kMostCells = int64_t{1} << 26;

// The cells' map laid over the picture, as cells of 0..1.
void LayOver(const Picture& picture, HeatMap& heat) {
  cv::Mat unit;
  const double range = heat.most - heat.least;
  heat.cells.convertTo(unit, CV_32F, range > 0 ? 1 / range : 0, range > 0 ? -heat.least / range : 0);
  const double per_x = heat.cells.cols / static_cast<double>(picture.input_width);
  const double per_y = heat.cells.rows / static_cast<double>(picture.input_height);
  cv::Mat column(static_cast<int>(picture.height), static_cast<int>(picture.width), CV_32F), row = column.clone();
  for (int y = 0; y < column.rows; ++y) {
    for (int x = 0; x < column.cols; ++x) {
      const double in_x = ((x + 0.5) / picture.map.step_x + picture.map.offset_x) * per_x;
      const double in_y = ((y + 0.5) / picture.map.step_y + picture.map.offset_y) * per_y;
      const bool looked = in_x >= 0 && in_y >= 0 && in_x <= heat.cells.cols && in_y <= heat.cells.rows;
      column.at<float>(y, x) = looked ? static_cast<float>(std::clamp(in_x - 0.5, 0.0, heat.cells.cols - 1.0)) : -10;
      row.at<float>(y, x) = looked ? static_cast<float>(std::clamp(in_y - 0.5, 0.0, heat.cells.rows - 1.0)) : -10;
    }
  }
  cv::remap(unit, heat.on_picture, column, row, cv::INTER_LINEAR, cv::BORDER_CONSTANT, 0);
}

}  // namespace

StatusOr<HeatMap> FindHeat(const Array& output, int64_t channels, const std::optional<Picture>& picture) {
  std::vector<int64_t> dims = output.dims;
  if (dims.size() == 3) dims.insert(dims.begin(), 1);
  if (dims.size() != 4 || dims[0] != 1 || dims[1] < 1 || dims[2] < 1 || dims[3] < 1 || dims[1] * dims[2] > kMostCells) {
    return InvalidArgument("has the shape ", DimsText(output.dims), ", expected a heat map [1,height,width,channels]");
  }
  ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(output));
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
    return InvalidArgument("holds values that are not finite");
  }
  const size_t all = static_cast<size_t>(dims[3]);
  const size_t taken = channels > 0 ? std::min(all, static_cast<size_t>(channels)) : all;
  HeatMap heat;
  RETURN_IF_ERROR(Guarded("laying a heat map over the picture", [&]() -> Status {
    heat.cells.create(static_cast<int>(dims[1]), static_cast<int>(dims[2]), CV_32F);
    for (size_t cell = 0; cell < values.size() / all; ++cell) {
      const float* first = values.data() + cell * all;
      heat.cells.ptr<float>()[cell] = *std::max_element(first, first + taken);
    }
    cv::Point at;
    cv::minMaxLoc(heat.cells, &heat.least, &heat.most, nullptr, &at);
    heat.x = at.x + 0.5;
    heat.y = at.y + 0.5;
    if (!picture) return OkStatus();
    heat.x = (heat.x * static_cast<double>(picture->input_width) / heat.cells.cols - picture->map.offset_x) * picture->map.step_x;
    heat.y = (heat.y * static_cast<double>(picture->input_height) / heat.cells.rows - picture->map.offset_y) * picture->map.step_y;
    LayOver(*picture, heat);
    return OkStatus();
  }));
  return heat;
}

}  // namespace permafrost
