#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/optimize.h"
#include "tests/support/npy_tensor.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;

std::string CaseFolder(const std::string& name) { return SourceDir() + "/tests/data/checkpoint/" + name; }

OptimizeOptions OptionsFor(const std::string& name) {
  OptimizeOptions options;
  options.model = CaseFolder(name) + "/model.meta";
  options.outputs = {{"y", 0}};
  return options;
}

struct Frozen {
  double error;  // relative, against TensorFlow's inference graph
  std::vector<std::string> notes;
};
StatusOr<Frozen> Freeze(const std::string& name, const OptimizeOptions& options) {
  RunOptions run;
  ASSIGN_OR_RETURN(const LoweredModel lowered, LowerModel(options, run));
  ASSIGN_OR_RETURN(const Tensor input, ReadNpyTensor(CaseFolder(name) + "/in.npy"));
  ASSIGN_OR_RETURN(const Tensor expected, ReadNpyTensor(CaseFolder(name) + "/out.npy"));
  ASSIGN_OR_RETURN(const auto outputs, EvaluateOutputs(lowered.model.graph, {{"x", input}}));
  return Frozen{RelativeError(outputs[0].value, expected), lowered.notes};
}

// Training graphs and checkpoints that scripts/make_checkpoints.py wrote with TensorFlow.
class ATrainingGraph : public testing::TestWithParam<const char*> {};

TEST_P(ATrainingGraph, FreezesToItsInferenceGraph) {
  const auto frozen = Freeze(GetParam(), OptionsFor(GetParam()));
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_LT(frozen->error, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Freeze, ATrainingGraph,
                         testing::Values("layers_fused", "layers_plain", "layers_plain_ref", "slim_fused_in_place",
                                         "slim_plain_debiased", "population", "population_resource",
                                         "average_in_switch", "average_in_if", "fused_in_switch", "fused_in_if",
                                         "keras_plain", "partitioned", "partitioned_v1", "sharded", "initialized",
                                         "initialized_ref"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Freeze, TakesBatchStatisticsWhenTheyAreWanted) {
  for (const char* name : {"layers_fused", "layers_plain", "population"}) {
    OptimizeOptions options = OptionsFor(name);
    options.keep_batch_stats = true;
    const auto frozen = Freeze(name, options);
    ASSERT_TRUE(frozen.ok()) << frozen.status();
    EXPECT_GT(frozen->error, 1e-2) << name << " cannot tell batch statistics from moving ones";
  }
}

TEST(Freeze, SaysWhichMovingAveragesItTook) {
  const auto frozen = Freeze("layers_plain", OptionsFor("layers_plain"));
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_THAT(frozen->notes, Contains(HasSubstr("its moving average 'n1/moving_mean' is taken instead")));
  EXPECT_THAT(frozen->notes, Contains(HasSubstr("its moving average 'n2/moving_variance' is taken instead")));
}

TEST(Freeze, TakesMovingAveragesOfWeightsOnRequestAndNamesVariablesWithoutOne) {
  OptimizeOptions options = OptionsFor("averages");
  const auto plain = Freeze("averages", options);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_GT(plain->error, 1e-3);
  options.ema_name = "ExponentialMovingAverage";
  const auto averaged = Freeze("averages", options);
  ASSERT_TRUE(averaged.ok()) << averaged.status();
  EXPECT_LT(averaged->error, 1e-5);
  EXPECT_THAT(averaged->notes, Contains(HasSubstr("1 variable(s) have no moving average and take their plain value: 'head/b'")));
}

TEST(Freeze, RefusesMovingAveragesThatNobodyHas) {
  OptimizeOptions options = OptionsFor("averages");
  options.ema_name = "shadow";
  EXPECT_THAT(Message(Freeze("averages", options).status()), HasSubstr("no name ends in '/shadow'"));
  options.ema_name = "ExponentialMovingAverage";
  options.model = SourceDir() + "/models/classic_tf1/graph.pb";
  options.outputs.clear();
  RunOptions run;
  EXPECT_THAT(Message(LowerModel(options, run).status()), HasSubstr("give one with --checkpoint"));
}

TEST(Freeze, SaysThatAFrozenGraphNeedsNoCheckpoint) {
  OptimizeOptions options;
  options.model = SourceDir() + "/models/formats/frozen_graph/frozen.pb";
  options.open.checkpoint = SourceDir() + "/models/formats/checkpoint_v2";
  RunOptions run;
  const auto lowered = LowerModel(options, run);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_THAT(lowered->notes, testing::Contains("the checkpoint is not needed: the graph has no variables"));
}

TEST(Freeze, AsksForTheCheckpointThatIsMissing) {
  const std::string folder = CaseFolder("layers_plain");
  const TemporaryFolder alone;
  const std::string copy = alone.File("model.meta");
  std::filesystem::copy_file(folder + "/model.meta", copy);
  OptimizeOptions options = OptionsFor("layers_plain");
  options.model = copy;
  EXPECT_THAT(Message(Freeze("layers_plain", options).status()), HasSubstr("give the right one with --checkpoint"));
}

}  // namespace
}  // namespace permafrost
