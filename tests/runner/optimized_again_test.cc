#include "tests/runner/opencv_testing.h"

// A written file may be taken for a source: it computes the same then, and grows no further.
namespace permafrost {
namespace {

struct Case {
  const char* name;
  const char* text;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const Case kCases[] = {
    {"NetsOfTwoInputs", "in x:float32[1,2,2,2]; in z:float32[2,5]; s = Square(x); r = Sum(s, int32[]{2}) {keep_dims=false}; "
                        "y = Sqrt(r); m = Cos(z); w = Mul(m, z); out y, w"},
    {"ProductOfAllAlongAnAxis",
     "in x:float32[1,3,6,6]; in z:float32[1,6]; y = Prod(x, int32[1]{-1}); t = Tanh(z); w = Mul(t, z); out y, w"},
    {"BatchStatistics",
     "in x:float32[2,3,2,2]; y = FusedBatchNorm(x, float32[2]~1, float32[2]~2, float32[0]{}, float32[0]{}) "
     "{data_format=\"NHWC\", epsilon=0.01, is_training=true}; out y"},
    {"ResizeBesideVolumes",
     "in x:float32[1,6,7,3]; in v:float32[3,4,2,4,4]; y = ResizeBilinear(x, int32[2]{12,14}) {half_pixel_centers=true}; "
     "s = Sum(v, int32[1]{3}) {keep_dims=true}; w = Mul(v, s); out y, w"},
    {"ChoiceOverTheBatch",
     "in x:float32[2,2,1,5]; m = Sum(x, int32[2]{0,1}) {keep_dims=true}; y = Sub(x, m); out y"},
    {"Volumes", "in x:float32[2,2,2,2,4]; in z:float32[3,6,3,4]; w = Square(x); s = Slice(z, int32[4]{0,1,0,0}, "
                "int32[4]{-1,2,-1,-1}); t = Tanh(s); y = Mul(s, t); out y, w"},
};

class OptimizedAgain : public testing::TestWithParam<Case> {};

TEST_P(OptimizedAgain, ComputesTheSameAndDoesNotGrow) {
  const Graph graph = ParseOrDie(GetParam().text);
  const TestFolder folder;
  OptimizeOptions options;
  options.model = folder / "original.pb";
  options.output = folder / "model.pb";
  options.target.opencv_version = kInstalledOpenCv;
  for (const GraphOutput& output : graph.outputs()) options.outputs.push_back({output.name, 0});
  Graph stranger = graph;
  GraphEditor(stranger).SetGraphOutputs({});
  ASSERT_TRUE(WriteGraphDef(stranger, options.model).ok());
  const auto first = Optimize(options);
  ASSERT_TRUE(first.ok()) << first.status();
  options.model = options.output;
  options.output = folder / "again.pb";
  const auto second = Optimize(options);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_LE(second->after.nodes, second->before.nodes);

  const auto inputs = SeededInputs(graph, 1);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  const auto expected = EvaluateOutputs(graph, *inputs);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const auto actual = RunFile(options.output, *inputs);
  ASSERT_TRUE(actual.ok()) << actual.status();
  const auto error = WorstError(*actual, *expected);
  ASSERT_TRUE(error.ok()) << error.status();
  EXPECT_LT(*error, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Graphs, OptimizedAgain, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace permafrost
