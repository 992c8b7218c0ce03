#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "optimizer/support/child_process.h"

namespace permafrost {

// RunInChild for work that calls OpenCV, which has one thread meanwhile, here and there: a fork does not take the others
// along. The child must not ask for more.
StatusOr<std::string> RunOpenCvInChild(std::string_view who, const ChildLimits& limits,
                                       const std::function<StatusOr<std::string>()>& work);

}  // namespace permafrost
