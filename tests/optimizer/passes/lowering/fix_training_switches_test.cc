#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/ir/text.h"
#include "optimizer/passes/lowering/boundary.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

std::string Fixed(std::string_view text) {
  Graph graph = ParseOrDie(text);
  const StatusOr<PassRun> run = RunPass(kFixTrainingSwitches, graph);
  EXPECT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(Verify(graph, Level::kImported).ok());
  return PrintText(graph);
}
std::string Scalar(std::string_view name, std::string_view dtype = "bool") {
  return StrCat(name, " = Placeholder() {dtype=", dtype, ", shape=shape[]}; ");
}

TEST(FixTrainingSwitches, GivesBoolsThatOnlySteerTheirInferenceValue) {
  const auto fixed = [](std::string_view name) {
    return Fixed(StrCat("in x:float32[2]; ", Scalar(name), "n = LogicalNot(", name, "); s = Switch(x, ", name,
                        "); t = Switch(x, n); out s, t"));
  };
  for (const char* name : {"is_training", "phase_train", "train", "training_eval", "flag"}) {
    EXPECT_THAT(fixed(name), HasSubstr(StrCat(name, " = bool[]{false}"))) << name;
  }
  for (const char* name : {"is_inference", "testing", "Eval_mode", "predict"}) {
    EXPECT_THAT(fixed(name), HasSubstr(StrCat(name, " = bool[]{true}"))) << name;
  }
}

TEST(FixTrainingSwitches, LeavesABoolThatIsData) {
  for (const char* use : {"c = Cast(p) {SrcT=bool, DstT=float32}; y = Mul(x, c); out y", "y = Identity(p); out y"}) {
    EXPECT_THAT(Fixed(StrCat("in x:float32[2]; ", Scalar("p"), use)), HasSubstr("p = Placeholder")) << use;
  }
}

TEST(FixTrainingSwitches, LeavesWhatTheUserFeeds) {
  EXPECT_THAT(Fixed("in x:float32[2], is_training:bool[]; s = Switch(x, is_training); out s"), HasSubstr("in is_training"));
}

TEST(FixTrainingSwitches, GivesKeepProbOneAndRateZero) {
  constexpr std::string_view kRandom = "r = RandomUniform(int32[1]{2}) {dtype=float32}; ";
  EXPECT_THAT(Fixed(StrCat("in x:float32[2]; ", Scalar("k", "float32"), kRandom,
                           "a = Add(k, r); f = Floor(a); d = RealDiv(x, k); y = Mul(d, f); out y")),
              HasSubstr("k = float32[]{1}"));
  EXPECT_THAT(Fixed(StrCat("in x:float32[2]; ", Scalar("k", "float32"), kRandom,
                           "g = GreaterEqual(r, k); c = Cast(g) {SrcT=bool, DstT=float32}; q = Sub(1.0, k); "
                           "d = RealDiv(x, q); y = Mul(d, c); out y")),
              HasSubstr("k = float32[]{0}"));
  EXPECT_THAT(Fixed(StrCat("in x:float32[2]; ", Scalar("k", "float32"), kRandom,
                           "rate = Sub(1.0, k); g = GreaterEqual(r, rate); c = Cast(g) {SrcT=bool, DstT=float32}; "
                           "d = RealDiv(x, k); y = Mul(d, c); out y")),
              HasSubstr("k = float32[]{1}"));
}

TEST(FixTrainingSwitches, LeavesAScalarThatIsNoDropout) {
  EXPECT_THAT(Fixed(StrCat("in x:float32[2]; ", Scalar("gain", "float32"), "y = Mul(x, gain); out y")),
              HasSubstr("gain = Placeholder"));
}

TEST(FixTrainingSwitches, IsQuickOnDeepAndWideGraphs) {
  std::string deep = "in x:float32[2]; " + Scalar("p") + "i0 = Identity(p); ";
  for (int i = 1; i < 50000; ++i) deep += StrCat("i", i, " = Identity(i", i - 1, "); ");
  const std::string fixed = Fixed(deep + "s = Switch(x, i49999); out s");  // too long to print when it fails
  EXPECT_NE(fixed.find("i0 = Identity(bool[]{false})"), std::string::npos);
  std::string wide = Scalar("k", "float32") + "in x:float32[]; a0 = Neg(x); ";
  for (int level = 1; level < 10; ++level) {
    wide += StrCat("a", level, " = AddN(");
    for (int i = 0; i < 100; ++i) wide += StrCat(i > 0 ? ", " : "", "a", level - 1);
    wide += "); ";
  }
  EXPECT_THAT(Fixed(wide + "y = Add(k, a9); out y"), HasSubstr("k = Placeholder"));
}

}  // namespace
}  // namespace permafrost
