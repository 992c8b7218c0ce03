#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "optimizer/support/status_line.h"

namespace permafrost {

// "123/1000  45.6/s  0:19 left  2 failed" on one line of a terminal, a few times a second.
class Progress {
 public:
  // `total` below 0: unknown. `visible` false: says nothing.
  Progress(std::ostream& stream, bool visible, int64_t total, int64_t done_before);
  void Show(int64_t done, int64_t failed);
  void Clear() { line_.Clear(); }  // so that something else can be printed

 private:
  StatusLine line_;
  const int64_t total_, done_before_;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

std::string ProgressText(int64_t done, int64_t total, int64_t failed, double rate);

}  // namespace permafrost
