#include "optimizer/passes/norm_constant.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

// What the reader says of the node `name`; empty when it says nothing.
std::vector<double> ReadNode(std::string_view text, std::string_view name) {
  const Graph graph = ParseOrDie(text);
  ConstantReader reader(graph);
  const auto id = graph.Find(name);
  const Tensor* tensor = id.has_value() ? reader.Read({*id, 0}) : nullptr;
  return tensor == nullptr ? std::vector<double>() : tensor->Values<double>();
}

TEST(ConstantReader, WorksOutWhatHangsOnConstantsAlone) {
  EXPECT_EQ(ReadNode("v = Add(float32[2]{3,15}, 1); q = Sqrt(v); y = RealDiv(float32[2]{1,8}, q); out y", "y"),
            (std::vector<double>{0.5, 2}));
}

TEST(ConstantReader, SaysNothingOfWhatHangsOnAnInput) {
  EXPECT_TRUE(ReadNode("in x:float32[2]; y = Add(x, 1); z = Mul(y, float32[2]{0,0}); out z", "z").empty());
}

TEST(ConstantReader, SaysNothingOfUnknownOps) {
  EXPECT_TRUE(ReadNode("y = Mystery(float32[2]{1,2}); out y", "y").empty());
}

TEST(ConstantReader, LeavesLargeResultsToConstantFolding) {
  EXPECT_TRUE(ReadNode("y = Add(float32[1024,1]{1}, float32[1,1024]{1}); out y", "y").empty());
  EXPECT_TRUE(ReadNode("y = Neg(float32[1099511627776]{1}); out y", "y").empty());
}

}  // namespace
}  // namespace permafrost
