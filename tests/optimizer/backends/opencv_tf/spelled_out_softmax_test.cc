#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(LegalizeFunctions, TakesASpelledOutSoftmaxForASoftmaxOverTheLastAxis) {
  ExpectRewrite(kLegalizeFunctions,
                "in x:float32[1,3,4,2]\n"
                "m = Max(x, int32[]{3}) {keep_dims=true}; d = Sub(x, m); e = Exp(d)\n"
                "s = Sum(e, int32[]{3}) {keep_dims=true}; y = RealDiv(e, s); out y=y",
                "in x:float32[1,3,4,2]\n"
                "y/opencv = Softmax(x); out y=y/opencv");
}

// The importer's pooling of channels does not follow a picture's size from one run to the next.
TEST(LegalizeReductions, SumsTheChannelsOfAnOpenPictureWithAConvolution) {
  ExpectRewrite(kLegalizeReductions,
                "in x:float32[1,?,?,2]\n"
                "s = Sum(x, int32[]{3}) {keep_dims=true}; m = Mean(x, int32[1]{-1}) {keep_dims=false}; out s, m",
                "in x:float32[1,?,?,2]\n"
                "s/opencv = Conv2D(x, float32[1,1,2,1]{1}) {padding=\"VALID\", strides=[1,1,1,1]}\n"
                "m/opencv = Conv2D(x, float32[1,1,2,1]{0.5}) {padding=\"VALID\", strides=[1,1,1,1]}\n"
                "m/opencv_1 = Squeeze(m/opencv) {squeeze_dims=[3]}; out s=s/opencv, m=m/opencv_1");
}

// The importer does not look at the axes.
TEST(LegalizeReductions, KeepsASoftmaxOverAnotherAxisApartFromTheImportersOwn) {
  ExpectRewrite(kLegalizeReductions,
                "in x:float32[1,3,4,2]\n"
                "m = Max(x, int32[]{1}) {keep_dims=true}; d = Sub(x, m); e = Exp(d)\n"
                "s = Sum(e, int32[]{1}) {keep_dims=true}; y = RealDiv(e, s); out y",
                "in x:float32[1,3,4,2]\n"
                "m = Max(x, int32[]{1}) {keep_dims=true}; d = Sub(x, m); e = Exp(e/opencv)\n"
                "s = Sum(e, int32[]{1}) {keep_dims=true}; y = RealDiv(e, s); e/opencv = Mul(d, 1); out y");
}

}  // namespace
}  // namespace permafrost
