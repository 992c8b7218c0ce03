// Files with 8- and 16-bit weights in the real cv::dnn.
#include <gtest/gtest.h>

#include "tests/runner/opencv_testing.h"

namespace permafrost {
namespace {

// Every kind of layer that has weights, and constants that are no layer's.
constexpr const char* kNet =
    "in x:float32[1,6,8,4]; k = float32[3,3,4,16]~1; kb = float32[16]~2; d = float32[3,3,16,2]~3; t = float32[3,3,8,32]~4; "
    "w = float32[768,10]~5; v = float32[10]~6; s = float32[32]~7; "
    "c = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}; b = BiasAdd(c, kb); r = Relu(b); "
    "e = DepthwiseConv2dNative(r, d) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NHWC\"}; f = Mul(e, s); g = Add(f, s); "
    "h = Relu6(g); u = Conv2DBackpropInput(int32[4]{1,12,16,8}, t, h) {strides=[1,2,2,1], padding=\"SAME\"}; "
    "p = MaxPool(u) {ksize=[1,2,2,1], strides=[1,2,2,1], padding=\"VALID\"}; q = ConcatV2(p, r, int32[]{3}); "
    "n = Mean(h, int32[2]{1,2}) {keep_dims=true}; z = Mul(h, n); zz = Mean(z, int32[2]{1,2}); o = MatMul(zz, float32[32,10]~8); "
    "y = Add(o, v); out y, q";

struct Case {
  const char* name;
  std::vector<PassCall> add;
  double largest_loss;
};

class SmallWeights : public ::testing::TestWithParam<Case> {};

TEST_P(SmallWeights, AreReadByOpenCvAsByTheReferenceKernels) {
  const Graph graph = ParseOrDie(kNet);
  const TestFolder folder;
  OptimizeOptions options;
  options.model = folder / "original.pb";
  options.output = folder / "model.pb";
  options.target.opencv_version = kInstalledOpenCv;
  options.outputs = {{"y", 0}, {"q", 0}};
  options.add = GetParam().add;
  Graph stranger = graph;
  GraphEditor(stranger).SetGraphOutputs({});
  ASSERT_TRUE(WriteGraphDef(stranger, options.model).ok());
  const auto report = Optimize(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->unsupported.empty()) << report->unsupported[0];
  const auto inputs = SeededInputs(graph, 1);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  const auto of_file = RunOnReferenceKernels(options.output, {"y", "q"}, *inputs, 1);
  ASSERT_TRUE(of_file.ok()) << of_file.status();
  const auto actual = RunFile(options.output, *inputs);
  ASSERT_TRUE(actual.ok()) << actual.status();
  const auto error = WorstError(*actual, of_file->outputs);
  ASSERT_TRUE(error.ok()) << error.status();
  EXPECT_LE(*error, 1e-5) << "OpenCV reads other weights than TensorFlow";
  const auto exact = EvaluateOutputs(graph, *inputs);
  ASSERT_TRUE(exact.ok()) << exact.status();
  const auto loss = WorstError(*actual, *exact);
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_GT(*loss, 1e-6) << "the weights are as they were";
  EXPECT_LE(*loss, GetParam().largest_loss);
}

std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(
    Forms, SmallWeights,
    ::testing::Values(Case{"Quantized", {{"quantize_weights", {{"minimum_size", "256"}}, false}}, 0.05},
                      Case{"QuantizedToTheLast", {{"quantize_weights", {{"minimum_size", "2"}}, false}}, 0.1},
                      Case{"QuantizedPerChannel",
                           {{"quantize_weights", {{"minimum_size", "256"}, {"per_channel", "true"}}, false}},
                           0.05},
                      Case{"Halves", {{"half_weights", {{"minimum_size", "256"}}, false}}, 2e-3},
                      Case{"HalvesToTheLast", {{"half_weights", {{"minimum_size", "2"}}, false}}, 2e-3},
                      Case{"QuantizedAndHalves",
                           {{"quantize_weights", {{"minimum_size", "512"}}, false},
                            {"half_weights", {{"minimum_size", "8"}}, false}},
                           0.05}),
    NameOfCase);

}  // namespace
}  // namespace permafrost
