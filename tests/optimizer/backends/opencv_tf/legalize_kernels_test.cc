#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(LegalizeKernels, KeepsTheTapThatMeetsTheOnlyPixel) {
  ExpectRewrite(kLegalizeKernels,
                "in x:float32[1,1,1,1]; y = DepthwiseConv2dNative(x, float32[3,3,1,2]{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18}) "
                "{strides=[1,2,2,1], padding=\"SAME\"}; out y",
                "in x:float32[1,1,1,1]; y = DepthwiseConv2dNative(x, float32[1,1,1,2]{9,10}) {strides=[1,2,2,1], "
                "padding=\"SAME\"}; out y");
}

TEST(LegalizeKernels, CropsAlongOneAxis) {
  ExpectRewrite(kLegalizeKernels,
                "in x:float32[2,1,5,1]; y = Conv2D(x, float32[4,2,1,1]{1,2,3,4,5,6,7,8}) {strides=[1,1,1,1], padding=\"SAME\"}; out y",
                "in x:float32[2,1,5,1]; y = Conv2D(x, float32[1,2,1,1]{3,4}) {strides=[1,1,1,1], padding=\"SAME\"}; out y");
}

TEST(LegalizeKernels, LeavesDilationsAlongTheOtherAxis) {
  ExpectRewrite(kLegalizeKernels,
                "in x:float32[1,5,1,1]; y = Conv2D(x, float32[2,3,1,1]{1,2,3,4,5,6}) {strides=[1,1,1,1], padding=\"SAME\", "
                "dilations=[1,2,3,1]}; out y",
                "in x:float32[1,5,1,1]; y = Conv2D(x, float32[2,1,1,1]{2,5}) {strides=[1,1,1,1], padding=\"SAME\", "
                "dilations=[1,2,1,1]}; out y");
}

TEST(LegalizeKernels, LeavesLargerPicturesAndOtherPaddings) {
  ExpectNoRewrite(kLegalizeKernels, "in x:float32[1,2,2,1]; y = Conv2D(x, float32[3,3,1,1]~1) {strides=[1,1,1,1], padding=\"SAME\"}; out y", "");
  ExpectNoRewrite(kLegalizeKernels, "in x:float32[1,?,?,1]; y = Conv2D(x, float32[3,3,1,1]~1) {strides=[1,1,1,1], padding=\"SAME\"}; out y", "");
  ExpectNoRewrite(kLegalizeKernels, "in x:float32[1,1,1,1]; y = Conv2D(x, float32[1,1,1,1]~1) {strides=[1,1,1,1], padding=\"VALID\"}; out y", "");
}

}  // namespace
}  // namespace permafrost
