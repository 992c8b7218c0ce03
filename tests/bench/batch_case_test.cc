#include "bench/batch_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelCase TwoRows() {
  ModelCase model;
  model.name = "net";
  model.input_names = {"x"};
  model.output_names = {"y"};
  model.inputs = {FloatArray({2, 2}, {1, 2, 3, 4})};
  model.outputs = {FloatArray({2}, {5, 6})};
  return model;
}

TEST(WithBatch, RepeatsTheRowsInTurn) {
  const auto three = WithBatch(TwoRows(), 3);
  ASSERT_TRUE(three.ok()) << three.status();
  EXPECT_THAT(three->inputs[0].dims, ElementsAre(3, 2));
  EXPECT_THAT(*ToFloats(three->inputs[0]), ElementsAre(1, 2, 3, 4, 1, 2));
  EXPECT_THAT(*ToFloats(three->outputs[0]), ElementsAre(5, 6, 5));
  EXPECT_THAT(*ToFloats(WithBatch(TwoRows(), 1)->outputs[0]), ElementsAre(5));
}

TEST(WithBatch, LeavesTheCaseAloneWhereItHasThatBatch) {
  EXPECT_EQ(WithBatch(TwoRows(), 0)->inputs[0].bytes, TwoRows().inputs[0].bytes);
  EXPECT_EQ(WithBatch(TwoRows(), 2)->inputs[0].bytes, TwoRows().inputs[0].bytes);
}

TEST(WithBatch, RefusesWhatHasNoBatch) {
  ModelCase model = TwoRows();
  model.outputs[0] = FloatArray({1, 1, 7}, {0, 1, 2, 3, 4, 5, 6});
  EXPECT_THAT(Message(WithBatch(model, 3).status()),
              HasSubstr("net: batch 3: y: has the shape [1,1,7], expected a batch of 2 in front"));
  model.inputs[0] = FloatArray({}, {1});
  EXPECT_THAT(Message(WithBatch(model, 3).status()), HasSubstr("has no batch"));
  EXPECT_THAT(Message(WithBatch(TwoRows(), int64_t{1} << 40).status()), HasSubstr("more than"));
}

}  // namespace
}  // namespace permafrost
