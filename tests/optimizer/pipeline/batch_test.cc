#include "optimizer/pipeline/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "optimizer/backends/graphdef/emit_graphdef.h"
#include "optimizer/pipeline/optimize.h"
#include "tests/support/graph_testing.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BatchTest : public testing::Test {
 protected:
  OptimizeOptions Options(std::string_view text, const std::string& name = "net.pb") {
    std::string bytes;
    const Graph graph = ParseOrDie(text);
    EXPECT_TRUE(EmitGraphDef(graph, {}, [&](std::string_view part) {
                  bytes += part;
                  return OkStatus();
                }).ok());
    OptimizeOptions options;
    options.model = folder_.Write(name, bytes);
    options.output = folder_.File("out.pb");
    for (const GraphOutput& output : graph.outputs()) options.outputs.push_back({output.name, 0});
    return options;
  }
  TemporaryFolder folder_;
};

// Batch 1 in the placeholder and in the flattening, as in many files of TensorFlow 1.
constexpr const char* kHardCoded =
    "in x:float32[1,7,7,3]\n"
    "c = Conv2D(x, float32[3,3,3,4]~3) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}\n"
    "r = Reshape(c, int32[2]{1,196}); l = MatMul(r, float32[196,5]~5); s = Softmax(l); b = Reshape(c, "
    "int32[4]{1,7,7,4}); "
    "out s, b\n";

TEST_F(BatchTest, IsSetWhereTheFileHasItInNumbers) {
  OptimizeOptions options = Options(kHardCoded);
  options.batch = 4;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.inputs[0].shape, (std::vector<int64_t>{4, 7, 7, 3}));
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{4, 5}));
  ASSERT_EQ(report->rows.size(), 2U);
  EXPECT_LE(report->rows[0].relative_error, 1e-5);
  EXPECT_THAT(report->notes, testing::Contains(HasSubstr("batch: made 4 from 1")));
}

TEST_F(BatchTest, IsSetByTheShapeOfAnInputToo) {
  OptimizeOptions options = Options(kHardCoded);
  InputSpec input{{"x", 0}, Shape({4, 7, 7, 3}), std::nullopt};
  options.inputs = {input};
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(report->rows.size(), 2U);
}

TEST_F(BatchTest, IsNotSetInTwoWays) {
  OptimizeOptions options = Options(kHardCoded);
  options.batch = 4;
  options.inputs = {{{"x", 0}, Shape({2, 7, 7, 3}), std::nullopt}};
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("--batch 4: --inputs gives 'x' a batch of 2"));
}

TEST_F(BatchTest, IsNoneWhereInputsAreGivenDifferentOnes) {
  OptimizeOptions options =
      Options("in x:float32[1,3], y:float32[1,3]; y2 = MatMul(x, y) {transpose_b=true}; r = Relu(y2); out r");
  options.inputs = {{{"x", 0}, Shape({2, 3}), std::nullopt}, {{"y", 0}, Shape({5, 3}), std::nullopt}};
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->rows, IsEmpty());
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{2, 5}));
}

TEST_F(BatchTest, MayStayOpen) {
  OptimizeOptions options = Options(kHardCoded);
  options.batch = kUnknownDim;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.inputs[0].shape, (std::vector<int64_t>{-1, 7, 7, 3}));
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{-1, 5}));
  EXPECT_EQ(report->rows.size(), 2U);
}

TEST_F(BatchTest, IsProvenOnTheFileRowByRow) {
  // Softmax over what a flattening made of all rows: shapes grow as they should, numbers do not.
  OptimizeOptions options = Options(
      "in x:float32[1,3]; r = Reshape(x, int32[1]{3}); n = Softmax(r); z = Reshape(n, int32[2]{1,3}); "
      "q = Relu(z); out q");
  options.batch = 4;
  auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << "one sample at a time: " << report.status();
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{4, 3}));

  // A row's place in its batch decides: no way to keep rows apart.
  options = Options("in x:float32[2,3]; c = Cumsum(x, int32[]{0}); y = Relu(c); out y");
  options.batch = 4;
  options.output = folder_.File("sums.pb");
  report = Optimize(options);
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(Message(report.status()), HasSubstr("--batch 4: the rows of output 'y' are not what the file gives"));
  EXPECT_THAT(Message(report.status()), HasSubstr("they part at node 'c' (Cumsum)"));
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb", "out.json", "out.pb"));
}

TEST_F(BatchTest, HasToBeANumberForWhatTakesOneSampleAtATime) {
  OptimizeOptions options = Options(
      "in x:float32[1,4,4,2]; u = Squeeze(x) {squeeze_dims=[0]}; s = Softmax(u); t = Transpose(s, int32[3]{1,0,2}); "
      "c = Cumsum(t, int32[]{0}); y = ExpandDims(c, int32[]{0}); out y");
  options.batch = kUnknownDim;
  options.target = *ParseTarget("graphdef");
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("give --batch with a number"));
  options.batch = 3;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{3, 4, 4, 2}));
}

TEST_F(BatchTest, IsRefusedWhereRowsDependOnEachOther) {
  OptimizeOptions options =
      Options("in x:float32[?,3]; m = Mean(x, int32[1]{0}) {keep_dims=true}; y = Sub(x, m); out y");
  options.batch = 4;
  const auto report = Optimize(options);
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(Message(report.status()), HasSubstr("node 'm' (Mean): takes the rows of a batch together"));
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb"));
}

TEST_F(BatchTest, WantsAnInputThatHasOne) {
  OptimizeOptions options = Options("in x:float32[5]; y = Relu(x); out y");
  options.batch = 4;
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("no input has a batch dimension: 'x' is [5]"));
  options = Options("in x:float32?; y = Relu(x); out y");
  options.batch = 4;
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("'x' has no known rank"));
}

// In TensorFlow they take what they get; cv::dnn is told how much that is.
TEST_F(BatchTest, HasToBeKnownWhereNormsUseItsStatistics) {
  for (const char* text :
       {"in x:float32[?,4,4,2]; y = FusedBatchNormV3(x, float32[2]{1.5,2}, float32[2]{0.5,1}, float32[0]{}, "
        "float32[0]{}) {is_training=true}; r = Relu(y); out r",
        "in x:float32[?,4,4,2]; y = Mean(x, int32[3]{0,1,2}) {keep_dims=true}; r = Sub(x, y); out r"}) {
    OptimizeOptions options = Options(text);
    options.verify = true;
    const auto open = Optimize(options);
    ASSERT_FALSE(open.ok());
    EXPECT_THAT(Message(open.status()), HasSubstr("node 'y'"));
    EXPECT_THAT(Message(open.status()), HasSubstr("has to be known: give --batch 1"));
    options.batch = 1;
    const auto one = Optimize(options);
    ASSERT_TRUE(one.ok()) << one.status();
    options.batch = std::nullopt;
    options.inputs = {{{"x", 0}, Shape({3, 4, 4, 2}), std::nullopt}};
    const auto three = Optimize(options);
    ASSERT_TRUE(three.ok()) << three.status();
    EXPECT_TRUE(three->verified[0].passed);
  }
}

TEST_F(BatchTest, IsProvenWithNumbersThatATableHas) {
  OptimizeOptions options = Options(
      "in x:int32[?,3]; g = GatherV2(float32[5,2]~3, x, int32[]{0}); r = Reshape(g, int32[2]{1,-1}); y = Relu(r); out "
      "y");
  options.batch = 4;
  options.target = *ParseTarget("graphdef");
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.outputs[0].shape, (std::vector<int64_t>{4, 6}));
}

TEST_F(BatchTest, LeavesInputsWithoutOneAlone) {
  OptimizeOptions options =
      Options("in x:float32[1,3], k:float32[3]; r = Reshape(x, int32[2]{1,3}); y = Mul(r, k); out y");
  options.batch = 4;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.inputs[1].shape, (std::vector<int64_t>{3}));
  EXPECT_THAT(report->notes, testing::Contains(HasSubstr("input 'k' of shape [3] has no batch")));
}

TEST_F(BatchTest, OfTheFileChangesNothing) {
  OptimizeOptions options = Options(kHardCoded);
  options.batch = 1;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->rows, IsEmpty());
  EXPECT_EQ(report->info.inputs[0].shape, (std::vector<int64_t>{1, 7, 7, 3}));
}

constexpr const char* kTwoNets =
    "in x:float32[1,4], y:float32[1,2,2,1]\n"
    "\"first/fc\" = MatMul(x, float32[4,3]~3); \"first/prob\" = Softmax(\"first/fc\"); \"first/raw\" = "
    "Relu(\"first/fc\")\n"
    "\"second/c\" = Conv2D(y, float32[1,1,1,2]~4) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}\n"
    "\"second/r\" = Relu(\"second/c\"); out \"first/prob\", \"second/r\", \"first/raw\"\n";

TEST_F(BatchTest, OfNetsThatAreSplitIsProvenForEach) {
  OptimizeOptions options = Options(kTwoNets);
  options.batch = 3;
  options.split = true;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->parts.size(), 2U);
  EXPECT_EQ(report->parts[0].rows.size(), 2U);
  EXPECT_EQ(report->parts[1].info.inputs[0].shape, (std::vector<int64_t>{3, 2, 2, 1}));
}

using SplitTest = BatchTest;

TEST_F(SplitTest, WritesAFileForEachNet) {
  OptimizeOptions options = Options(kTwoNets);
  options.split = true;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(folder_.Names(),
              ElementsAre("net.pb", "out_first.json", "out_first.pb", "out_second.json", "out_second.pb"));
  ASSERT_EQ(report->parts.size(), 2U);
  EXPECT_EQ(report->parts[0].output, folder_.File("out_first.pb"));
  const auto info = ReadModelInfo(folder_.File("out_second.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->file, "out_second.pb");
  ASSERT_EQ(info->inputs.size(), 1U);
  EXPECT_EQ(info->inputs[0].name, "y");
}

TEST_F(SplitTest, IsSuggestedWhereNetsShareNothing) {
  const auto report = Optimize(Options(kTwoNets));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->notes, testing::Contains(HasSubstr("these nets share nothing: first, second")));
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb", "out.json", "out.pb"));
}

TEST_F(SplitTest, OfOneNetWritesOneFileUnderItsName) {
  OptimizeOptions options = Options(kHardCoded);
  options.split = true;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->parts, IsEmpty());
  EXPECT_THAT(report->notes, testing::Contains(HasSubstr("nothing to split")));
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb", "out.json", "out.pb"));
}

TEST_F(SplitTest, WritesNothingWhenOneNetFails) {
  OptimizeOptions options = Options(
      "in x:float32[1,4], y:float32[1,4]; \"a/r\" = Relu(x); u = Unique(y); \"b/r\" = Relu(u); out \"a/r\", \"b/r\"");
  options.split = true;
  const auto report = Optimize(options);
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(Message(report.status()), HasSubstr("net 'b'"));
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb"));
}

TEST_F(SplitTest, WritesNothingWhenOneFileCannotBeMade) {
  OptimizeOptions options = Options(kTwoNets);
  options.split = true;
  std::filesystem::create_directory(folder_.File("out_second.json"));  // where the description would go
  ASSERT_FALSE(Optimize(options).ok());
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb", "out_second.json"));
}

TEST_F(SplitTest, DoesNotOverwriteTheModel) {
  OptimizeOptions options = Options(kTwoNets, "out_first.pb");
  options.split = true;
  const std::string before = folder_.Read("out_first.pb");
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("is the model itself"));
  EXPECT_EQ(folder_.Read("out_first.pb"), before);
}

}  // namespace
}  // namespace permafrost
