#include <gtest/gtest.h>

#include <random>

#include "optimizer/ops/evaluate.h"

namespace permafrost {
namespace {

Tensor RandomTensor(std::mt19937& random, const std::vector<int64_t>& dims) {
  std::uniform_real_distribution<float> numbers(-1, 1);
  std::vector<float> values(static_cast<size_t>(CheckedElements(dims)));
  for (float& value : values) value = numbers(random);
  return Tensor::Of(dims, values);
}

Node MakeNode(std::string_view op, size_t inputs, AttrMap attrs) {
  Node node;
  node.name = "n";
  node.op = op;
  node.inputs.resize(inputs);
  node.attrs = std::move(attrs);
  return node;
}

// float32 runs on the blocked kernels, float64 on the plain loops.
void ExpectBlockedEqualsPlain(const Node& node, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs) {
    wide.push_back(input.dtype() == DType::kFloat32 ? input.Cast(DType::kFloat64) : input);
  }
  const auto blocked = EvaluateNode(node, inputs), plain = EvaluateNode(node, wide);
  ASSERT_TRUE(blocked.ok()) << blocked.status();
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_EQ((*plain)[0].dtype(), DType::kFloat64);
  ASSERT_EQ((*blocked)[0].dims(), (*plain)[0].dims());
  ASSERT_GT((*plain)[0].elements(), 0);
  const std::vector<double> a = (*blocked)[0].Values<double>(), b = (*plain)[0].Values<double>();
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  EXPECT_LT(worst, 1e-4);
}

TEST(ConvolutionOps, BlockedKernelsEqualThePlainLoopsOnRandomConfigurations) {
  std::mt19937 random(1);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int round = 0; round < 150; ++round) {
    const bool three = pick(0, 4) == 0, depthwise = !three && pick(0, 2) == 0;
    const int spatial = three ? 3 : 2;
    const bool channels_first = pick(0, 2) == 0;
    const int64_t groups = depthwise || three ? 1 : pick(1, 3), in_channels = groups * pick(1, 5);
    const int64_t last = depthwise ? pick(1, 3) : groups * pick(1, 6);
    std::vector<int64_t> space, weights, strides = {1}, dilations = {1}, pads(4, 0);
    for (int i = 0; i < spatial; ++i) {
      weights.push_back(pick(1, 4));
      dilations.push_back(pick(1, 2));
      strides.push_back(pick(1, 3));
      space.push_back((weights.back() - 1) * dilations.back() + pick(1, 9));
    }
    strides.push_back(1);
    dilations.push_back(1);
    weights.insert(weights.end(), {in_channels / groups, last});
    std::vector<int64_t> x = {pick(1, 3)};
    x.insert(x.end(), space.begin(), space.end());
    x.push_back(in_channels);
    AttrMap attrs;
    const char* const paddings[] = {"SAME", "VALID", "EXPLICIT"};
    attrs["padding"] = std::string(paddings[pick(0, three ? 1 : 2)]);
    std::vector<int64_t> explicit_pads = {0, 0, pick(0, 3), pick(0, 3), pick(0, 3), pick(0, 3), 0, 0};
    const auto to_first = [&](std::vector<int64_t>& dims, size_t width) {
      std::rotate(dims.begin() + static_cast<int64_t>(width), dims.end() - static_cast<int64_t>(width), dims.end());
    };
    if (channels_first) {
      to_first(x, 1);
      to_first(strides, 1);
      to_first(dilations, 1);
      to_first(explicit_pads, 2);
      attrs["data_format"] = std::string(three ? "NCDHW" : "NCHW");
    }
    attrs["strides"] = strides;
    attrs["dilations"] = dilations;
    if (!three) attrs["explicit_paddings"] = explicit_pads;
    const Node node = MakeNode(three ? "Conv3D" : depthwise ? "DepthwiseConv2dNative" : "Conv2D", 2, attrs);
    SCOPED_TRACE(testing::Message() << round << ": " << node.op << " x " << Shape(x).ToString() << " w "
                                    << Shape(weights).ToString());
    const Tensor input = RandomTensor(random, x), kernel = RandomTensor(random, weights);
    ExpectBlockedEqualsPlain(node, {input, kernel});
    if (depthwise || HasFatalFailure()) continue;
    // And backwards, from an input of the size that the convolution gives.
    const auto forward = EvaluateNode(node, {input, kernel});
    const Tensor y = RandomTensor(random, (*forward)[0].dims());
    const Node back = MakeNode(three ? "Conv3DBackpropInputV2" : "Conv2DBackpropInput", 3, attrs);
    ExpectBlockedEqualsPlain(back, {Tensor::Vector(x), kernel, y});
  }
}

TEST(ConvolutionOps, BlockedMatMulEqualsThePlainLoopsOnRandomShapes) {
  std::mt19937 random(2);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int round = 0; round < 40; ++round) {
    const int64_t m = pick(1, 40), k = pick(1, 40), n = pick(1, 40);
    const bool a = pick(0, 1) == 1, b = pick(0, 1) == 1;
    std::vector<int64_t> left = a ? std::vector{k, m} : std::vector{m, k},
                         right = b ? std::vector{n, k} : std::vector{k, n};
    ExpectBlockedEqualsPlain(MakeNode("MatMul", 2, {{"transpose_a", a}, {"transpose_b", b}}),
                             {RandomTensor(random, left), RandomTensor(random, right)});
    left.insert(left.begin(), {2, 1, 3});
    right.insert(right.begin(), {4, 1});
    ExpectBlockedEqualsPlain(MakeNode("BatchMatMulV2", 2, {{"adj_x", a}, {"adj_y", b}}),
                             {RandomTensor(random, left), RandomTensor(random, right)});
  }
}

// More patches than one block takes.
TEST(ConvolutionOps, BlocksOfPatchesJoinSeamlessly) {
  std::mt19937 random(3);
  const AttrMap attrs = {{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", std::string("SAME")}};
  const Tensor x = RandomTensor(random, {2, 70, 50, 24}), w = RandomTensor(random, {5, 5, 24, 3});
  ExpectBlockedEqualsPlain(MakeNode("Conv2D", 2, attrs), {x, w});
  ExpectBlockedEqualsPlain(MakeNode("Conv2DBackpropInput", 3, attrs),
                           {Tensor::Vector<int32_t>({-1, 70, 50, 24}), w, RandomTensor(random, {2, 70, 50, 3})});
}

TEST(ConvolutionOps, RefusesWhatDoesNotFit) {
  std::mt19937 random(4);
  const Tensor x = RandomTensor(random, {1, 5, 6, 3}), w = RandomTensor(random, {2, 2, 3, 4});
  const std::vector<int64_t> ones = {1, 1, 1, 1};
  const auto code = [&](std::string_view op, AttrMap attrs, const std::vector<Tensor>& inputs) {
    if (!attrs.contains("padding")) attrs["padding"] = std::string("VALID");
    if (!attrs.contains("strides")) attrs["strides"] = ones;
    return EvaluateNode(MakeNode(op, inputs.size(), std::move(attrs)), inputs).status().code();
  };
  constexpr auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code("Conv2D", {}, {x, w}), absl::StatusCode::kOk);
  EXPECT_EQ(code("Conv2D", {{"strides", std::vector<int64_t>{1, 0, 1, 1}}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"strides", std::vector<int64_t>{1, -1, 1, 1}}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"strides", std::vector<int64_t>{1, 1}}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"strides", int64_t{1}}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"dilations", std::vector<int64_t>{1, INT64_MAX, 1, 1}}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"dilations", std::vector<int64_t>{1, 5, 5, 1}}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"padding", std::string("FULL")}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"padding", std::string("EXPLICIT")}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"data_format", std::string("NCHW")}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {{"data_format", std::string("HWCN")}}, {x, w}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {x, w.Cast(DType::kFloat64)}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {x.Cast(DType::kInt32), w.Cast(DType::kInt32)}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {x, RandomTensor(random, {2, 2, 2, 4})}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {x, RandomTensor(random, {2, 2, 0, 4})}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {x, RandomTensor(random, {6, 2, 3, 4})}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {x, RandomTensor(random, {2, 3, 4})}), kRefused);
  EXPECT_EQ(code("Conv2D", {}, {Tensor::Scalar(1.0F), w}), kRefused);
  EXPECT_EQ(code("DepthwiseConv2dNative", {}, {x, RandomTensor(random, {2, 2, 1, 4})}), kRefused);
  EXPECT_EQ(
      code("Conv2DBackpropInput", {}, {Tensor::Vector<int32_t>({1, 9, 9, 3}), w, RandomTensor(random, {1, 5, 6, 4})}),
      kRefused);
  EXPECT_EQ(code("Conv2DBackpropInput", {},
                 {Tensor::Vector<int64_t>({1, INT64_MAX, 9, 3}), w, RandomTensor(random, {1, 5, 6, 4})}),
            kRefused);
  EXPECT_EQ(code("MatMul", {}, {RandomTensor(random, {2, 3}), RandomTensor(random, {2, 3})}), kRefused);
  EXPECT_EQ(code("BatchMatMulV2", {}, {RandomTensor(random, {2, 2, 3}), RandomTensor(random, {3, 3, 2})}), kRefused);
  EXPECT_EQ(code("MatMul", {}, {RandomTensor(random, {1 << 20, 0}), RandomTensor(random, {0, 1 << 20})}),
            absl::StatusCode::kResourceExhausted);
}

// An empty batch has an empty answer.
TEST(ConvolutionOps, TakesAnEmptyBatch) {
  std::mt19937 random(5);
  const AttrMap attrs = {{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", std::string("SAME")}};
  const auto y = EvaluateNode(MakeNode("Conv2D", 2, attrs),
                              {RandomTensor(random, {0, 5, 6, 3}), RandomTensor(random, {2, 2, 3, 4})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].dims(), (std::vector<int64_t>{0, 5, 6, 4}));
}

}  // namespace
}  // namespace permafrost
