// choose_outputs.cc and choose_inputs.cc: where a graph begins and ends when nobody says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/passes/lowering/boundary.h"
#include "optimizer/passes/run_pass.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> ChosenOutputs(std::string_view text) {
  Graph graph = ParseOrDie(text);
  const auto run = RunPass(kChooseOutputs, graph);
  if (!run.ok()) return {StrCat("error: ", Message(run.status()))};
  std::vector<std::string> names;
  for (const GraphOutput& output : graph.outputs()) names.push_back(output.name);
  return names;
}

struct Inputs {
  std::vector<std::string> names;
  std::string text, error;
};
Inputs ChosenInputs(std::string_view text) {
  Graph graph = ParseOrDie(text);
  const auto run = RunPass(kChooseInputs, graph);
  if (!run.ok()) return {{}, "", Message(run.status())};
  Inputs inputs;
  for (NodeId id : graph.inputs()) inputs.names.push_back(graph.node(id).name);
  inputs.text = PrintText(graph);
  return inputs;
}

// Placeholders of a file are not graph inputs yet.
constexpr const char* kData = "x = Placeholder() {dtype=float32, shape=shape[?,8]}\n";
constexpr const char* kLabels = "labels = Placeholder() {dtype=int64, shape=shape[?]}\n";
constexpr const char* kLogits = "logits = MatMul(x, float32[8,3]~1)\n";

TEST(ChooseOutputs, TakesTheSoftmaxNotLossAccuracyOrSummary) {
  EXPECT_THAT(ChosenOutputs(StrCat(kData, kLabels, kLogits,
                                   "probabilities = Softmax(logits)\n"
                                   "xent = SparseSoftmaxCrossEntropyWithLogits(logits, labels)\n"
                                   "loss = Mean(xent, int32[1]{0})\n"
                                   "top = ArgMax(probabilities, int32[]{1})\n"
                                   "hit = Equal(top, labels)\n"
                                   "accuracy = Mean(hit, int32[1]{0})\n"
                                   "h = HistogramSummary(string[]{\"p\"}, probabilities)\n"
                                   "init = NoOp()\n")),
              ElementsAre("probabilities"));
}

TEST(ChooseOutputs, TakesTheLogitsThatOnlyALossLooksAt) {
  EXPECT_THAT(ChosenOutputs(StrCat(kData, kLabels, kLogits,
                                   "xent = SparseSoftmaxCrossEntropyWithLogits(logits, labels)\n")),
              ElementsAre("logits"));
  EXPECT_THAT(ChosenOutputs(StrCat(kData, kLabels, kLogits,
                                   "p = Softmax(logits); flat = Reshape(logits, int32[2]{-1,3})\n"
                                   "size = Shape(logits); twice = Add(size, size)\n"
                                   "xent = SparseSoftmaxCrossEntropyWithLogits(flat, labels)\n")),
              ElementsAre("p"));
}

TEST(ChooseOutputs, LeavesMovingAveragesAndGradientsOut) {
  EXPECT_THAT(ChosenOutputs(StrCat(kData, kLogits,
                                   "m = Mean(logits, int32[1]{0})\n"
                                   "bn/AssignMovingAvg/sub = Sub(float32[3]{1,2,3}, m)\n"
                                   "gradients/logits_grad/Shape = Shape(logits)\n"
                                   "gradients/logits_grad/mul = Mul(logits, 2.0)\n"
                                   "y = Relu(logits)\n")),
              ElementsAre("y"));
}

TEST(ChooseOutputs, TakesEveryEndOfANetWithSeveralHeads) {
  EXPECT_THAT(ChosenOutputs(StrCat(kData, "body = Relu(x)\n",
                                   "age = MatMul(body, float32[8,1]~1)\n"
                                   "sex = MatMul(body, float32[8,2]~2)\n")),
              ElementsAre("age", "sex"));
}

TEST(ChooseOutputs, KeepsWhatTheCallerAskedFor) {
  Graph graph = ParseOrDie(StrCat("in x:float32[?,8]\n", kLogits, "y = Relu(logits); out logits, y\n"));
  const auto run = RunPass(kChooseOutputs, graph);
  ASSERT_TRUE(run.ok());
  EXPECT_FALSE(run->changed);
}

TEST(ChooseOutputs, SaysSoWhenNothingHangsOnAnInput) {
  EXPECT_THAT(ChosenOutputs("c = float32[2]{1,2}; r = Relu(c)"), ElementsAre(HasSubstr("no output found")));
}

TEST(ChooseInputs, TakesThePlaceholdersThatOutputsNeed) {
  const Inputs chosen = ChosenInputs(StrCat(kData, kLabels, kLogits, "out logits\n"));
  EXPECT_THAT(chosen.error, IsEmpty());
  EXPECT_THAT(chosen.names, ElementsAre("x"));
  EXPECT_THAT(chosen.text, testing::Not(HasSubstr("labels")));
}

TEST(ChooseInputs, CutsAnIteratorAtItsPictures) {
  const Inputs chosen = ChosenInputs(
      "it = OneShotIterator() {output_types=[float32,int64], output_shapes=[shape[?,8,8,1],shape[?]]}\n"
      "batch = IteratorGetNext(it) {output_types=[float32,int64], output_shapes=[shape[?,8,8,1],shape[?]]}\n"
      "y = Relu(batch); out y\n");
  EXPECT_THAT(chosen.error, IsEmpty());
  EXPECT_THAT(chosen.names, ElementsAre("batch"));
  EXPECT_THAT(chosen.text, HasSubstr("batch:float32[?,8,8,1]"));
  EXPECT_THAT(chosen.text, testing::Not(HasSubstr("Iterator")));
}

TEST(ChooseInputs, CutsADecoderAtTheFirstBatchOfPictures) {
  const Inputs chosen = ChosenInputs(
      "file = Placeholder() {dtype=string, shape=shape[]}\n"
      "jpeg = DecodeJpeg(file) {channels=3}\n"
      "float = Cast(jpeg) {SrcT=uint8, DstT=float32}\n"
      "batch = ExpandDims(float, int32[]{0})\n"
      "y = Relu(batch); out y\n");
  EXPECT_THAT(chosen.error, IsEmpty());
  EXPECT_THAT(chosen.names, ElementsAre("batch"));
}

TEST(ChooseInputs, PassesThroughADefaultThatHangsOnAnInput) {
  const Inputs chosen = ChosenInputs(StrCat(kData, "bottleneck = PlaceholderWithDefault(x) {shape=shape[?,8]}\n",
                                            "y = Relu(bottleneck); out y\n"));
  EXPECT_THAT(chosen.names, ElementsAre("x"));
  EXPECT_THAT(chosen.text, testing::Not(HasSubstr("bottleneck")));
}

TEST(ChooseInputs, PassesThroughADefaultThatHangsOnAnInputBesidesAFileName) {
  for (const char* inputs : {"x, s", "s, x"}) {
    const Inputs chosen =
        ChosenInputs(StrCat(kData, "s = Placeholder() {dtype=string, shape=shape[]}; d = Unheard(", inputs,
                            ") {T=float32}\nbottleneck = PlaceholderWithDefault(d) {dtype=float32, shape=shape[?,8]}\n",
                            "y = Relu(bottleneck); out y\n"));
    EXPECT_THAT(chosen.text, testing::Not(HasSubstr("bottleneck"))) << inputs << chosen.error;
  }
}

TEST(ChooseInputs, KeepsAConstantDefaultThatIsNoData) {
  const Inputs chosen = ChosenInputs(StrCat(kData, "gain = PlaceholderWithDefault(2.0) {shape=shape[]}\n",
                                            "y = Mul(x, gain); out y\n"));
  EXPECT_THAT(chosen.names, ElementsAre("x"));
}

TEST(ChooseInputs, ListsCandidatesWhenThereIsNoInput) {
  EXPECT_THAT(ChosenInputs(StrCat(kData, "c = float32[2]{1,2}; r = Relu(c); out r\n")).error,
              HasSubstr("no input found"));
}

}  // namespace
}  // namespace permafrost
