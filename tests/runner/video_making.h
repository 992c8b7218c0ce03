#pragma once

#include <opencv2/core.hpp>
#include <string>
#ifdef PERMAFROST_VIDEOIO
#include <opencv2/videoio.hpp>
#endif

namespace permafrost {

// A short MJPEG video whose k-th frame is grey of about 10 * k. False: this OpenCV knows no videos; the test skips.
inline bool MakeVideo(const std::string& path, int frames, int width = 16, int height = 8) {
#ifdef PERMAFROST_VIDEOIO
  cv::VideoWriter writer(path, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 10.0, {width, height}, true);
  for (int i = 0; writer.isOpened() && i < frames; ++i) {
    writer.write(cv::Mat(height, width, CV_8UC3, cv::Scalar::all(10 * i)));
  }
  return writer.isOpened();
#else
  return path.empty() && frames < 0 && width < 0 && height < 0;
#endif
}

inline constexpr char kNoVideo[] = "built with an OpenCV that has no videoio";

}  // namespace permafrost
