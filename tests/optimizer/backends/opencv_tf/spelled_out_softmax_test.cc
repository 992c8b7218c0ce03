#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

TEST(LegalizeReductions, TakesASpelledOutSoftmaxForASoftmaxOverChannels) {
  ExpectRewrite(kLegalizeReductions,
                "in x:float32[1,3,4,2]\n"
                "m = Max(x, int32[]{3}) {keep_dims=true}; d = Sub(x, m); e = Exp(d)\n"
                "s = Sum(e, int32[]{3}) {keep_dims=true}; y = RealDiv(e, s); out y=y",
                "in x:float32[1,3,4,2]\n"
                "y/opencv = Softmax(x) {axis=1}; out y=y/opencv");
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
