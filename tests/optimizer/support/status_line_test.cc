#include "optimizer/support/status_line.h"

#include <gtest/gtest.h>

#include <sstream>

namespace permafrost {
namespace {

TEST(StatusLine, IsWrittenOverAndGoneAtTheEnd) {
  std::ostringstream shown;
  {
    StatusLine line(shown, true);
    line.Show("one");
    line.Show("two");
  }
  EXPECT_EQ(shown.str(), "\r\033[Kone\r\033[Ktwo\r\033[K");
}

TEST(StatusLine, SaysNothingWhereNobodyLooks) {
  std::ostringstream hidden, unused;
  {
    StatusLine line(hidden, false), silent(unused, true);
    line.Show("one");
  }
  EXPECT_EQ(hidden.str() + unused.str(), "");
}

}  // namespace
}  // namespace permafrost
