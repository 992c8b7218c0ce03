#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

// Newer releases of OpenCV run such a net at one size only.
TEST(LegalizeSizes, NotesAPaddingThatDependsOnTheSize) {
  constexpr const char* kNet =
      "in x:float32[1,?,?,2]; y = Conv2D(x, float32[3,3,2,2]~3) {strides=[1,2,2,1], padding=\"SAME\"}; out y";
  ExpectNoRewrite(kLegalizeSizes, kNet, "'y' pads by the size of its input");
}

TEST(LegalizeSizes, NotesNoneWhereNothingDependsOnTheSize) {
  for (const char* net :
       {"in x:float32[1,6,6,2]; y = Conv2D(x, float32[3,3,2,2]~3) {strides=[1,2,2,1], padding=\"SAME\"}; out y",
        "in x:float32[1,?,?,2]; y = Conv2D(x, float32[3,3,2,2]~3) {strides=[1,1,1,1], padding=\"SAME\"}; out y",
        "in x:float32[1,?,?,2]; y = Conv2D(x, float32[2,2,2,2]~3) {strides=[1,2,2,1], padding=\"VALID\"}; out y"}) {
    EXPECT_THAT(ExpectNoRewrite(kLegalizeSizes, net, "").notes(), testing::IsEmpty()) << net;
  }
}

}  // namespace
}  // namespace permafrost
