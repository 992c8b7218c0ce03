#include "optimizer/ops/einsum.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace {

TEST(PlainEinsum, GivesEachAxisOfTheDotsALetter) {
  EXPECT_EQ(PlainEinsum("...ij,jk->...ik", {Shape({2, 3, 4, 5}), Shape({5, 6})}), std::string("YZij,jk->YZik"));
  EXPECT_EQ(PlainEinsum("a...z->z...a", {Shape({2, 3, 4})}), std::string("aZz->zZa"));
  EXPECT_EQ(PlainEinsum("ab, bc -> ac", {Shape({2, 3}), Shape({3, 4})}), std::string("ab,bc->ac"));
}

TEST(PlainEinsum, LinesAxesUpFromTheLastOne) {
  EXPECT_EQ(PlainEinsum("...b,...b->...", {Shape({7, 3, 4}), Shape({3, 4})}), std::string("YZb,Zb->YZ"));
}

TEST(PlainEinsum, LeavesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(PlainEinsum("...a,...a->...", {Shape({1, 4}), Shape({3, 4})}).has_value()) << "spread";
  EXPECT_FALSE(PlainEinsum("...a->a...", {Shape()}).has_value());
  EXPECT_FALSE(PlainEinsum("...abc->a", {Shape({2, 3})}).has_value()) << "too few axes";
  EXPECT_FALSE(PlainEinsum("...a,b->...", {Shape({2, 3})}).has_value()) << "too few operands";
  EXPECT_FALSE(PlainEinsum("...a->...", {Shape({2, 3}), Shape({2})}).has_value()) << "too many";
  EXPECT_FALSE(PlainEinsum("...a", {Shape({2, 3})}).has_value());
}

}  // namespace
}  // namespace permafrost
