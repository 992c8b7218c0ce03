#include "runner/cv_guard.h"

#include <stdlib.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <string>

namespace permafrost {
namespace {

Status FromException(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return ResourceExhausted("out of memory");
  const auto* cv = dynamic_cast<const cv::Exception*>(&error);
  if (cv == nullptr) return InvalidArgument(error.what());
  const std::string text = cv->func.empty() ? cv->err : StrCat(cv->err, " in ", cv->func);
  const std::string message = StrCat("OpenCV ", CV_VERSION, ": ", text);
  switch (cv->code) {
    case cv::Error::StsNotImplemented:
      return Unsupported(message);
    case cv::Error::StsObjectNotFound:
      return NotFound(message);
    case cv::Error::StsNoMem:
      return ResourceExhausted(message);
    default:
      return InvalidArgument(message);
  }
}

}  // namespace

Status Guarded(std::string_view doing, const std::function<Status()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return WithContext(FromException(error), doing);
  }
}

void SilenceOpenCv() {
  if (std::getenv("OPENCV_LOG_LEVEL") == nullptr) {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
  }
}

}  // namespace permafrost
