#include "optimizer/ops/infer.h"

#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/ir/verify.h"
#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(BroadcastShapes, FollowsNumpyAndKeepsUnknowns) {
  const auto both = [](const Shape& a, const Shape& b) {
    const StatusOr<Shape> forward = BroadcastShapes(a, b), backward = BroadcastShapes(b, a);
    EXPECT_EQ(forward.ok(), backward.ok());
    if (!forward.ok()) return std::string("error");
    EXPECT_EQ(*forward, *backward);
    return forward->ToString();
  };
  EXPECT_EQ(both({2, 1}, {3}), "[2,3]");
  EXPECT_EQ(both(Shape({}), {2, 3}), "[2,3]");
  EXPECT_EQ(both({kUnknownDim}, {3}), "[3]");
  EXPECT_EQ(both({kUnknownDim}, {1}), "[?]");
  EXPECT_EQ(both({kUnknownDim}, {kUnknownDim}), "[?]");
  EXPECT_EQ(both({0}, {1}), "[0]");
  EXPECT_EQ(both(Shape(), {3}), "?");
  EXPECT_EQ(both({2}, {3}), "error");
  EXPECT_EQ(both({0}, {3}), "error");
}

TEST(InferTypes, NamesTheNodeInErrors) {
  ExpectInferenceRefuses("in x:float32[2,3]; bad = Reshape(x, int32[1]{5}); out bad", "node 'bad' (Reshape): cannot");
  ExpectInferenceRefuses("in x:float32[2,3]; bad = Relu(x, x); out bad", "node 'bad' (Relu): has 2 inputs, expected 1");
  ExpectInferenceRefuses("in x:float32[2,3]; bad = Cast(x); out bad", "node 'bad' (Cast): has no attribute 'DstT'");
}

TEST(InferTypes, GivesUnknownOpsAsManyOutputsAsAreUsed) {
  StatusOr<Graph> graph = ParseText("in x:float32[2]; u = Mystery(x); y = Relu(u:2); out y, z=u:1");
  ASSERT_TRUE(graph.ok()) << graph.status();
  GraphEditor editor(*graph);
  ASSERT_TRUE(InferTypes(editor).ok());
  EXPECT_EQ(graph->node(*graph->Find("u")).outputs, std::vector<ValueType>(3));
  EXPECT_TRUE(Verify(*graph, Level::kFlat).ok());
}

TEST(InferTypes, KeepsTheTypesThatAnUnknownOpHas) {
  StatusOr<Graph> graph = ParseText("in x:float32[2]; u = Mystery(x); y = Relu(u); out y");
  ASSERT_TRUE(graph.ok()) << graph.status();
  GraphEditor editor(*graph);
  editor.SetOutputTypes(*graph->Find("u"), {{DType::kFloat32, Shape({7}), std::nullopt}});
  ASSERT_TRUE(InferTypes(editor).ok());
  EXPECT_EQ(graph->node(*graph->Find("y")).outputs[0].shape, Shape({7}));
}

TEST(InferTypes, ForgetsWhatIsNoLongerTrue) {
  StatusOr<Graph> graph = ParseText("in x:float32[2]; y = Relu(x); out y");
  ASSERT_TRUE(graph.ok()) << graph.status();
  GraphEditor editor(*graph);
  ASSERT_TRUE(InferTypes(editor).ok());
  editor.SetAttr(*graph->Find("x"), "shape", Shape({kUnknownDim, 3}));
  ASSERT_TRUE(InferTypes(editor).ok());
  EXPECT_EQ(graph->node(*graph->Find("y")).outputs[0].shape, Shape({kUnknownDim, 3}));
}

TEST(InferTypes, DoesNotCountAsAChange) {
  StatusOr<Graph> graph = ParseText("in x:float32[2]; y = Relu(x); out y");
  ASSERT_TRUE(graph.ok()) << graph.status();
  GraphEditor editor(*graph);
  const uint64_t before = graph->revision();
  ASSERT_TRUE(InferTypes(editor).ok());
  EXPECT_EQ(graph->revision(), before);
}

}  // namespace
}  // namespace permafrost
