#include "runner/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::ElementsAre;

TEST(Layout, MovesChannelsFirstAndBack) {
  const Array nhwc = FloatArray({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const auto nchw = Relayout(nhwc, "NHWC", "NCHW");
  ASSERT_TRUE(nchw.ok());
  EXPECT_THAT(nchw->dims, ElementsAre(1, 3, 2, 1));
  EXPECT_THAT(*ToFloats(*nchw), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_EQ(Relayout(*nchw, "NCHW", "NHWC")->bytes, nhwc.bytes);
}

TEST(Layout, MovesChannelsOfVolumes) {
  const auto out = Relayout(FloatArray({1, 2, 1, 1, 2}, {1, 2, 3, 4}), "NDHWC", "NCDHW");
  ASSERT_TRUE(out.ok());
  EXPECT_THAT(out->dims, ElementsAre(1, 2, 2, 1, 1));
  EXPECT_THAT(*ToFloats(*out), ElementsAre(1, 3, 2, 4));
}

TEST(Layout, AddsAndDropsAxesOfOne) {
  const auto grown = Relayout(FloatArray({2, 2}, {1, 2, 3, 4}), "WC", "NCHW");
  ASSERT_TRUE(grown.ok());
  EXPECT_THAT(grown->dims, ElementsAre(1, 2, 1, 2));
  EXPECT_THAT(*ToFloats(*grown), ElementsAre(1, 3, 2, 4));
  EXPECT_FALSE(Relayout(FloatArray({2, 2}, {1, 2, 3, 4}), "WC", "NCH").ok());
  EXPECT_FALSE(Relayout(FloatArray({4}, {1, 2, 3, 4}), "NHWC", "NCHW").ok());
}

TEST(Layout, ReshapesWithAtMostOneUnknown) {
  Array array = FloatArray({1, 6}, {1, 2, 3, 4, 5, 6});
  ASSERT_TRUE(Reshape(array, {2, -1}).ok());
  EXPECT_THAT(array.dims, ElementsAre(2, 3));
  ASSERT_TRUE(Reshape(array, {-1, -1}).ok()) << "fits as it is";
  EXPECT_THAT(array.dims, ElementsAre(2, 3));
  EXPECT_FALSE(Reshape(array, {4, -1}).ok());
  EXPECT_FALSE(Reshape(array, {-1, -1, 1}).ok());
  EXPECT_FALSE(Reshape(array, {7}).ok());
  EXPECT_FALSE(Reshape(array, {0, -1}).ok());
}

TEST(Layout, TellsDimsOfOneFromOthers) {
  EXPECT_TRUE(SameUpToOnes({10, 1}, {10}));
  EXPECT_TRUE(SameUpToOnes({1, 10, 1, 1}, {1, 10}));
  EXPECT_TRUE(SameUpToOnes({10}, {1, 1, 10}));
  EXPECT_TRUE(SameUpToOnes({4, 10}, {-1, 10}));
  EXPECT_FALSE(SameUpToOnes({1, 3, 2, 1}, {1, 2, 3, 1}));
  EXPECT_FALSE(SameUpToOnes({5}, {5, 2}));
  EXPECT_FALSE(SameUpToOnes({5, 2}, {10}));
}

}  // namespace
}  // namespace permafrost
