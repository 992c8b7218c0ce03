#include <gtest/gtest.h>

#include "optimizer/backends/onnx/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

constexpr char kSpelledOut[] = R"(in x:float32[2,3,4]; m = Max(x, i) {keep_dims=true}; d = Sub(x, m); e = Exp(d);
  s = Sum(e, i) {keep_dims=true}; y = RealDiv(e, s); )";

TEST(FuseSoftmax, PutsOneOpInPlaceOfFive) {
  ExpectRewrite(kFuseSoftmax, StrCat("i = int32[]{-1}; ", kSpelledOut, "r = Relu(y); out r"),
                R"(in x:float32[2,3,4]; r = Relu("y/fuse-softmax"); "y/fuse-softmax" = Softmax(x); out r)");
}

TEST(FuseSoftmax, LeavesOtherAxes) {
  ExpectNoRewrite(kFuseSoftmax, StrCat("i = int32[]{1}; ", kSpelledOut, "r = Relu(y); out r"), "last axis");
}

TEST(FuseSoftmax, LeavesPartsThatOthersUse) {
  ExpectNoRewrite(kFuseSoftmax, StrCat("i = int32[]{2}; ", kSpelledOut, "r = Relu(y); out r, e"), "somebody else");
}

}  // namespace
}  // namespace permafrost
