#include "optimizer/pipeline/pass_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/pipeline/catalog.h"
#include "optimizer/pipeline/retired_transforms.h"

namespace permafrost {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

StatusOr<std::vector<PassStep>> Resolve(std::string_view text, std::vector<std::string>* notes = nullptr) {
  std::vector<std::string> ignored;
  ASSIGN_OR_RETURN(const std::vector<PassCall> calls, ParsePasses(text));
  return ResolvePasses(calls, "--passes", notes == nullptr ? ignored : *notes);
}

std::vector<std::string> Warnings(std::string_view text) {
  const auto steps = Resolve(text);
  EXPECT_TRUE(steps.ok()) << steps.status();
  return steps.ok() ? OrderWarnings(*steps, FactsOfFlatGraphs()) : std::vector<std::string>();
}

TEST(PassSteps, CarryTheirArguments) {
  const auto steps = Resolve("quantize_weights(minimum_size=4) quantize_weights fold_constants(ignore_errors=true)");
  ASSERT_TRUE(steps.ok()) << steps.status();
  ASSERT_EQ(steps->size(), 3U);
  EXPECT_EQ((*steps)[0].ToString(), "quantize-weights(minimum_size=4)");
  EXPECT_EQ((*steps)[1].ToString(), "quantize-weights");
  EXPECT_TRUE((*steps)[2].ignore_errors);
}

TEST(PassSteps, SayWhatIsWrongWithAnArgument) {
  const std::pair<const char*, const char*> wrong[] = {
      {"no_such_pass", "there is no pass 'no_such_pass' (--list-passes shows them)"},
      {"quantize_weights(minimun_size=4)", "quantize_weights: there is no option 'minimun_size' (it takes minimum_size"},
      {"quantize_weights(minimum_size=-4)", "minimum_size=-4: expected a whole number from 0"},
      {"quantize_weights(minimum_size=4, minimum_size=5)", "minimum_size is given twice"},
      {"round_weights(num_steps=1)", "expected a whole number from 2"},
      {"merge_duplicate_nodes(x=1)", "it takes none but ignore_errors"},
      {"remove_nodes", "remove_nodes: needs op="},
      {"rename_op(old_op_name=A)", "needs new_op_name="},
      {"strip_unused_nodes(shape=big)", "expected dimensions"},
      {"strip_unused_nodes(type=flaot)", "expected a type"},
      {"strip_unused_nodes(name=a, name=b, type_for_name=int32)", "found 2 names, 1 types and 0 shapes"},
      {"strip_unused_nodes(name=a)", "for every name"},
  };
  for (const auto& [text, what] : wrong) {
    const auto steps = Resolve(text);
    ASSERT_FALSE(steps.ok()) << text;
    EXPECT_THAT(Message(steps.status()), HasSubstr(what));
    EXPECT_THAT(Message(steps.status()), testing::StartsWith("--passes: "));
  }
}

TEST(PassSteps, SayWhatReplacedATransform) {
  for (const char* name : {"quantize_nodes", "quantize-nodes(input_min=0)", "insert_logging(op=Relu)", "fuse_pad_and_conv"}) {
    const auto steps = Resolve(name);
    ASSERT_FALSE(steps.ok()) << name;
    EXPECT_THAT(Message(steps.status()), HasSubstr("does not exist here: "));
  }
  std::vector<std::string> notes;
  const auto steps = Resolve("remove_device fold_constants", &notes);
  ASSERT_TRUE(steps.ok()) << steps.status();
  EXPECT_EQ(steps->size(), 1U);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("remove_device: nothing to do")));
}

TEST(PassSteps, HaveNoRowForATransformThatExists) {
  std::string_view last;
  for (const RetiredTransform& row : RetiredTransforms()) {
    EXPECT_EQ(FindPass(row.name), nullptr) << row.name;
    EXPECT_LT(last, row.name) << "not sorted";
    EXPECT_FALSE(row.instead.empty()) << row.name;
    last = row.name;
  }
}

TEST(PassOrder, IsSilentAboutListsThatWork) {
  EXPECT_THAT(Warnings("strip_unused_nodes remove_nodes(op=Identity) fold_constants(ignore_errors=true) fold_batch_norms "
                       "fold_old_batch_norms quantize_weights strip_unused_nodes sort_by_execution_order"),
              IsEmpty());
  EXPECT_THAT(Warnings("fold_constants flatten_atrous_conv fold_constants fold_batch_norms round_weights"), IsEmpty());
  for (const auto* backend : {&OpenCvPasses(), &NamingPasses()}) {
    std::vector<PassStep> steps = StepsOf(OptimizingPasses());
    for (const PassStep& step : StepsOf(*backend)) steps.push_back(step);
    EXPECT_THAT(OrderWarnings(steps, FactsOfFlatGraphs()), IsEmpty());
  }
}

TEST(PassOrder, NamesThePassThatHasToComeFirst) {
  EXPECT_THAT(Warnings("fold_batch_norms fold_constants"), ElementsAre(HasSubstr("fold-batch-norm does less or loses more "
                                                                                  "without fold-constants before it")));
  EXPECT_THAT(Warnings("legalize-shapes"), ElementsAre("legalize-shapes needs fold-constants before it"));
  EXPECT_THAT(Warnings("fold_constants quantize_weights"), ElementsAre(HasSubstr("without fold-batch-norm before it")));
}

TEST(PassOrder, NamesThePassWhoseWorkIsLost) {
  EXPECT_THAT(Warnings("fold_constants fold_batch_norms half_weights fold_constants"),
              Contains("fold-constants undoes what half-weights did: put fold-constants before it"));
  EXPECT_THAT(Warnings("fold_constants fold_batch_norms quantize_weights legalize-shapes"),
              Contains("legalize-shapes needs what quantize-weights takes away: put legalize-shapes before it"));
}

}  // namespace
}  // namespace permafrost
