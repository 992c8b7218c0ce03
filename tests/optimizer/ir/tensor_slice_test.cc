#include "optimizer/ir/tensor_slice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TensorSlice, ReadsWhatRestoreOpsWrite) {
  const auto spec = ParseSliceSpec("10 4 2,5:-");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(spec->dims, ElementsAre(10, 4));
  const auto slice = ResolveSlice(spec->slice, spec->dims);
  ASSERT_TRUE(slice.ok()) << slice.status();
  EXPECT_THAT(slice->start, ElementsAre(2, 0));
  EXPECT_THAT(slice->length, ElementsAre(5, 4));
  for (const char* bad : {"", "10", "10 4 2,5", "10 2,5:-", "10 4 2;5:-", "10 4 2,5:- ", "a 0,1", "-1 0,1"}) {
    EXPECT_THAT(Message(ParseSliceSpec(bad).status()), HasSubstr("expected dims")) << bad;
  }
}

TEST(TensorSlice, CutsTheBox) {
  const Tensor whole = Tensor::Of<int32_t>({3, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(CutSlice(whole, {{1, 1}, {2, 2}}).Values<int32_t>(), ElementsAre(4, 5, 7, 8));
  EXPECT_THAT(CutSlice(whole, {{0, 2}, {3, 1}}).Values<int32_t>(), ElementsAre(2, 5, 8));
  EXPECT_THAT(CutSlice(Tensor::Scalar(7), {}).Values<int32_t>(), ElementsAre(7));
  EXPECT_EQ(CutSlice(whole, {{1, 1}, {0, 2}}).elements(), 0);
}

TEST(TensorSlice, RefusesBoxesOutside) {
  for (const TensorSlice& bad : {TensorSlice{{2}, {2}}, {{-1}, {1}}, {{0}, {-2}}, {{INT64_MAX}, {INT64_MAX}}}) {
    EXPECT_FALSE(ResolveSlice(bad, {3}).ok());
  }
}

}  // namespace
}  // namespace permafrost
