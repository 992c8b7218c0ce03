#include "runner/pipeline/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Feed = std::vector<NamedArray>;

TEST(Batch, JoinsRowsAndFillsUpWithTheLast) {
  const Feed a = {{"x", FloatArray({1, 2}, {1, 2})}}, b = {{"x", FloatArray({1, 2}, {3, 4})}};
  ASSERT_TRUE(CanJoin({&a, &b}));
  const Feed joined = Join({&a, &b}, 3);
  EXPECT_THAT(joined[0].array.dims, ElementsAre(3, 2));
  EXPECT_THAT(*ToFloats(joined[0].array), ElementsAre(1, 2, 3, 4, 3, 4));
  const auto rows = Split(joined, 3, 2);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_THAT((*rows)[1][0].array.dims, ElementsAre(1, 2));
  EXPECT_THAT(*ToFloats((*rows)[1][0].array), ElementsAre(3, 4));
}

TEST(Batch, JoinsOnlyWhatIsAlike) {
  const Feed a = {{"x", FloatArray({1, 2}, {1, 2})}};
  for (const Feed& b : std::vector<Feed>{{{"y", FloatArray({1, 2}, {1, 2})}},
                                         {{"x", FloatArray({2, 1}, {1, 2})}},
                                         {{"x", FloatArray({1, 1}, {1})}},
                                         {{"x", {ElementType::kInt32, {1, 2}, std::string(8, '\0')}}},
                                         {}}) {
    EXPECT_FALSE(CanJoin({&a, &b}));
  }
  const Feed two = {{"x", FloatArray({2, 1}, {1, 2})}}, scalar = {{"x", FloatArray({}, {1})}};
  EXPECT_FALSE(CanJoin({&two}));
  EXPECT_FALSE(CanJoin({&scalar}));
}

TEST(Batch, SaysWhichOutputHasNoBatch) {
  const auto rows = Split({{"boxes", FloatArray({1, 1, 1, 7}, std::vector<float>(7))}}, 2, 2);
  EXPECT_THAT(Message(rows.status()), HasSubstr("\"boxes\" has the shape [1,1,1,7] for a batch of 2"));
  EXPECT_FALSE(Split({{"s", FloatArray({}, {1})}}, 2, 2).ok());
}

}  // namespace
}  // namespace permafrost
