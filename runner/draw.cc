#include "runner/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>

#include "optimizer/support/atomic_file.h"
#include "runner/cv_guard.h"

namespace permafrost {
namespace {

constexpr double kGoldenAngle = 137.5;  // neighbours in the list get unlike hues

cv::Scalar Colour(size_t i) {
  cv::Mat pixel(1, 1, CV_8UC3, cv::Scalar(std::fmod(static_cast<double>(i) * kGoldenAngle, 360.0) / 2, 200, 255));
  cv::cvtColor(pixel, pixel, cv::COLOR_HSV2BGR);
  const auto bgr = pixel.at<cv::Vec3b>(0, 0);
  return {static_cast<double>(bgr[0]), static_cast<double>(bgr[1]), static_cast<double>(bgr[2])};
}

// Readable on any ground: black below, colour above.
void PutText(cv::Mat& picture, const std::string& text, cv::Point at, double size, const cv::Scalar& colour) {
  const int thick = std::max(1, static_cast<int>(std::lround(size * 2)));
  cv::putText(picture, text, at, cv::FONT_HERSHEY_SIMPLEX, size, {0, 0, 0}, thick + 2, cv::LINE_AA);
  cv::putText(picture, text, at, cv::FONT_HERSHEY_SIMPLEX, size, colour, thick, cv::LINE_AA);
}

void DrawSegments(cv::Mat& picture, const SegmentMap& map, const std::vector<std::pair<int64_t, std::string>>& legend,
                  double size) {
  cv::Mat cells(static_cast<int>(map.rows), static_cast<int>(map.columns), CV_32S,
                const_cast<int32_t*>(map.classes.data()));
  if (cells.size() != picture.size()) cv::resize(cells, cells, picture.size(), 0, 0, cv::INTER_NEAREST);
  const int64_t unpainted = legend.size() > 1 && legend[0].first == 0 ? 0 : -1;
  for (const auto& entry : legend) {
    if (entry.first == unpainted) continue;
    const cv::Mat here = cells == static_cast<double>(entry.first);
    cv::Mat mixed;
    cv::addWeighted(picture, 0.4, cv::Mat(picture.size(), picture.type(), Colour(static_cast<size_t>(entry.first))),
                    0.6, 0, mixed);
    mixed.copyTo(picture, here);
  }
  const int line = static_cast<int>(std::lround(size * 36));
  int y = picture.rows - line / 2;
  for (auto entry = legend.rbegin(); entry != legend.rend(); ++entry, y -= line) {
    if (y < line) break;
    cv::rectangle(picture, {line / 3, y - line * 2 / 3, line * 2 / 3, line * 2 / 3},
                  entry->first == unpainted ? cv::Scalar(0, 0, 0) : Colour(static_cast<size_t>(entry->first)),
                  cv::FILLED);
    PutText(picture, entry->second, {line * 4 / 3, y}, size, {255, 255, 255});
  }
}

cv::Point Near(double x, double y) {
  return {static_cast<int>(std::lround(std::clamp(x, -1e6, 1e6))),
          static_cast<int>(std::lround(std::clamp(y, -1e6, 1e6)))};
}

// Where the thing is, in the colour of its class.
void DrawMask(cv::Mat& picture, const Box& box, const BoxMask& mask) {
  const cv::Rect all(Near(box.x1, box.y1), Near(box.x2, box.y2));
  const cv::Rect there = all & cv::Rect(0, 0, picture.cols, picture.rows);
  if (there.empty() || mask.values.empty() || all.area() > (1 << 28)) return;
  const cv::Mat cells(static_cast<int>(mask.rows), static_cast<int>(mask.columns), CV_32F, const_cast<float*>(mask.values.data()));
  cv::Mat shares;
  cv::resize(cells, shares, all.size(), 0, 0, cv::INTER_LINEAR);
  cv::Mat part = picture(there), mixed;
  const cv::Scalar colour = Colour(static_cast<size_t>(std::max<int64_t>(box.index, 0)));
  cv::addWeighted(part, 0.5, cv::Mat(part.size(), part.type(), colour), 0.5, 0, mixed);
  mixed.copyTo(part, shares(there - all.tl()) >= 0.5);
}

void DrawHeat(cv::Mat& picture, const cv::Mat& heat) {
  cv::Mat bytes, colours;
  heat.convertTo(bytes, CV_8U, 255);
  if (bytes.size() != picture.size()) cv::resize(bytes, bytes, picture.size(), 0, 0, cv::INTER_LINEAR);
  cv::applyColorMap(bytes, colours, cv::COLORMAP_JET);
  cv::addWeighted(picture, 0.55, colours, 0.45, 0, picture);
}

void DrawBoxes(cv::Mat& picture, const std::vector<std::pair<Box, std::string>>& boxes, double size) {
  const int thick = std::max(1, static_cast<int>(std::lround(size * 3)));
  for (const auto& [box, text] : boxes) {
    const cv::Point from = Near(box.x1, box.y1);
    const cv::Scalar colour = Colour(static_cast<size_t>(std::max<int64_t>(box.index, 0)));
    cv::rectangle(picture, from, Near(box.x2, box.y2), {0, 0, 0}, thick + 2);
    cv::rectangle(picture, from, Near(box.x2, box.y2), colour, thick);
    const int up = static_cast<int>(std::lround(size * 12));
    PutText(picture, text, {from.x, from.y > 3 * up ? from.y - up : from.y + 3 * up}, size, colour);
  }
}

}  // namespace

StatusOr<cv::Mat> Draw(const cv::Mat& given, const Drawing& drawing) {
  cv::Mat picture;
  RETURN_IF_ERROR(Guarded("drawing", [&]() -> Status {
    if (!drawing.image.empty()) {
      picture = drawing.image.clone();
    } else if (!given.empty()) {
      picture = given.clone();
    } else if (!drawing.segments.classes.empty()) {
      picture =
          cv::Mat::zeros(static_cast<int>(drawing.segments.rows), static_cast<int>(drawing.segments.columns), CV_8UC3);
    } else {
      return InvalidArgument("the input is no picture to draw on");
    }
    const double size = std::clamp(std::min(picture.cols, picture.rows) / 900.0, 0.35, 3.0);
    if (!drawing.segments.classes.empty()) DrawSegments(picture, drawing.segments, drawing.legend, size);
    if (!drawing.heat.empty()) DrawHeat(picture, drawing.heat);
    for (size_t i = 0; i < drawing.masks.size() && i < drawing.boxes.size(); ++i) {
      DrawMask(picture, drawing.boxes[i].first, drawing.masks[i]);
    }
    DrawBoxes(picture, drawing.boxes, size);
    const int radius = std::max(2, static_cast<int>(std::lround(size * 9)));
    for (size_t i = 0; i < drawing.marks.size(); ++i) {
      const cv::Point at = Near(drawing.marks[i].x, drawing.marks[i].y);
      cv::circle(picture, at, radius + 1, {0, 0, 0}, cv::FILLED, cv::LINE_AA);
      cv::circle(picture, at, radius, Colour(i), cv::FILLED, cv::LINE_AA);
      PutText(picture, drawing.marks[i].text, at + cv::Point(radius + 3, radius), size, Colour(i));
    }
    const int line_height = static_cast<int>(std::lround(size * 36));
    for (size_t i = 0; i < drawing.lines.size(); ++i) {
      PutText(picture, drawing.lines[i], {line_height / 3, line_height * static_cast<int>(i + 1)}, size,
              {255, 255, 255});
    }
    return OkStatus();
  }));
  return picture;
}

StatusOr<std::string> EncodePicture(const cv::Mat& picture, const std::string& suffix) {
  std::vector<uint8_t> bytes;
  RETURN_IF_ERROR(Guarded("encoding", [&]() -> Status {
    if (!cv::imencode(suffix, picture, bytes)) return Unsupported("cannot write this format");
    return OkStatus();
  }));
  return std::string(bytes.begin(), bytes.end());
}

Status WritePicture(const std::string& out_path, const cv::Mat& picture) {
  const size_t dot = out_path.rfind('.');
  if (dot == std::string::npos || out_path.find('/', dot) != std::string::npos) {
    return InvalidArgument(out_path, ": no suffix that says the format; give .png or .jpg");
  }
  const auto bytes = EncodePicture(picture, out_path.substr(dot));
  if (!bytes.ok()) return WithContext(bytes.status(), out_path);
  return WriteFileAtomically(out_path, *bytes);
}

}  // namespace permafrost
