#include "optimizer/passes/lowering/freeze_variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/lowering/variables.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Values : public VariableSource {
 public:
  explicit Values(std::map<std::string, Tensor> tensors) : tensors_(std::move(tensors)) {}
  std::vector<std::string> Names() const override { return {}; }
  bool Has(std::string_view name) const override { return tensors_.count(std::string(name)) > 0; }
  StatusOr<Tensor> Get(std::string_view name) const override { return tensors_.at(std::string(name)); }
  std::string Describe() const override { return "checkpoint test"; }

 private:
  std::map<std::string, Tensor> tensors_;
};

Node MakeNode(std::string op, std::string name, std::vector<Value> inputs = {}, AttrMap attrs = {}) {
  Node node;
  node.op = std::move(op);
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  node.attrs = std::move(attrs);
  return node;
}

class AGraphWithVariables : public ::testing::Test {
 protected:
  AGraphWithVariables() : editor(graph) {}

  Value Add(std::string op, std::string name, std::vector<Value> inputs = {}, AttrMap attrs = {}) {
    return {editor.AddNode(MakeNode(std::move(op), std::move(name), std::move(inputs), std::move(attrs))), 0};
  }
  Value Variable(std::string op, std::string name, std::vector<int64_t> dims = {2}) {
    return Add(std::move(op), std::move(name), {}, {{"dtype", DType::kFloat32}, {"shape", Shape(std::move(dims))}});
  }
  Value Strings(std::string name, std::vector<std::string> values) {
    const auto count = static_cast<int64_t>(values.size());
    return {editor.AddConst(name, Tensor::Strings({count}, std::move(values))), 0};
  }
  Value Restore(std::vector<std::string> keys, std::vector<std::string> slices, const std::string& name = "restore") {
    const std::vector<DType> types(keys.size(), DType::kFloat32);
    const Value prefix{editor.AddConst(name + "/prefix", Tensor::Strings({}, {"model"})), 0};
    return Add("RestoreV2", name,
               {prefix, Strings(name + "/names", std::move(keys)), Strings(name + "/slices", std::move(slices))},
               {{"dtypes", types}});
  }
  Status Freeze(Value output, const VariableSource* source) {
    const Graph original = graph;
    editor.SetGraphOutputs({{"y", output}});
    editor.PruneDead();
    return FreezeVariables(editor, VariableValues(original, source), context);
  }
  std::vector<float> FrozenValue(Value output, const VariableSource* source) {
    const Status status = Freeze(output, source);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) return {};
    EXPECT_TRUE(InferTypes(editor).ok());
    EXPECT_FALSE(HasVariables(graph));
    const auto values = Evaluate(graph, {}, {graph.outputs()[0].value});
    EXPECT_TRUE(values.ok()) << values.status();
    return values.ok() ? (*values)[0].Values<float>() : std::vector<float>();
  }
  std::string ErrorOf(Value output, const VariableSource* source) {
    const Status status = Freeze(output, source);
    return status.ok() ? "accepted" : Message(status);
  }

  Graph graph;
  GraphEditor editor;
  PassContext context;
};

TEST_F(AGraphWithVariables, TakesReferencesByTheirName) {
  const Value w = Variable("VariableV2", "w");
  const Values source({{"w", Tensor::Vector<float>({3, -4})}});
  EXPECT_THAT(FrozenValue(Add("Relu", "y", {Add("Identity", "w/read", {w})}), &source), ElementsAre(3, 0));
  EXPECT_EQ(graph.node(*graph.Find("w")).op, "Const");
}

TEST_F(AGraphWithVariables, TurnsReadsOfResources) {
  const Value w = Variable("VarHandleOp", "w");
  const Value read = Add("ReadVariableOp", "read", {w}, {{"dtype", DType::kFloat32}});
  const Values source({{"w", Tensor::Vector<float>({3, -4})}});
  EXPECT_THAT(FrozenValue(Add("Relu", "y", {read}), &source), ElementsAre(3, 0));
  EXPECT_EQ(graph.node(*graph.Find("read")).op, "Identity");
}

TEST_F(AGraphWithVariables, TurnsGathersAndShapesOfResources) {
  const Value w = Variable("VarHandleOp", "w", {3, 2});
  const Value rows{editor.AddConst("rows", Tensor::Vector<int32_t>({2, 0})), 0};
  const Value gather =
      Add("ResourceGather", "gather", {w, rows}, {{"dtype", DType::kFloat32}, {"Tindices", DType::kInt32}});
  const Values source({{"w", Tensor::Of<float>({3, 2}, {0, 1, 2, 3, 4, 5})}});
  EXPECT_THAT(FrozenValue(gather, &source), ElementsAre(4, 5, 0, 1));
}

TEST_F(AGraphWithVariables, FollowsTheGraphsOwnRestoreToAnotherName) {
  const Value w = Variable("VariableV2", "w");
  const Value restore = Restore({"other", "w_average"}, {"", ""});
  Add("Assign", "assign", {w, {restore.node, 1}});
  const Values source({{"w_average", Tensor::Vector<float>({5, 6})}});
  EXPECT_THAT(FrozenValue(Add("Relu", "y", {w}), &source), ElementsAre(5, 6));
}

TEST_F(AGraphWithVariables, PrefersTheSaverThatKeepsTheName) {
  const Value w = Variable("VarHandleOp", "w");
  Add("AssignVariableOp", "a", {w, Restore({"w/ExponentialMovingAverage"}, {""}, "ema")});
  Add("AssignVariableOp", "b", {w, Add("Identity", "i", {Restore({"w"}, {""}, "main")})});
  const Values source(
      {{"w", Tensor::Vector<float>({1, 2})}, {"w/ExponentialMovingAverage", Tensor::Vector<float>({8, 9})}});
  const Value read = Add("ReadVariableOp", "read", {w}, {{"dtype", DType::kFloat32}});
  EXPECT_THAT(FrozenValue(Add("Relu", "y", {read}), &source), ElementsAre(1, 2));
}

TEST_F(AGraphWithVariables, CutsPartitionsOutOfTheWhole) {
  const Value w = Variable("VariableV2", "w/part_1", {1, 2});
  Add("Assign", "assign", {w, Restore({"w"}, {"3 2 2,1:-"})});
  const Values source({{"w", Tensor::Of<float>({3, 2}, {0, 1, 2, 3, 4, 5})}});
  EXPECT_THAT(FrozenValue(Add("Relu", "y", {w}), &source), ElementsAre(4, 5));
}

TEST_F(AGraphWithVariables, TakesConstantInitialValuesAndSaysSo) {
  const Value w = Variable("VariableV2", "w");
  const Value two{editor.AddConst("two", Tensor::Vector<float>({2, 3})), 0};
  Add("Assign", "w/Assign", {w, Add("Neg", "negative", {two})});
  EXPECT_THAT(FrozenValue(Add("Neg", "y", {w}), nullptr), ElementsAre(2, 3));
  ASSERT_EQ(context.notes().size(), 1U);
  EXPECT_THAT(context.notes()[0], HasSubstr("'w' (VariableV2): takes its initial value"));
}

TEST_F(AGraphWithVariables, AsksForTheCheckpointWhenNobodyHasAValue) {
  const Value w = Variable("VariableV2", "w");
  const Value dims{editor.AddConst("dims", Tensor::Vector<int32_t>({2})), 0};
  Add("Assign", "w/Assign", {w, Add("RandomUniform", "random", {dims}, {{"dtype", DType::kFloat32}})});
  const Value y = Add("Relu", "y", {w});
  const Values empty({});
  EXPECT_THAT(ErrorOf(y, &empty),
              ::testing::AllOf(HasSubstr("'w'"), HasSubstr("checkpoint test"), HasSubstr("--checkpoint")));
  EXPECT_THAT(ErrorOf(y, nullptr), HasSubstr("no checkpoint was given"));
}

TEST_F(AGraphWithVariables, RefusesValuesOfAnotherShapeOrType) {
  const Value y = Add("Relu", "y", {Variable("VariableV2", "w")});
  const Values longer({{"w", Tensor::Vector<float>({1, 2, 3})}}), integer({{"w", Tensor::Vector<int32_t>({1, 2})}});
  EXPECT_THAT(ErrorOf(y, &longer), HasSubstr("is a float32[2], its value a float32[3]"));
  EXPECT_THAT(ErrorOf(y, &integer), HasSubstr("its value a int32[2]"));
}

TEST_F(AGraphWithVariables, ReadsOnlyWhatTheOutputsNeed) {
  Variable("VariableV2", "momentum");
  const Values source({{"w", Tensor::Vector<float>({1, 2})}});
  EXPECT_THAT(FrozenValue(Add("Relu", "y", {Variable("VariableV2", "w")}), &source), ElementsAre(1, 2));
}

TEST_F(AGraphWithVariables, RefusesSlicesThatLie) {
  const Value w = Variable("VariableV2", "w", {1, 2});
  Add("Assign", "assign", {w, Restore({"w"}, {"9 2 8,1:-"})});
  const Values source({{"w", Tensor::Of<float>({3, 2}, {0, 1, 2, 3, 4, 5})}});
  EXPECT_THAT(ErrorOf(Add("Relu", "y", {w}), &source), HasSubstr("has shape [3,2]"));
}

}  // namespace
}  // namespace permafrost
