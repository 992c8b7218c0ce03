#include "optimizer/pipeline/find_cascade.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace {

TensorInfo Tensor(const std::string& name, const std::vector<int64_t>& shape) {
  TensorInfo tensor;
  tensor.name = name;
  tensor.shape = shape;
  return tensor;
}

ModelInfo Net(const std::string& file, int64_t side, const std::vector<TensorInfo>& outputs) {
  ModelInfo net;
  net.file = file;
  net.inputs = {Tensor(file + "/input", {-1, side, side, 3})};
  net.outputs = outputs;
  return net;
}

std::vector<ModelInfo> Mtcnn() {
  return {Net("o.pb", 48, {Tensor("o_prob", {-1, 2}), Tensor("o_box", {-1, 4}), Tensor("o_points", {-1, 10})}),
          Net("p.pb", -1, {Tensor("p_prob", {-1, -1, -1, 2}), Tensor("p_box", {-1, -1, -1, 4})}),
          Net("r.pb", 24, {Tensor("r_box", {-1, 4}), Tensor("r_prob", {-1, 2})})};
}

TEST(FindCascade, TellsTheThreeNetsByWhatTheyTakeAndGive) {
  const auto cascade = FindCascade(Mtcnn());
  ASSERT_TRUE(cascade.has_value());
  ASSERT_EQ(cascade->stages.size(), 3U);
  EXPECT_EQ(cascade->stages[0].file, "p.pb");
  EXPECT_EQ(cascade->stages[1].scores, "r_prob");
  EXPECT_EQ(cascade->stages[1].boxes, "r_box");
  EXPECT_EQ(cascade->stages[2].points, "o_points");
  EXPECT_TRUE(ParseCascade(CascadeToJson(*cascade)).ok());
}

TEST(FindCascade, FindsNoneWhereANetIsMissingOrThereAreTwo) {
  std::vector<ModelInfo> nets = Mtcnn();
  nets.pop_back();
  EXPECT_FALSE(FindCascade(nets).has_value());
  nets = Mtcnn();
  nets.push_back(nets[1]);
  EXPECT_FALSE(FindCascade(nets).has_value());
  nets = Mtcnn();
  nets[0].outputs.pop_back();
  EXPECT_FALSE(FindCascade(nets).has_value());
}

}  // namespace
}  // namespace permafrost
