#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

// Before and after as text, with the reference kernels' numbers; that OpenCV takes the result is
// tests/runner/legalized_rare_ops_test.cc's to show.
namespace permafrost {
namespace {

TEST(LegalizeSynonyms, TakesASquareRootOfASum) {
  ExpectRewrite(kLegalizeSynonyms, "in x:float32[2,4]; y = EuclideanNorm(x, int32[1]{1}) {keep_dims=true}; out y",
                "in x:float32[2,4]; y/opencv = Square(x); y/opencv_1 = Sum(y/opencv, int32[1]{1}) {keep_dims=true}; "
                "y/opencv_2 = Sqrt(y/opencv_1); out y=y/opencv_2");
}

TEST(LegalizeSynonyms, GathersWhatIsRolled) {
  ExpectRewrite(kLegalizeSynonyms, "in x:float32[2,3]; y = Roll(x, int32[1]{-1}, int32[1]{1}); out y",
                "in x:float32[2,3]; y/opencv = GatherV2(x, int32[3]{1,2,0}, int32[]{1}); out y=y/opencv");
}

TEST(LegalizeSynonyms, LeavesPlacesOutsideTheData) {
  RewriteOptions options;
  options.same_numbers = false;  // there are none
  ExpectNoRewrite(kLegalizeSynonyms, "in x:float32[2,3]; i = int32[1,2]{1,3}; y = GatherNd(x, i); out y", "outside",
                  options);
}

TEST(LegalizeIntegers, ComparesWithACountForOneHotRows) {
  ExpectRewrite(kLegalizeIntegers,
                "in x:float32[2,4]; i = Cast(x) {SrcT=float32, DstT=int32}; y = OneHot(i, int32[]{2}, 1.0, 0.0); out y",
                "in x:float32[2,4]; i = Cast(x) {SrcT=float32, DstT=int32}; y/opencv = Cast(i) {DstT=float32}; "
                "y/opencv_1 = Reshape(y/opencv, int32[3]{2,4,1}); y/opencv_2 = Sub(y/opencv_1, float32[2]{0,1}); "
                "y/opencv_3 = Abs(y/opencv_2); y/opencv_4 = Mul(y/opencv_3, -1.0); y/opencv_5 = Add(y/opencv_4, 1.0); "
                "y/opencv_6 = Relu(y/opencv_5); out y=y/opencv_6");
}

TEST(LegalizeIntegers, LeavesPlacesOfExtremesAtTheOutput) {
  ExpectNoRewrite(kLegalizeIntegers, "in x:float32[2,4]; y = ArgMax(x, int32[]{1}); out y", "");
}

TEST(LegalizeIntegers, DeclinesToRankThousands) {
  ExpectNoRewrite(kLegalizeIntegers, "in x:float32[1,5000]; y = TopKV2(x, int32[]{2}); out y", "ranks too many");
}

TEST(LegalizeResampling, DeclinesAPictureOfUnknownSize) {
  ExpectNoRewrite(kLegalizeResampling, "in x:float32[1,?,?,3]; y = ResizeArea(x, int32[2]{3,5}); out y", "unknown");
}

TEST(LegalizeResampling, DeclinesABoxOverTheEdge) {
  ExpectNoRewrite(
      kLegalizeResampling,
      "in x:float32[1,4,4,3]; y = CropAndResize(x, float32[1,4]{0,0,1,1.5}, int32[1]{0}, int32[2]{2,2}); out y",
      "over the picture's edge");
}

TEST(LegalizeDeconvolutions, SpreadsAKernel) {
  ExpectRewrite(kLegalizeDeconvolutions,
                "in x:float32[1,2,2,1]; k = float32[1,2,1,1]{3,4}; y = Conv2DBackpropInput(int32[4]{1,2,4,1}, k, x) "
                "{strides=[1,1,1,1], padding=\"VALID\", dilations=[1,1,2,1]}; out y",
                "in x:float32[1,2,2,1]; y = Conv2DBackpropInput(int32[4]{1,2,4,1}, float32[1,3,1,1]{3,0,4}, x) "
                "{dilations=[1,1,1,1], padding=\"VALID\", strides=[1,1,1,1]}; out y");
}

}  // namespace
}  // namespace permafrost
