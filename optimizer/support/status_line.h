#pragma once

#include <iosfwd>
#include <string_view>

namespace permafrost {

// One line of a terminal that is written again and again; gone at the end. Invisible: says nothing.
class StatusLine {
 public:
  StatusLine(std::ostream& stream, bool visible) : stream_(stream), visible_(visible) {}
  ~StatusLine() { Clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  void Show(std::string_view text);
  void Clear();  // so that something else can be printed

 private:
  std::ostream& stream_;
  const bool visible_;
  bool on_screen_ = false;
};

}  // namespace permafrost
