#include "optimizer/pipeline/optimize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/backends/graphdef/emit_graphdef.h"
#include "optimizer/frontend/open_model.h"
#include "optimizer/ir/text.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/support/sha256.h"
#include "permafrost/graph.pb.h"
#include "tests/support/graph_testing.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kNet =
    "in x:float32[?,6,5,3]\n"
    "w = float32[3,3,3,4]~3\n"
    "c = Conv2D(x, w) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}\n"
    "m = Mul(c, float32[4]{1.5,0.5,2,-1}); a = Add(m, float32[4]{1,2,3,4}); id = Identity(a)\n"
    "r = Relu6(id); p = Mean(r, int32[2]{1,2}) {keep_dims=false}\n"
    "l = MatMul(p, float32[4,3]~5); s = Softmax(l); out s, r\n";

class OptimizeTest : public testing::Test {
 protected:
  // The net as a file; its outputs are the ends, so "r" is asked for by name.
  std::string WriteNet() {
    std::string bytes;
    const Graph graph = ParseOrDie(kNet);
    EXPECT_TRUE(EmitGraphDef(graph, {}, [&](std::string_view part) {
                  bytes += part;
                  return OkStatus();
                }).ok());
    return folder_.Write("net.pb", bytes);
  }
  OptimizeOptions Options() {
    OptimizeOptions options;
    options.model = WriteNet();
    options.output = folder_.File("out.pb");
    options.outputs = {{"s", 0}, {"r", 0}};
    return options;
  }
  TemporaryFolder folder_;
};

TEST_F(OptimizeTest, WritesTheGraphAndItsDescription) {
  const auto report = Optimize(Options());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb", "out.json", "out.pb"));
  EXPECT_LT(report->after.ops, report->before.ops);
  const auto info = ReadModelInfo(folder_.File("out.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->file, "out.pb");
  EXPECT_EQ(info->source, "net.pb");
  EXPECT_EQ(info->target, "opencv-4.6");
  EXPECT_EQ(info->file_sha256, *Sha256OfFile(folder_.File("out.pb")));
  EXPECT_EQ(info->source_sha256, *Sha256OfFile(folder_.File("net.pb")));
  ASSERT_EQ(info->inputs.size(), 1U);
  EXPECT_EQ(info->inputs[0].shape, (std::vector<int64_t>{-1, 6, 5, 3}));
  EXPECT_EQ(info->inputs[0].cv_shape, (std::vector<int64_t>{-1, 3, 6, 5}));
  ASSERT_EQ(info->outputs.size(), 2U);
  EXPECT_EQ(info->outputs[1].name, "r");
  EXPECT_EQ(info->outputs[1].layout, "NHWC");
  EXPECT_EQ(info->outputs[1].cv_layout, "NCHW");
  EXPECT_EQ(info->outputs[0].cv_layout, "");
}

TEST_F(OptimizeTest, GivesTheSameBytesForTheSameInput) {
  OptimizeOptions options = Options();
  ASSERT_TRUE(Optimize(options).ok());
  const std::string graph = folder_.Read("out.pb"), info = folder_.Read("out.json");
  ASSERT_TRUE(Optimize(options).ok());
  EXPECT_EQ(folder_.Read("out.pb"), graph);
  EXPECT_EQ(folder_.Read("out.json"), info);
}

TEST_F(OptimizeTest, ProvesTheNumbersOnTheWrittenFile) {
  OptimizeOptions options = Options();
  options.verify = true;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->verified.size(), 2U);
  for (const OutputCheck& check : report->verified) EXPECT_TRUE(check.passed) << check.name;
}

TEST_F(OptimizeTest, ProvesAGraphThatTakesPixels) {
  std::string bytes;
  const Graph graph = ParseOrDie(
      "in x:uint8[1,6,5,3]; w = float32[3,3,3,4]~3; f = Cast(x) {SrcT=uint8, DstT=float32}; n = Mul(f, 0.0078125); "
      "y = Conv2D(n, w) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}; out y");
  ASSERT_TRUE(EmitGraphDef(graph, {}, [&](std::string_view part) {
                bytes += part;
                return OkStatus();
              }).ok());
  OptimizeOptions options;
  options.model = folder_.Write("net.pb", bytes);
  options.verify = true;
  for (const char* output : {"", "out.pb"}) {
    options.output = *output == 0 ? "" : folder_.File(output);
    const auto report = Optimize(options);
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_EQ(report->verified.size(), 1U);
    EXPECT_TRUE(report->verified[0].passed);
  }
}

TEST_F(OptimizeTest, WritesNothingWhenTheProofFails) {
  folder_.Write("out.pb", "an older file");
  OptimizeOptions options = Options();
  options.verify = true;
  options.verify_tolerance = -1;
  const auto report = Optimize(options);
  EXPECT_THAT(Message(report.status()), HasSubstr("--verify"));
  EXPECT_EQ(folder_.Read("out.pb"), "an older file");
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb", "out.pb"));
}

TEST_F(OptimizeTest, WritesNothingOnADryRunButReports) {
  OptimizeOptions options = Options();
  options.output.clear();
  options.verify = true;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb"));
  EXPECT_EQ(report->verified.size(), 2U);
}

TEST_F(OptimizeTest, RunsOnlyTheFirstPassesWhenAskedTo) {
  OptimizeOptions options = Options();
  options.stop_after = 0;
  const auto none = Optimize(options);
  ASSERT_TRUE(none.ok()) << none.status();
  options.stop_after = 3;
  const auto some = Optimize(options);
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->passes.size(), none->passes.size() + 3);
}

TEST_F(OptimizeTest, RunsThePassesOfTheCallerAndSkipsOthers) {
  OptimizeOptions options = Options();
  options.target.kind = Target::Kind::kGraphDef;
  options.passes = {{{"fold_batch_norms", {}, false}}};
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  bool ran = false;
  for (const PassReport& pass : report->passes) {
    ran |= pass.name == "fold-batch-norm";
    EXPECT_NE(pass.name, "remove-identity");
  }
  EXPECT_TRUE(ran);
  options.passes = {{{"no-such-pass", {}, false}}};
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("no-such-pass"));
  options.passes.reset();
  options.skip = {"remove-identity"};
  const auto skipped = Optimize(options);
  ASSERT_TRUE(skipped.ok()) << skipped.status();
  for (const PassReport& pass : skipped->passes) EXPECT_NE(pass.name, "remove-identity");
  options.skip = {"legalize-linear"};
  EXPECT_FALSE(Optimize(options).ok()) << "it does not run for this target";
}

TEST_F(OptimizeTest, RunsAddedPassesAfterTheTargetsAndNotesTheirArguments) {
  OptimizeOptions options = Options();
  options.add = {{"quantize_weights", {{"minimum_size", "4"}}, false}};
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->warnings.empty()) << report->warnings[0];
  EXPECT_TRUE(report->unsupported.empty()) << report->unsupported[0];
  std::vector<std::string> names;
  for (const PassReport& pass : report->passes) names.push_back(pass.name);
  const auto at = [&](const char* name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
  EXPECT_GT(at("quantize-weights"), at("spell-out-attributes"));
  EXPECT_EQ(names.back(), "sort-by-execution-order");
  const auto info = ReadModelInfo(folder_.File("out.json"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_THAT(info->passes, testing::Contains("quantize-weights(minimum_size=4)"));
  EXPECT_THAT(folder_.Read("out.pb"), HasSubstr("Dequantize"));
}

TEST_F(OptimizeTest, MeasuresWhatSmallWeightsLoseAndJudgesTheRest) {
  for (const char* target : {"opencv", "graphdef"}) {
    for (const char* pass : {"quantize_weights", "round_weights", "half_weights"}) {
      SCOPED_TRACE(StrCat(target, " ", pass));
      OptimizeOptions options = Options();
      options.target = *ParseTarget(target);
      const bool rounds = std::string_view(pass) == "round_weights";
      options.add = {{pass, {{rounds ? "num_steps" : "minimum_size", "8"}}, false}};
      options.verify = true;
      const auto report = Optimize(options);
      ASSERT_TRUE(report.ok()) << report.status();
      ASSERT_EQ(report->verified.size(), 2U);
      ASSERT_EQ(report->lost.size(), 2U);
      EXPECT_LT(report->verified[1].relative_error, 1e-5);
      EXPECT_GT(report->lost[1].relative_error, 1e-5) << "nothing was lost: the weights are as they were";
      EXPECT_LT(report->lost[1].relative_error, 0.2);
    }
  }
}

TEST_F(OptimizeTest, ReadsItsOwnSmallWeightsBackAsFloats) {
  for (const char* pass : {"quantize_weights", "half_weights"}) {
    SCOPED_TRACE(pass);
    OptimizeOptions options = Options();
    options.add = {{pass, {{"minimum_size", "8"}}, false}};
    ASSERT_TRUE(Optimize(options).ok());
    const std::string small = folder_.Read("out.pb");
    OptimizeOptions again;
    again.model = folder_.Write("small.pb", small);
    again.output = folder_.File("wide.pb");
    again.outputs = options.outputs;
    again.verify = true;
    const auto report = Optimize(again);
    ASSERT_TRUE(report.ok()) << report.status();
    for (const char* op : {"Dequantize", "Dropout", "Cast"}) EXPECT_THAT(folder_.Read("wide.pb"), testing::Not(HasSubstr(op)));
  }
}

TEST_F(OptimizeTest, ReadsEveryFormOfSmallWeightsAsFloats) {
  const std::pair<const char*, const char*> forms[] = {
      {"transform_graph's", "q = quint8[4,2]{0,255,7,9,100,200,30,1}; w = Dequantize(q, -1.3, 2.1) {T=quint8, mode=\"MIN_FIRST\"}"},
      {"the later default", "q = qint8[4,2]{0,-128,7,9,100,127,30,1}; w = Dequantize(q, -1.5, 1.5) {T=qint8, mode=\"SCALED\"}"},
      {"MIN_COMBINED", "q = quint8[4,2]{0,255,7,9,100,200,30,1}; w = Dequantize(q, -1.3, 2.1) {T=quint8, mode=\"MIN_COMBINED\"}"},
      {"per axis", "q = qint8[4,2]{0,-128,7,9,100,127,30,1}; l = float32[2]{-1,-2}; h = float32[2]{1,2}; "
                   "w = Dequantize(q, l, h) {T=qint8, mode=\"SCALED\", axis=1}"},
      {"half", "q = half[4,2]~3; w = Cast(q) {SrcT=half, DstT=float32}"},
      {"bfloat16", "q = bfloat16[4,2]~3; w = Cast(q) {SrcT=bfloat16, DstT=float32}"},
      {"zero point and scale", "q = int8[4,2]{0,-128,7,9,100,127,30,1}; c = Cast(q) {SrcT=int8, DstT=float32}; "
                               "z = Sub(c, float32[2]{3,-4}); w = Mul(z, float32[2]{0.01,0.02})"},
      {"fake quantization", "q = float32[4,2]~3; w = FakeQuantWithMinMaxVars(q, -0.9, 0.8) {num_bits=8}"},
      {"there and back", "q = float32[4,2]~3; l = QuantizeV2(q, -1.0, 1.0) {T=quint8, mode=\"MIN_FIRST\"}; "
                         "w = Dequantize(l, l:1, l:2) {T=quint8, mode=\"MIN_FIRST\"}"},
  };
  for (const auto& [name, text] : forms) {
    SCOPED_TRACE(name);
    std::string bytes;
    const Graph graph = ParseOrDie(StrCat("in x:float32[1,4]; ", text, "; y = MatMul(x, w); out y"));
    ASSERT_TRUE(EmitGraphDef(graph, {}, [&](std::string_view part) {
                  bytes += part;
                  return OkStatus();
                }).ok());
    OptimizeOptions options;
    options.model = folder_.Write("net.pb", bytes);
    options.verify = true;
    const auto report = Optimize(options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->after.nodes, 3) << "x, w and y";
    EXPECT_EQ(report->after.parameters, 8);
  }
}

TEST_F(OptimizeTest, WarnsOfAnOrderThatCannotWork) {
  OptimizeOptions options = Options();
  options.target.kind = Target::Kind::kGraphDef;
  options.passes = {{{"fold_batch_norms", {}, false}, {"fold_constants", {}, false}}};
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->warnings, ElementsAre(HasSubstr("fold-constants before it")));
}

TEST_F(OptimizeTest, DescribesCutInputsAsStripUnusedNodesSays) {
  OptimizeOptions options = Options();
  options.target.kind = Target::Kind::kGraphDef;
  options.inputs = {{{"c", 0}, std::nullopt, std::nullopt}};
  options.passes = {{{"strip_unused_nodes", {{"type", "float"}, {"shape", "1,6,5,4"}}, false}}};
  const auto cut = Optimize(options);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->info.inputs[0].shape, (std::vector<int64_t>{1, 6, 5, 4}));
  // A placeholder that exists is left alone.
  options.inputs = {{{"x", 0}, std::nullopt, std::nullopt}};
  const auto kept = Optimize(options);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->info.inputs[0].shape, (std::vector<int64_t>{-1, 6, 5, 3}));
  EXPECT_THAT(kept->notes, testing::Contains(HasSubstr("there is none")));
}

TEST_F(OptimizeTest, RenamesAnOutputWhenAskedTo) {
  OptimizeOptions options = Options();
  options.target.kind = Target::Kind::kGraphDef;
  options.passes = {{{"rename_node", {{"old_node_name", "s"}, {"new_node_name", "probabilities"}}, false},
                     {"rename_node", {{"old_node_name", "x"}, {"new_node_name", "image"}}, false}}};
  options.verify = true;
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->info.outputs[0].name, "probabilities");
  EXPECT_EQ(report->info.inputs[0].name, "image");
}

TEST_F(OptimizeTest, DumpsTheGraphAfterEachPass) {
  OptimizeOptions options = Options();
  options.dump_dir = folder_.File("dump");
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(options.dump_dir)) {
    EXPECT_GT(entry.file_size(), 0U);
    ++files;
  }
  EXPECT_EQ(files, report->passes.size());
}

TEST_F(OptimizeTest, RefusesAnUnwritableOutputAndLeavesNothing) {
  OptimizeOptions options = Options();
  options.output = folder_.File("missing/out.pb");
  EXPECT_FALSE(Optimize(options).ok());
  options.output = folder_.path();
  EXPECT_FALSE(Optimize(options).ok());
  EXPECT_THAT(folder_.Names(), ElementsAre("net.pb"));
}

TEST(Targets, AreReleasesFrom455OnOrPlainGraphDef) {
  EXPECT_EQ(ParseTarget("opencv")->opencv_version, 40600);
  EXPECT_EQ(ParseTarget("opencv-4.5.5")->opencv_version, 40505);
  EXPECT_EQ(ParseTarget("opencv-4.14")->opencv_version, 41400);
  EXPECT_EQ(ToString(*ParseTarget("opencv-5.0")), "opencv-5.0");
  EXPECT_EQ(ParseTarget("graphdef")->kind, Target::Kind::kGraphDef);
  EXPECT_EQ(ParseTarget("onnxruntime")->kind, Target::Kind::kOnnx);
  EXPECT_EQ(ToString(*ParseTarget("tensorrt")), "tensorrt");
  EXPECT_EQ(ToString(AsOnnx(*ParseTarget("opencv-5.0"))), "opencv-5.0");
  for (const char* wrong : {"", "opencv-", "opencv-3.4", "opencv-4.6.", "opencv-4.6x", "opencv4.6", "onnx-1", "opencv-4.5.4"}) {
    EXPECT_FALSE(ParseTarget(wrong).ok()) << wrong;
  }
}

TEST(RelativeErrors, SeeDifferencesShapesAndInfinities) {
  const Tensor a = Tensor::Of<float>({2}, {1.0F, -4.0F}), b = Tensor::Of<float>({2}, {1.5F, -4.0F});
  EXPECT_EQ(RelativeError(a, a), 0);
  EXPECT_DOUBLE_EQ(RelativeError(b, a), 0.125);
  EXPECT_EQ(RelativeError(a, a.Reshaped({1, 2})), std::numeric_limits<double>::infinity());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(RelativeError(Tensor::Vector<float>({nan, 1}), Tensor::Vector<float>({nan, 1})), 0);
  EXPECT_EQ(RelativeError(Tensor::Vector<float>({nan, 1}), Tensor::Vector<float>({0, 1})),
            std::numeric_limits<double>::infinity());
}

TEST_F(OptimizeTest, WritesNothingWhenTheResultIsAboveTwoGibibytes) {
  tf::GraphDef proto;  // a few bytes that stand for 2.4 GB
  tf::NodeDef& node = *proto.add_node();
  node.set_name("w");
  node.set_op("Const");
  (*node.mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
  tf::TensorProto& tensor = *(*node.mutable_attr())["value"].mutable_tensor();
  tensor.set_dtype(tf::DT_FLOAT);
  tensor.mutable_tensor_shape()->add_dim()->set_size(30000);
  tensor.mutable_tensor_shape()->add_dim()->set_size(20000);
  tensor.add_float_val(1.5F);
  tf::NodeDef& input = *proto.add_node();
  input.set_name("x");
  input.set_op("Placeholder");
  (*input.mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
  tf::NodeDef& product = *proto.add_node();
  product.set_name("y");
  product.set_op("MatMul");
  product.add_input("x");
  product.add_input("w");
  (*product.mutable_attr())["T"].set_type(tf::DT_FLOAT);
  OptimizeOptions options = Options();
  options.model = folder_.Write("large.pb", proto.SerializeAsString());
  options.outputs = {{"y", 0}};
  options.passes.emplace();  // freeze
  const auto before = folder_.Names();
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("a GraphDef at most 2^31 - 1; 'w' alone takes 2400000"));
  EXPECT_THAT(Message(Optimize(options).status()), HasSubstr("--add half_weights"));
  EXPECT_EQ(folder_.Names(), before);
}

TEST_F(OptimizeTest, ReportsWhatFreezingTold) {
  OptimizeOptions options;
  options.model = SourceDir() + "/tests/data/checkpoint/layers_plain/model.meta";
  options.outputs = {{"y", 0}};
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->notes, testing::Contains(HasSubstr("its moving average 'n1/moving_mean' is taken instead")));
}

}  // namespace
}  // namespace permafrost
