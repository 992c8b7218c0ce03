#include "runner/opencv_child.h"

#include <opencv2/core.hpp>

namespace permafrost {

StatusOr<std::string> RunOpenCvInChild(std::string_view who, const ChildLimits& limits,
                                       const std::function<StatusOr<std::string>()>& work) {
  // A child has none of its parent's threads, but their locks. With one thread OpenCV asks nothing of its pool, and that
  // has to be set before the fork: to set it in the child would take such a lock.
  const int threads = cv::getNumThreads();
  cv::setNumThreads(1);
  auto answer = RunInChild(who, limits, work);
  cv::setNumThreads(threads);
  return answer;
}

}  // namespace permafrost
