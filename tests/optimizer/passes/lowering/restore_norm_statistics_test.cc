#include "optimizer/passes/lowering/restore_norm_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ops/infer.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// y = FusedBatchNorm in training, with the moving averages that TensorFlow's layers keep.
class ATrainingNorm : public ::testing::Test {
 protected:
  ATrainingNorm() : editor(graph) {}

  Value Add(std::string op, std::string name, std::vector<Value> inputs, AttrMap attrs = {}) {
    Node node;
    node.op = std::move(op);
    node.name = std::move(name);
    node.inputs = std::move(inputs);
    node.attrs = std::move(attrs);
    return {editor.AddNode(std::move(node)), 0};
  }
  Value Const(const std::string& name, const std::vector<float>& values) {
    return {editor.AddConst(name, Tensor::Vector<float>(values)), 0};
  }
  void AddNorm(const std::vector<float>& mean, const std::vector<float>& variance) {
    const Value x = Add("Placeholder", "x", {}, {{"dtype", DType::kFloat32}, {"shape", Shape({1, 2, 2, 2})}});
    editor.SetGraphInputs({x.node});
    norm = Add("FusedBatchNorm", "norm",
               {x, Const("scale", {1, 2}), Const("offset", {3, 4}), Const("mean", mean), Const("variance", variance)},
               {{"T", DType::kFloat32}, {"is_training", true}});
  }
  // AssignSub(variable, (variable - statistic) * decay), the variable starting at `initial`.
  void Average(const std::string& name, int port, const std::vector<float>& initial) {
    const Value variable = Add("VariableV2", name, {}, {{"dtype", DType::kFloat32}, {"shape", Shape({2})}});
    Add("Assign", name + "/Assign", {variable, Const(name + "/initial", initial)});
    const Value read = Add("Identity", name + "/read", {variable});
    const Value difference = Add("Sub", name + "/sub", {read, {norm.node, port}});
    Add("AssignSub", name + "/update",
        {variable, Add("Mul", name + "/mul", {difference, Const(name + "/decay", {0.1F})})});
  }
  Status Restore(bool has_variables = true) {
    original = graph;
    editor.SetGraphOutputs({{"y", norm}});
    editor.PruneDead();
    EXPECT_TRUE(InferTypes(editor).ok());
    const VariableValues values(original, nullptr);
    return RestoreNormStatistics(editor, original, has_variables ? &values : nullptr, context);
  }
  std::vector<float> Input(size_t index) {
    return ConstValue(graph, graph.node(norm.node).inputs[index])->Values<float>();
  }
  bool Training() { return graph.node(norm.node).attr_or<bool>("is_training", true); }

  Graph graph, original;
  GraphEditor editor;
  PassContext context;
  Value norm;
};

TEST_F(ATrainingNorm, TakesTheVariablesThatItsBatchStatisticsUpdate) {
  AddNorm({}, {});
  Average("moving_variance", 2, {7, 8});
  Average("moving_mean", 1, {5, 6});
  const Status status = Restore();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_FALSE(Training());
  EXPECT_THAT(Input(3), ElementsAre(5, 6));
  EXPECT_THAT(Input(4), ElementsAre(7, 8));
  EXPECT_THAT(context.notes().back(), HasSubstr("'moving_mean' and 'moving_variance'"));
}

TEST_F(ATrainingNorm, TakesItsOwnInputsWhenTheyAreStatistics) {
  AddNorm({5, 6}, {7, 8});
  ASSERT_TRUE(Restore(false).ok());
  EXPECT_FALSE(Training());
  EXPECT_THAT(Input(3), ElementsAre(5, 6));
  EXPECT_THAT(context.notes().back(), HasSubstr("inputs 3 and 4"));
}

TEST_F(ATrainingNorm, IsLeftAloneInAFrozenGraphThatLostThem) {
  AddNorm({}, {});
  ASSERT_TRUE(Restore(false).ok());
  EXPECT_TRUE(Training());
  EXPECT_THAT(context.notes().back(), HasSubstr("takes the statistics of its batch, the file holds no others"));
}

TEST_F(ATrainingNorm, IsNamedWhenNobodyKeepsAMovingAverage) {
  AddNorm({}, {});
  Average("moving_mean", 1, {5, 6});
  EXPECT_THAT(Message(Restore()), ::testing::AllOf(HasSubstr("norm 'norm'"), HasSubstr("no moving variance"),
                                                   HasSubstr("--keep-batch-stats")));
}

TEST_F(ATrainingNorm, IsNamedWhenTwoVariablesTakeItsStatistic) {
  AddNorm({}, {});
  Average("moving_mean", 1, {5, 6});
  Average("another_mean", 1, {1, 2});
  Average("moving_variance", 2, {7, 8});
  EXPECT_THAT(Message(Restore()), HasSubstr("no moving mean"));
}

// y = (x - mean) * rsqrt(variance + 0.001), both of the batch, in a graph with a variable.
std::string PlainNorm(const std::string& shape) {
  return StrCat("in x:float32", shape, "; v = VariableV2() {dtype=float32, shape=[2]}; m = Mean(x, int32[2]{0,1}) {keep_dims=true};",
                "d = SquaredDifference(x, m); s = Mean(d, int32[2]{0,1}) {keep_dims=true}; e = AddV2(s, float32[]{0.001});",
                "norm = Rsqrt(e); c = Sub(x, m); y = Mul(c, norm); out y");
}

Status RestorePlain(const std::string& text) {
  Graph graph = ParseOrDie(text);
  const Graph original = graph;
  GraphEditor editor(graph);
  PassContext context;
  const VariableValues values(original, nullptr);
  return RestoreNormStatistics(editor, original, &values, context);
}

TEST(APlainTrainingNorm, IsNamedWhenNobodyKeepsItsMovingAverages) {
  EXPECT_THAT(Message(RestorePlain(PlainNorm("[?,4,2]"))),
              ::testing::AllOf(HasSubstr("norm 'norm' (Rsqrt): takes the variance 's' of its batch"), HasSubstr("no moving variance"),
                               HasSubstr("--checkpoint"), HasSubstr("--keep-batch-stats")));
}

TEST(APlainTrainingNorm, IsAnInstanceNormWhenTheBatchIsOne) {
  const Status status = RestorePlain(PlainNorm("[1,4,2]"));
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace permafrost
