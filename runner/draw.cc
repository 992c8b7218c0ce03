#include "runner/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
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

}  // namespace

Status DrawOnPicture(const std::string& picture_path, const std::vector<Mark>& marks,
                     const std::vector<std::string>& lines, const std::string& out_path) {
  RETURN_IF_ERROR(MappedFile::Open(picture_path).status());
  const size_t dot = out_path.rfind('.');
  if (dot == std::string::npos || out_path.find('/', dot) != std::string::npos) {
    return InvalidArgument(out_path, ": no suffix that says the format; give .png or .jpg");
  }
  std::vector<uint8_t> bytes;
  RETURN_IF_ERROR(Guarded(out_path, [&]() -> Status {
    cv::Mat picture = cv::imread(picture_path, cv::IMREAD_COLOR);
    if (picture.empty()) return DataLoss(picture_path, ": no picture that OpenCV can read");
    const double size = std::clamp(std::min(picture.cols, picture.rows) / 900.0, 0.35, 3.0);
    const int radius = std::max(2, static_cast<int>(std::lround(size * 9)));
    for (size_t i = 0; i < marks.size(); ++i) {
      const cv::Point at(static_cast<int>(std::lround(std::clamp(marks[i].x, -1e6, 1e6))),
                         static_cast<int>(std::lround(std::clamp(marks[i].y, -1e6, 1e6))));
      cv::circle(picture, at, radius + 1, {0, 0, 0}, cv::FILLED, cv::LINE_AA);
      cv::circle(picture, at, radius, Colour(i), cv::FILLED, cv::LINE_AA);
      PutText(picture, marks[i].text, at + cv::Point(radius + 3, radius), size, Colour(i));
    }
    const int line_height = static_cast<int>(std::lround(size * 36));
    for (size_t i = 0; i < lines.size(); ++i) {
      PutText(picture, lines[i], {line_height / 3, line_height * static_cast<int>(i + 1)}, size, {255, 255, 255});
    }
    if (!cv::imencode(out_path.substr(dot), picture, bytes)) return Unsupported("cannot write this format");
    return OkStatus();
  }));
  return WriteFileAtomically(out_path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace permafrost
