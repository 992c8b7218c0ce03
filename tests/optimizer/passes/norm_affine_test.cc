#include "optimizer/passes/norm_affine.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace {

TEST(ChannelAffine, ComposesInOrder) {
  const ChannelAffine first{-1, {2.0}, {1.0, 2.0}};
  const ChannelAffine second{-3, {3.0}, {5.0}};
  const auto both = Compose(first, second);
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->axis, -1);
  EXPECT_EQ(both->scale, std::vector<double>{6});
  EXPECT_EQ(both->shift, (std::vector<double>{8, 11}));
}

TEST(ChannelAffine, DoesNotComposeAcrossAxesOrLengths) {
  const ChannelAffine two{-1, {1.0, 2.0}, {0.0}};
  EXPECT_FALSE(Compose(two, {-3, {1.0, 2.0}, {0.0}}).has_value());
  EXPECT_FALSE(Compose(two, {-1, {1.0, 2.0, 3.0}, {0.0}}).has_value());
}

TEST(ChannelAffine, RoundsOnlyToWhatTheTypeHolds) {
  EXPECT_FALSE(RoundedTo(DType::kHalf, {1}, {70000.0}).has_value());
  EXPECT_FALSE(RoundedTo(DType::kFloat32, {1}, {1e39}).has_value());
  const auto third = RoundedTo(DType::kFloat32, {1}, {1.0 / 3});
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->Values<float>(), std::vector<float>{1.0F / 3});
}

}  // namespace
}  // namespace permafrost
