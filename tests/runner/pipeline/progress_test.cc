#include "runner/pipeline/progress.h"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

namespace permafrost {
namespace {

TEST(Progress, TellsRateAndTimeLeft) {
  EXPECT_EQ(ProgressText(10, 100, 0, 2), "10/100  2.0/s  0:45 left");
  EXPECT_EQ(ProgressText(10, 100000, 3, 5), "10/100000  5.0/s  5:33:18 left  3 failed");
  EXPECT_EQ(ProgressText(10, -1, 0, 2.5), "10  2.5/s");
  EXPECT_EQ(ProgressText(0, 5, 0, 0), "0/5  0.0/s");
}

TEST(Progress, IsSilentWhereNobodyLooks) {
  std::ostringstream hidden, shown;
  Progress silent(hidden, false, 10, 0), loud(shown, true, 10, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(220));
  silent.Show(1, 0);
  silent.Clear();
  loud.Show(1, 0);
  loud.Show(2, 0);  // too soon
  loud.Clear();
  EXPECT_EQ(hidden.str(), "");
  EXPECT_NE(shown.str().find("1/10"), std::string::npos);
  EXPECT_EQ(shown.str().find("2/10"), std::string::npos);
}

}  // namespace
}  // namespace permafrost
