#include "runner/decode_segments.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace permafrost {
namespace {

constexpr float kMostClasses = 1e6F;

bool IsClass(float value) { return value >= 0 && value < kMostClasses && value == std::floor(value); }

// The position of the middle of each cell or pixel, taken elsewhere by a*x+b; -1 where that is not in [0, limit).
std::vector<int64_t> Positions(int64_t count, double scale, double offset, int64_t limit) {
  std::vector<int64_t> positions(static_cast<size_t>(count), -1);
  for (int64_t i = 0; i < count; ++i) {
    const double at = (static_cast<double>(i) + 0.5) * scale + offset;
    if (at >= 0 && at < static_cast<double>(limit)) positions[static_cast<size_t>(i)] = static_cast<int64_t>(at);
  }
  return positions;
}

}  // namespace

StatusOr<SegmentMap> FindSegments(const Array& output, const SegmentOptions& options) {
  std::vector<int64_t> dims = output.dims;
  if (dims.size() == 4 && dims[0] == 1) dims.erase(dims.begin());
  if (dims.size() == 3 && dims[0] == 1 && output.dims.size() == 3) dims = {dims[1], dims[2], 1};
  if (dims.size() == 2) dims.push_back(1);
  if (dims.size() != 3) {
    return InvalidArgument("an output of shape ", DimsText(output.dims),
                           " is no map of segments [1,height,width,classes]");
  }
  ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(output));
  if (values.empty()) return InvalidArgument("a map of segments of shape ", DimsText(output.dims), " is empty");
  if (std::any_of(values.begin(), values.end(), [](float value) { return std::isnan(value); })) {
    return InvalidArgument("a map of segments holds what is no number (NaN)");
  }
  SegmentMap map{dims[0], dims[1], {}};
  const size_t channels = static_cast<size_t>(dims[2]);
  map.classes.reserve(values.size() / channels);
  if (channels > 1) {
    for (size_t i = 0; i < values.size(); i += channels) {
      const float* cell = values.data() + i;
      map.classes.push_back(static_cast<int32_t>(std::max_element(cell, cell + channels) - cell));
    }
    return map;
  }
  const bool are_classes =
      std::all_of(values.begin(), values.end(), IsClass) && *std::max_element(values.begin(), values.end()) > 1;
  for (const float value : values) {
    map.classes.push_back(are_classes ? static_cast<int32_t>(value) : value >= options.threshold ? 1 : 0);
  }
  return map;
}

void CutToPicture(SegmentMap& map, const Picture& picture) {
  const double cell_x = static_cast<double>(picture.input_width) / static_cast<double>(map.columns);
  const double cell_y = static_cast<double>(picture.input_height) / static_cast<double>(map.rows);
  const auto columns =
      Positions(map.columns, cell_x * picture.map.step_x, -picture.map.offset_x * picture.map.step_x, picture.width);
  const auto rows =
      Positions(map.rows, cell_y * picture.map.step_y, -picture.map.offset_y * picture.map.step_y, picture.height);
  for (size_t y = 0; y < rows.size(); ++y) {
    for (size_t x = 0; x < columns.size(); ++x) {
      if (rows[y] < 0 || columns[x] < 0) map.classes[y * columns.size() + x] = -1;
    }
  }
}

SegmentMap ToPicture(const SegmentMap& map, const Picture& picture) {
  const double per_x = static_cast<double>(map.columns) / static_cast<double>(picture.input_width);
  const double per_y = static_cast<double>(map.rows) / static_cast<double>(picture.input_height);
  const auto columns = Positions(picture.width, per_x / picture.map.step_x, picture.map.offset_x * per_x, map.columns);
  const auto rows = Positions(picture.height, per_y / picture.map.step_y, picture.map.offset_y * per_y, map.rows);
  SegmentMap out{picture.height, picture.width, {}};
  out.classes.reserve(rows.size() * columns.size());
  for (const int64_t row : rows) {
    for (const int64_t column : columns) {
      out.classes.push_back(row < 0 || column < 0 ? -1 : map.classes[static_cast<size_t>(row * map.columns + column)]);
    }
  }
  return out;
}

std::vector<Segment> CountSegments(const SegmentMap& map) {
  std::map<int32_t, int64_t> counts;
  int64_t inside = 0;
  for (const int32_t index : map.classes) {
    if (index < 0) continue;
    ++counts[index];
    ++inside;
  }
  std::vector<Segment> segments;
  for (const auto& entry : counts) {
    segments.push_back({entry.first, entry.second, static_cast<double>(entry.second) / static_cast<double>(inside)});
  }
  std::stable_sort(segments.begin(), segments.end(),
                   [](const Segment& a, const Segment& b) { return a.cells > b.cells; });
  return segments;
}

}  // namespace permafrost
