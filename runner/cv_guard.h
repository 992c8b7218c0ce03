#pragma once

#include <functional>
#include <string_view>

#include "optimizer/support/status.h"

namespace permafrost {

// Runs `work`; whatever OpenCV, protobuf or the allocator throws comes back as an error that starts with `doing`.
// The only place of the runner that catches.
Status Guarded(std::string_view doing, const std::function<Status()>& work);

// Keeps OpenCV's own messages off stderr, unless the user asked for them by OPENCV_LOG_LEVEL.
void SilenceOpenCv();

}  // namespace permafrost
