#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

const std::string kAfter =
    "in x:float32[1,2,3,4]; y/opencv = ResizeNearestNeighbor(x, int32[2]{4,9}); out y=y/opencv";

TEST(LegalizeUpsampling, SaysAProductWithOnesAsAResize) {
  ExpectRewrite(kLegalizeUpsampling,
                "in x:float32[1,2,3,4]; s = Reshape(x, int32[6]{1,2,1,3,1,4}); m = Mul(s, float32[1,1,2,1,3,1]{1,1,1,1,1,1}); "
                "y = Reshape(m, int32[4]{1,4,9,4}); out y",
                kAfter);
}

TEST(LegalizeUpsampling, SaysStacksAsAResize) {
  ExpectRewrite(kLegalizeUpsampling,
                "in x:float32[1,2,3,4]; c = Pack(x, x, x) {axis=3}; r = Pack(c, c) {axis=2}; y = Reshape(r, int32[4]{1,4,9,4}); out y",
                kAfter);
}

TEST(LegalizeUpsampling, LeavesOtherProductsAndStacks) {
  ExpectNoRewrite(kLegalizeUpsampling,
                  "in x:float32[1,2,3,4]; s = Reshape(x, int32[6]{1,2,1,3,1,4}); m = Mul(s, float32[1,1,2,1,3,1]{1,1,1,1,1,2}); "
                  "y = Reshape(m, int32[4]{1,4,9,4}); out y",
                  "");
  ExpectNoRewrite(kLegalizeUpsampling,
                  "in x:float32[1,2,3,4]; c = Pack(x, x, x) {axis=3}; r = Pack(c, c) {axis=2}; y = Reshape(r, int32[4]{1,6,6,4}); out y", "");
  ExpectNoRewrite(kLegalizeUpsampling,
                  "in x:float32[1,2,3,4]; z = Relu(x); c = Pack(x, z, x) {axis=3}; r = Pack(c, c) {axis=2}; "
                  "y = Reshape(r, int32[4]{1,4,9,4}); out y",
                  "");
}

}  // namespace
}  // namespace permafrost
