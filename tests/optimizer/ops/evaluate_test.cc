#include "optimizer/ops/evaluate.h"

#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

struct Sample {
  Graph graph;
  NodeId id(std::string_view name) const { return *graph.Find(name); }
};

Sample Parsed(std::string_view text) {
  StatusOr<Graph> graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << graph.status();
  return {graph.ok() ? *std::move(graph) : Graph()};
}

std::string ErrorOf(const StatusOr<std::vector<Tensor>>& result) {
  return result.ok() ? "no error" : Message(result.status());
}

TEST(Evaluate, RunsWhatTheFetchesNeedAndNothingElse) {
  const Sample sample = Parsed(
      "in x:float32[?]; in unused:float32[2]; a = Relu(x); b = Neg(a); bad = Mystery(unused);"
      " out b, bad");
  const auto values = Evaluate(sample.graph, {{sample.id("x"), Tensor::Vector<float>({-1, 2})}},
                               {{sample.id("b"), 0}, {sample.id("a"), 0}, {sample.id("b"), 0}});
  ASSERT_TRUE(values.ok()) << values.status();
  ASSERT_EQ(values->size(), 3u);
  EXPECT_EQ((*values)[0].Values<float>(), std::vector<float>({0, -2}));
  EXPECT_EQ((*values)[1].Values<float>(), std::vector<float>({0, 2}));
  EXPECT_TRUE(SameTensor((*values)[2], (*values)[0]));
}

TEST(Evaluate, TakesAFeedInPlaceOfWhatComputesIt) {
  const Sample sample = Parsed("in x:float32[?]; a = Relu(x); b = Neg(a); out b");
  const auto values = Evaluate(sample.graph, {{sample.id("a"), Tensor::Vector<float>({-7})}}, {{sample.id("b"), 0}});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ((*values)[0].Values<float>(), std::vector<float>({7}));
}

TEST(Evaluate, RefusesFeedsThatDoNotFitTheirPlaceholder) {
  const Sample sample = Parsed("in x:float32[?,2]; y = Relu(x); out y");
  const auto error = [&](const Tensor& feed) {
    return ErrorOf(Evaluate(sample.graph, {{sample.id("x"), feed}}, {{sample.id("y"), 0}}));
  };
  EXPECT_EQ(error(Tensor::Of<float>({3, 2}, std::vector<float>(6))), "no error");
  EXPECT_EQ(error(Tensor::Of<double>({3, 2}, std::vector<double>(6))),
            "node 'x' (Placeholder): is fed float64, expected float32");
  EXPECT_EQ(error(Tensor::Of<float>({2, 3}, std::vector<float>(6))),
            "node 'x' (Placeholder): is fed shape [2,3], expected [?,2]");
  EXPECT_EQ(error(Tensor::Vector<float>({1, 2})), "node 'x' (Placeholder): is fed shape [2], expected [?,2]");
  EXPECT_EQ(error(Tensor()), "node 'x' (Placeholder): the feed has no value");
}

TEST(EvaluateEach, ShowsEachNodeOnceInTheGraphsOrderUntilToldToStop) {
  const Sample sample = Parsed("in x:float32[?]; late = Neg(x); a = Relu(x); y = Add(a, late); unused = Neg(a); out y");
  std::vector<std::string> seen;
  const auto visit = [&](NodeId id, const std::vector<Tensor>& outputs) -> StatusOr<bool> {
    EXPECT_EQ(outputs.size(), 1u);
    seen.push_back(sample.graph.node(id).name);
    return seen.back() != "a";
  };
  const Status status = EvaluateEach(sample.graph, {{sample.id("x"), Tensor::Vector<float>({-1, 2})}},
                                     {{sample.id("y"), 0}}, visit);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, std::vector<std::string>({"x", "late", "a"}));
}

TEST(Evaluate, NamesTheNodeThatFails) {
  const Sample sample = Parsed("in x:float32[2]; u = Mystery(x); d = Div(int32[]{1}, int32[]{0}); out u, d");
  EXPECT_EQ(ErrorOf(Evaluate(sample.graph, {}, {{sample.id("x"), 0}})),
            "node 'x' (Placeholder): no reference kernel for this op");
  EXPECT_NE(ErrorOf(Evaluate(sample.graph, {}, {{sample.id("d"), 0}})).find("node 'd' (Div): an integer is divided"),
            std::string::npos);
  EXPECT_NE(ErrorOf(Evaluate(sample.graph, {}, {{sample.id("x"), 5}})), "no error");
  EXPECT_NE(ErrorOf(Evaluate(sample.graph, {}, {{NodeId{1000}, 0}})), "no error");
}

TEST(Evaluate, RefusesACycleAndAPortThatIsNotThere) {
  Sample sample = Parsed("in x:float32[2]; a = Add(x, x); b = Add(a, x); out b");
  const std::map<NodeId, Tensor> feeds = {{sample.id("x"), Tensor::Vector<float>({1, 2})}};
  GraphEditor editor(sample.graph);
  editor.SetInput(sample.id("b"), 1, {sample.id("a"), 3});
  EXPECT_EQ(ErrorOf(Evaluate(sample.graph, feeds, {{sample.id("b"), 0}})), "node 'a' (Add): has no output 3, only 1");
  editor.SetInput(sample.id("a"), 0, {sample.id("b"), 0});
  EXPECT_NE(ErrorOf(Evaluate(sample.graph, feeds, {{sample.id("b"), 0}})).find("depends on itself"), std::string::npos);
}

TEST(EvaluateNode, RefusesInputsTooLargeToWriteOut) {
  Node node{"n", "Relu", {{0, 0}}, {}, {}, {}};
  const Tensor huge = Tensor::Splat(DType::kFloat32, {int64_t{1} << 40}, std::string(4, '\0'));
  EXPECT_NE(ErrorOf(EvaluateNode(node, {huge})).find("node 'n' (Relu): an input of [1099511627776]"),
            std::string::npos);
  EXPECT_NE(ErrorOf(EvaluateNode(node, {Tensor()})).find("has no value"), std::string::npos);
  EXPECT_NE(ErrorOf(EvaluateNode(node, {})).find("given 0 tensors for 1 inputs"), std::string::npos);
}

}  // namespace
}  // namespace permafrost
