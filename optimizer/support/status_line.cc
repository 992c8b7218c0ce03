#include "optimizer/support/status_line.h"

#include <ostream>

namespace permafrost {
namespace {

constexpr std::string_view kEmptyLine = "\r\033[K";

}  // namespace

void StatusLine::Show(std::string_view text) {
  if (!visible_) return;
  on_screen_ = true;
  stream_ << kEmptyLine << text << std::flush;
}

void StatusLine::Clear() {
  if (on_screen_) stream_ << kEmptyLine << std::flush;
  on_screen_ = false;
}

}  // namespace permafrost
