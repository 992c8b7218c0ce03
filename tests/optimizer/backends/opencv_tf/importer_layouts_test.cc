#include "optimizer/backends/opencv_tf/importer_layouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/passes/run_pass.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

std::vector<std::string> Misread(const Graph& graph) {
  std::vector<std::string> names;
  for (const NodeId id : NodesThatImporterMisreads(graph)) names.push_back(graph.node(id).name);
  return names;
}

constexpr const char* kVolumeAfterAPicture =
    "in x:float32[2,4,3,2]; s = Slice(x, int32[4]{1,0,0,0}, int32[4]{1,-1,-1,-1}); r = Reshape(s, int32[2]{1,24}); "
    "v = Reshape(r, int32[5]{1,4,3,2,1}) {data_format=\"NCHW\"}; y = Relu(v); out y";

TEST(ImporterLayouts, AreHeardByAllThatComesBefore) {
  EXPECT_THAT(Misread(ParseOrDie(kVolumeAfterAPicture)), testing::ElementsAre("s", "r"));
}

TEST(ImporterLayouts, AreRightWhereEveryNodeSaysItsOwn) {
  Graph graph = ParseOrDie(kVolumeAfterAPicture);
  ASSERT_TRUE(RunPass(kSpellOutAttributes, graph, {}).ok());
  EXPECT_THAT(Misread(graph), testing::IsEmpty());
}

TEST(ImporterLayouts, AreRightInAPlainNet) {
  const Graph graph = ParseOrDie(
      "in x:float32[1,6,6,3]; c = Conv2D(x, float32[3,3,3,4]~1) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}; "
      "j = ConcatV2(c, x, int32[]{3}); r = Reshape(j, int32[2]{1,-1}); y = MatMul(r, float32[252,5]~2); out y");
  EXPECT_THAT(Misread(graph), testing::IsEmpty());
}

TEST(ImporterLayouts, AreForgottenBehindAProduct) {
  const Graph graph = ParseOrDie(
      "in x:float32[1,6,6,3]; in z:float32[1,8]; c = Conv2D(x, float32[3,3,3,4]~1) {strides=[1,1,1,1], padding=\"SAME\", "
      "data_format=\"NHWC\"}; d = MatMul(z, float32[8,4]~2); p = Reshape(d, int32[4]{1,1,1,4}); m = Mul(c, p); "
      "y = Reshape(m, int32[2]{1,144}); out y");
  EXPECT_THAT(Misread(graph), testing::ElementsAre("y"));
}

}  // namespace
}  // namespace permafrost
