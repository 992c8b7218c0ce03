#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "optimizer/support/status.h"

namespace permafrost {

struct ChildLimits {
  double seconds = 120;
  int64_t memory_bytes = int64_t{16} << 30;
  int64_t answer_bytes = int64_t{8} << 30;
};

// Runs `work` in a forked copy of this process, silenced, and hands back its answer. A crash, an endless loop or
// running out of memory kills the copy only and is an error about `who` ("OpenCV's importer crashed (signal 11, ...)").
// A fork takes no other threads along: libraries that have some must be told to do without.
StatusOr<std::string> RunInChild(std::string_view who, const ChildLimits& limits,
                                 const std::function<StatusOr<std::string>()>& work);

}  // namespace permafrost
