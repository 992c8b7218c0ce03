#include "runner/opencv_child.h"

#include <opencv2/core.hpp>

namespace permafrost {

StatusOr<std::string> RunOpenCvInChild(std::string_view who, const ChildLimits& limits,
                                       const std::function<StatusOr<std::string>()>& work) {
  return RunInChild(who, limits, [&] {
    cv::setNumThreads(1);
    return work();
  });
}

}  // namespace permafrost
