#pragma once

#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

#include "optimizer/support/status.h"

namespace permafrost {

// Frames of a video file, of a camera ("camera:0") or of a stream ("rtsp://...").
class Video {
 public:
  // Errors: it cannot be opened, OpenCV was built without videoio.
  static StatusOr<Video> Open(const std::string& path);
  Video(Video&&) noexcept;
  Video& operator=(Video&&) noexcept;
  ~Video();

  double fps() const;  // 0: unknown
  // The next frame, nothing at the end. Errors: the file ends well before the number of frames that it says.
  StatusOr<std::optional<cv::Mat>> Next();
  // As Next without its pixels: true unless it was the end.
  StatusOr<bool> Skip();

 private:
  struct Impl;
  explicit Video(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes frames of one size; others are brought to the size of the first. The suffix says the format: .avi (MJPEG),
// .mp4, .mkv, .mov (MPEG-4). The file appears under its name when it is finished.
class VideoFile {
 public:
  // Errors: another suffix, OpenCV was built without videoio.
  static StatusOr<VideoFile> Create(const std::string& path, double fps);
  VideoFile(VideoFile&&) noexcept;
  VideoFile& operator=(VideoFile&&) noexcept;
  ~VideoFile();

  Status Write(const cv::Mat& frame);  // errors: the file cannot be written
  Status Finish();

 private:
  struct Impl;
  explicit VideoFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace permafrost
