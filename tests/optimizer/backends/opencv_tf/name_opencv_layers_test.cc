#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

RewriteOptions OpenCvOnly(int version = 40600) {
  RewriteOptions options;
  options.pass.opencv_version = version;
  return options;
}

TEST(NameOpenCvLayers, SaysSwishWithOneLayer) {
  ExpectRewrite(kNameOpenCvLayers, "in x:float32[2,4]; s = Sigmoid(x); y = Mul(s, x); out y",
                "in x:float32[2,4]; y/opencv = cv::Swish(x); out y=y/opencv", OpenCvOnly());
}

TEST(NameOpenCvLayers, SaysMishWithOneLayer) {
  ExpectRewrite(kNameOpenCvLayers, "in x:float32[2,4]; p = Softplus(x); t = Tanh(p); y = Mul(x, t); out y",
                "in x:float32[2,4]; y/opencv = cv::Mish(x); out y=y/opencv", OpenCvOnly());
}

TEST(NameOpenCvLayers, KnowsHardSwishInThreeSpellings) {
  const std::string begin = "in x:float32[2,4]; a = Add(x, 3.0); r = Relu6(a); ";
  const std::string after = "in x:float32[2,4]; y/opencv = cv::HardSwish(x); out y=y/opencv";
  for (const char* end : {"m = Mul(x, r); y = RealDiv(m, 6.0); out y", "m = Mul(r, x); y = Mul(m, 0.16666667); out y",
                          "g = RealDiv(r, 6.0); y = Mul(x, g); out y"}) {
    ExpectRewrite(kNameOpenCvLayers, begin + end, after, OpenCvOnly());
  }
}

TEST(NameOpenCvLayers, SaysGeluFromTheReleaseThatHasIt) {
  const std::string text =
      "in x:float32[2,4]; d = Mul(x, 0.70710678); e = Erf(d); p = Add(e, 1.0); h = Mul(0.5, x); y = Mul(h, p); out y";
  ExpectRewrite(kNameOpenCvLayers, text, "in x:float32[2,4]; y/opencv = cv::Gelu(x); out y=y/opencv",
                OpenCvOnly(40800));
  ExpectNoRewrite(kNameOpenCvLayers, text, "", OpenCvOnly(40600));
}

TEST(NameOpenCvLayers, SaysTheApproximationOfGelu) {
  ExpectRewrite(kNameOpenCvLayers,
                "in x:float32[2,4]; c = Pow(x, 3.0); s = Mul(0.044715, c); a = Add(x, s); m = Mul(0.7978846, a); "
                "t = Tanh(m); p = Add(1.0, t); g = Mul(x, p); y = Mul(0.5, g); out y",
                "in x:float32[2,4]; y/opencv = cv::GeluApproximation(x); out y=y/opencv", OpenCvOnly(41400));
}

TEST(NameOpenCvLayers, SaysTopKFromTheReleaseThatHasItUntilItsPlacesAreIntegers) {
  const std::string text = "in x:float32[2,9]; t = TopKV2(x, int32[]{3}); v = Neg(t); i = Cast(t:1) {DstT=float32}; out v, i";
  ExpectRewrite(kNameOpenCvLayers, text,
                "in x:float32[2,9]; v = Neg(t/opencv); i = Cast(t/opencv_1) {DstT=float32}; "
                "t/opencv = cv::TopK(x) {axis=-1, k=3, largest=1, sorted=1}; t/opencv_1 = Cast(t/opencv:1) {DstT=int32}; "
                "out v, i",
                OpenCvOnly(41200));
  ExpectNoRewrite(kNameOpenCvLayers, text, "", OpenCvOnly(41000));
  ExpectNoRewrite(kNameOpenCvLayers, text, "", OpenCvOnly(50000));
  ExpectNoRewrite(kNameOpenCvLayers, "in x:float32[2,5,5,9]; t = TopKV2(x, int32[]{3}); out t", "", OpenCvOnly(41200));
}

TEST(NameOpenCvLayers, LeavesAGateOfSomethingElse) {
  ExpectNoRewrite(kNameOpenCvLayers, "in x:float32[2,4]; in z:float32[2,4]; s = Sigmoid(x); y = Mul(s, z); out y", "",
                  OpenCvOnly());
}

}  // namespace
}  // namespace permafrost
