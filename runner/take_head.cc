#include "runner/take_head.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace permafrost {

StatusOr<std::vector<float>> TakeHead(const std::vector<NamedArray>& outputs, const std::string& name,
                                      std::vector<int64_t>& dims, std::vector<bool>& used) {
  const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const NamedArray& one) { return one.name == name; });
  if (found == outputs.end()) return NotFound("no output \"", name, "\", where the detector has its heads");
  dims = found->array.dims;
  if (dims.size() > 2) {
    if (dims[0] != 1) return Unsupported("output \"", name, "\": boxes of a batch of pictures; run without --batch");
    dims.erase(dims.begin());
  }
  used[static_cast<size_t>(found - outputs.begin())] = true;
  return ToFloats(found->array);
}

StatusOr<HeadTable> TakeTable(const std::vector<NamedArray>& outputs, const std::string& name, int64_t boxes, int64_t width,
                              std::vector<bool>& used) {
  HeadTable table;
  std::vector<int64_t> dims;
  ASSIGN_OR_RETURN(table.values, TakeHead(outputs, name, dims, used));
  const auto all = static_cast<int64_t>(table.values.size());
  const int64_t rows = dims.size() == 2 ? dims[0] : 0, columns = dims.size() == 2 ? dims[1] : 0;
  const auto fits = [&](int64_t across, int64_t along) { return boxes > 0 ? along == boxes && across >= width : across == width; };
  if (fits(columns, rows) || fits(rows, columns)) {
    table.turned = !fits(columns, rows);
    table.boxes = table.turned ? columns : rows;
    table.width = table.turned ? rows : columns;
  } else if (boxes > 0 && all == boxes * width) {
    table.boxes = boxes;  // laid out otherwise, in the same order
    table.width = width;
  } else {
    const std::string count = boxes > 0 ? StrCat(boxes) : "A";
    return InvalidArgument("output \"", name, "\" has the shape ", DimsText(dims), " without its batch, expected [", count, ",", width, "] or [", width, ",", count, "]");
  }
  return table;
}

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

void ConvertScores(std::string_view converter, const float* from, size_t count, std::vector<float>& scores) {
  scores.assign(from, from + count);
  if (converter == "sigmoid") {
    for (float& score : scores) score = Sigmoid(score);
  } else if (converter == "softmax" && count > 0) {
    const float most = *std::max_element(scores.begin(), scores.end());
    float sum = 0;
    for (float& score : scores) sum += score = std::exp(score - most);
    for (float& score : scores) score /= sum;
  }
}

bool IsFinite(const Box& box) {
  return std::isfinite(box.x1) && std::isfinite(box.y1) && std::isfinite(box.x2) && std::isfinite(box.y2);
}

void KeepMost(const DetectorInfo& detector, std::vector<Box>& boxes) {
  std::map<int64_t, int64_t> of_class;
  const auto beyond = [&](const Box& box) {
    return detector.max_detections_per_class > 0 && ++of_class[box.index] > detector.max_detections_per_class;
  };
  std::erase_if(boxes, beyond);
  const auto most = static_cast<size_t>(std::max<int64_t>(detector.max_detections, 0));
  if (most > 0 && boxes.size() > most) boxes.resize(most);
}

}  // namespace permafrost
