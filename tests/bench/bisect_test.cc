#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/core/version.hpp>

#include "bench/bisect_case.h"
#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class BisectTest : public CaseFolderTest {
 protected:
  StatusOr<BisectReport> BisectGraph(const TinyGraph& graph, const BisectOptions& options = {}) {
    const auto subject = SubjectOfFile(graph.Save(root_ + "/model.pb"), "", {}, 1);
    RETURN_IF_ERROR(subject.status());
    return Bisect(subject->graph, subject->model_path, subject->inputs, LinkedOpenCv(), options);
  }
  // A convolution of pictures with a bias, then Relu "r" with four channels.
  static TinyGraph Start() {
    TinyGraph graph;
    graph.Placeholder("x", {1, 5, 7, 3});
    graph.Const("k", {1, 1, 3, 4}, {1, -2, 3, 4, 5, -6, 7, 8, 9, 10, -11, 12});
    graph.Convolve("c", "x", "k");
    graph.Const("variable", {4}, {1, 2, 3, 4});
    graph.Add("bias", "Identity", {"variable"});  // as TensorFlow freezes it
    graph.Add("b", "BiasAdd", {"c", "bias"});
    graph.Add("r", "Relu", {"b"});
    return graph;
  }
};

TEST_F(BisectTest, FindsNothingWhereOpenCvIsRight) {
  TinyGraph graph = Start();
  graph.Add("y", "Tanh", {"r"});
  const auto report = BisectGraph(graph);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->first.has_value()) << report->first->node.name;
  EXPECT_EQ(report->nodes, 4u);
  ASSERT_EQ(report->compared.size(), 3u);  // the bias is merged into the convolution
  EXPECT_EQ(report->compared[0].name, "c");
  EXPECT_EQ(report->compared[0].holds, "b");
  EXPECT_TRUE(report->compared[0].channels_first);
  EXPECT_THAT(report->compared[0].dims, ElementsAre(1, 5, 7, 4));
  EXPECT_THAT(report->compared[0].cv_dims, ElementsAre(1, 4, 5, 7));
}

// The importer computes Sub(constant, x) as x - constant, without a word.
TEST_F(BisectTest, FindsTheFirstOfSeveralNodesThatDiffer) {
  TinyGraph graph = Start();
  graph.Const("half", {}, {0.5F});
  graph.Add("wrong", "Sub", {"half", "r"});
  graph.Add("t", "Tanh", {"wrong"});
  graph.Add("y", "Add", {"t", "r"});
  for (const size_t window : {size_t{1}, size_t{2}, size_t{64}}) {
    const auto report = BisectGraph(graph, {.window_layers = window});
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_TRUE(report->first.has_value()) << window;
    EXPECT_EQ(report->first->node.name, "wrong");
    EXPECT_EQ(report->first->node.op, "Sub");
    EXPECT_FALSE(report->first->only_fused);
    EXPECT_GT(report->first->node.comparison.needed_rel, 0.1);
    ASSERT_EQ(report->first->inputs.size(), 1u);
    EXPECT_EQ(report->first->inputs[0].name, "r");
    EXPECT_LT(report->first->inputs[0].comparison.needed_rel, 1e-5);
  }
}

// What OpenCV 4 fuses into a product of two live values is lost.
TEST_F(BisectTest, FindsWhatIsWrongOnlyWhereLayersAreFused) {
  if (CV_VERSION_MAJOR != 4) GTEST_SKIP() << "OpenCV " << CV_VERSION << " does not fuse into products of live values";
  TinyGraph graph;
  graph.Placeholder("a", {3, 4});
  graph.Placeholder("b", {4, 5});
  graph.Add("m", "MatMul", {"a", "b"});
  graph.Add("e", "Elu", {"m"});
  graph.Add("y", "Sigmoid", {"e"});
  const auto report = BisectGraph(graph);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_TRUE(report->first.has_value());
  EXPECT_TRUE(report->first->only_fused);
  EXPECT_THAT(report->first->node.name, ::testing::AnyOf("e", "y"));
}

TEST_F(BisectTest, NamesTheNodesOfTheSource) {
  TinyGraph source;
  source.Placeholder("x", {1, 4});
  source.Add("block/norm/mul", "Square", {"x"});
  source.Add("block/norm/add", "Relu", {"block/norm/mul"});
  const auto subject = SubjectOfFile(source.Save(root_ + "/source.pb"), "", {}, 1);
  ASSERT_TRUE(subject.ok()) << subject.status();
  EXPECT_THAT(SourceNodes("block/norm/mul", subject->graph), ElementsAre("block/norm/mul"));
  EXPECT_THAT(SourceNodes("block/norm/add/opencv_2", subject->graph), ElementsAre("block/norm/add"));
  EXPECT_THAT(SourceNodes("block/norm", subject->graph), ElementsAre("block/norm/mul", "block/norm/add"));
  EXPECT_THAT(SourceNodes("elsewhere", subject->graph), ElementsAre());
}

TEST_F(BisectTest, TellsHowFarTheKernelsAreFromTheCasesReferences) {
  auto model = LoadModelCase(WriteCase("tiny", {3, 0, 9, 12, 0, 18.5}), {});
  ASSERT_TRUE(model.ok()) << model.status();
  model->flags.clear();
  const auto subject = SubjectOfCase(*model, /*raw=*/false, "", root_);
  ASSERT_TRUE(subject.ok()) << subject.status();
  const BisectOptions options;
  const auto report = Bisect(subject->graph, subject->model_path, subject->inputs, LinkedOpenCv(), options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->first.has_value());
  const std::string text = BisectText(*subject, *report, options);
  EXPECT_THAT(text, HasSubstr("the reference kernels themselves are 0.027 off the case's reference of \"y\""));
  EXPECT_THAT(text, HasSubstr("no divergence"));
}

TEST_F(BisectTest, FindsTheNodeThatMakesOpenCvRefuseTheWholeNet) {
  TinyGraph graph = Start();
  graph.Add("t", "Tanh", {"r"});
  graph.Add("unknown", "Neg", {"t"});
  graph.Add("y", "Sigmoid", {"unknown"});
  const auto subject = SubjectOfFile(graph.Save(root_ + "/model.pb"), "", {}, 1);
  ASSERT_TRUE(subject.ok()) << subject.status();
  const auto whole = Bisect(subject->graph, subject->model_path, subject->inputs, LinkedOpenCv(), {});
  ASSERT_FALSE(whole.ok());
  const auto report = NarrowRefusal(*subject, LinkedOpenCv(), root_, Message(whole.status()));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_TRUE(report->first.has_value());
  EXPECT_EQ(report->first->node.name, "unknown");
  EXPECT_THAT(report->first->failure, HasSubstr("Neg"));
  EXPECT_THAT(BisectText(*subject, *report, {}), HasSubstr("OpenCV fails"));
}

TEST_F(BisectTest, SaysSoWhenNoLayerBearsANodesName) {
  TinyGraph graph;
  graph.Placeholder("x", {1, 4});
  graph.Add("y", "Identity", {"x"});  // OpenCV removes identities
  const auto report = BisectGraph(graph);
  EXPECT_FALSE(report.ok());
}

}  // namespace
}  // namespace permafrost
