// Every spelling of a norm after every op that can absorb one.
#include <algorithm>

#include "tests/optimizer/passes/norm_testing.h"

namespace permafrost {
namespace {

// Replaces every `from` in `text`.
std::string With(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// An op that gives `conv` with 4 channels.
struct Linear {
  std::string_view test_name;
  std::string_view op;
  std::string_view text;
  int rank = 4;
  bool nchw = false;
};

const Linear kLinears[] = {
    {"Conv2D", "Conv2D",
     "in x:float32[2,5,5,3]; w = float32[3,3,3,4]~7; conv = Conv2D(x, w) {strides=[1,1,1,1], padding=\"SAME\"}"},
    {"Conv2DNchw", "Conv2D",
     "in x:float32[2,3,5,5]; w = float32[3,3,3,4]~7; "
     "conv = Conv2D(x, w) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NCHW\"}",
     4, true},
    {"Conv2DWithGroups", "Conv2D",
     "in x:float32[2,5,5,4]; w = float32[3,3,2,4]~7; conv = Conv2D(x, w) {strides=[1,2,2,1], padding=\"VALID\"}"},
    {"DepthwiseWithMultiplier", "DepthwiseConv2dNative",
     "in x:float32[2,5,5,2]; w = float32[3,3,2,2]~7; "
     "conv = DepthwiseConv2dNative(x, w) {strides=[1,1,1,1], padding=\"SAME\"}"},
    {"DepthwiseNchw", "DepthwiseConv2dNative",
     "in x:float32[2,2,5,5]; w = float32[3,3,2,2]~7; "
     "conv = DepthwiseConv2dNative(x, w) {strides=[1,1,1,1], padding=\"SAME\", data_format=\"NCHW\"}",
     4, true},
    {"Transposed", "Conv2DBackpropInput",
     "in x:float32[2,5,5,3]; w = float32[3,3,4,3]~7; "
     "conv = Conv2DBackpropInput(int32[4]{2,10,10,4}, w, x) {strides=[1,2,2,1], padding=\"SAME\"}"},
    {"Conv3D", "Conv3D",
     "in x:float32[2,4,4,4,2]; w = float32[2,2,2,2,4]~7; conv = Conv3D(x, w) {strides=[1,1,1,1,1], padding=\"SAME\"}",
     5},
    {"Conv3DNchw", "Conv3D",
     "in x:float32[2,2,4,4,4]; w = float32[2,2,2,2,4]~7; "
     "conv = Conv3D(x, w) {strides=[1,1,1,1,1], padding=\"SAME\", data_format=\"NCDHW\"}",
     5, true},
    {"Transposed3D", "Conv3DBackpropInputV2",
     "in x:float32[2,3,3,3,3]; w = float32[2,2,2,4,3]~7; "
     "conv = Conv3DBackpropInputV2(int32[5]{2,6,6,6,4}, w, x) {strides=[1,2,2,2,1], padding=\"SAME\"}",
     5},
    {"MatMul", "MatMul", "in x:float32[3,5]; w = float32[5,4]~7; conv = MatMul(x, w)", 2},
    {"MatMulTransposed", "MatMul",
     "in x:float32[5,3]; w = float32[4,5]~7; conv = MatMul(x, w) {transpose_a=true, transpose_b=true}", 2},
};

// A norm from `conv` to `y`. $S is the shape of a vector in arithmetic, $G $B $M $V the values of gamma, beta, mean and
// variance, $F the data format.
struct Form {
  std::string_view test_name;
  std::string_view text;
  bool only_4d = false;  // ops that take nothing else
  bool only_nhwc = false;
};

const Form kForms[] = {
    {"FusedBatchNorm",
     "y = FusedBatchNorm(conv, float32[4]$G, float32[4]$B, float32[4]$M, float32[4]$V) "
     "{is_training=false, epsilon=0.001, data_format=\"$F\"}",
     true},
    {"FusedBatchNormV2",
     "y = FusedBatchNormV2(conv, float32[4]$G, float32[4]$B, float32[4]$M, float32[4]$V) "
     "{is_training=false, epsilon=0.001, data_format=\"$F\"}",
     true},
    {"FusedBatchNormV3WithoutEpsilon",
     "y = FusedBatchNormV3(conv, float32[4]$G, float32[4]$B, float32[4]$M, float32[4]{1e-4,2e-4,3e-4,1e-3}) "
     "{is_training=false, data_format=\"$F\"}",
     true},
    {"GlobalNormalization",
     "y = BatchNormWithGlobalNormalization(conv, float32[4]$M, float32[4]$V, float32[4]$B, float32[4]$G) "
     "{variance_epsilon=0.001, scale_after_normalization=true}",
     true, true},
    {"GlobalNormalizationWithoutGamma",
     "y = BatchNormWithGlobalNormalization(conv, float32[4]$M, float32[4]$V, float32[4]$B, float32[4]$G) "
     "{variance_epsilon=0.001, scale_after_normalization=false}",
     true, true},
    {"Unfused",
     "e = Add(float32$S$V, 0.001); r = Rsqrt(e); s = Mul(r, float32$S$G); a = Mul(conv, s); n = Mul(float32$S$M, s); "
     "t = Sub(float32$S$B, n); y = Add(a, t)"},
    {"UnfusedWithOperandsSwapped",
     "e = AddV2(0.001, float32$S$V); r = Rsqrt(e); s = Mul(float32$S$G, r); a = Mul(s, conv); n = Mul(s, float32$S$M); "
     "t = Sub(float32$S$B, n); y = AddV2(t, a)"},
    {"UnfusedWithoutGamma",
     "e = Add(float32$S$V, 0.001); r = Rsqrt(e); a = Mul(conv, r); n = Mul(float32$S$M, r); t = Sub(float32$S$B, n); "
     "y = Add(a, t)"},
    {"UnfusedWithoutBeta",
     "e = Add(float32$S$V, 0.001); r = Rsqrt(e); s = Mul(r, float32$S$G); a = Mul(conv, s); n = Mul(float32$S$M, s); "
     "y = Sub(a, n)"},
    {"CentredThenScaled",
     "e = Add(float32$S$V, 0.001); r = Rsqrt(e); d = Sub(conv, float32$S$M); a = Mul(d, r); g = Mul(a, float32$S$G); "
     "y = Add(g, float32$S$B)"},
    {"DividedByTheDeviation",
     "e = Add(float32$S$V, 0.001); q = Sqrt(e); d = Sub(conv, float32$S$M); a = RealDiv(d, q); "
     "g = Mul(a, float32$S$G); y = AddV2(g, float32$S$B)"},
    {"DividedOnly", "e = Add(float32$S$V, 0.001); q = Sqrt(e); d = Sub(conv, float32$S$M); y = RealDiv(d, q)"},
    {"ConstantsFolded", "a = Mul(conv, float32$S$G); y = Add(a, float32$S$B)"},
    {"ConstantsFoldedSubtracted", "a = Mul(float32$S$G, conv); y = Sub(a, float32$S$B)"},
    {"SubtractedFromAConstant", "a = Sub(float32$S$B, conv); y = Mul(a, float32$S$G)"},
    {"NegatedAndScaledByNumbers", "a = Mul(conv, 0.25); n = Neg(a); y = Add(n, 3.5)"},
    {"BiasAddBefore",
     "b = BiasAdd(conv, float32[4]{1,-2,3,0.5}) {data_format=\"$P\"}; a = Mul(b, float32$S$G); "
     "y = Add(a, float32$S$B)"},
    {"BiasAddAndFusedBatchNorm",
     "b = BiasAdd(conv, float32[4]{1,-2,3,0.5}) {data_format=\"$P\"}; "
     "y = FusedBatchNormV3(b, float32[4]$G, float32[4]$B, float32[4]$M, float32[4]$V) "
     "{is_training=false, epsilon=0.001, data_format=\"$F\"}",
     true},
    {"AddAndFusedBatchNorm",
     "b = Add(float32$S{1,-2,3,0.5}, conv); "
     "y = FusedBatchNorm(b, float32[4]$G, float32[4]$B, float32[4]$M, float32[4]$V) "
     "{is_training=false, epsilon=0.001, data_format=\"$F\"}",
     true},
    {"SeveralInARow",
     "a = Mul(conv, float32$S$G); b = Add(a, float32$S$B); c = Sub(b, float32$S$M); d = RealDiv(c, float32$S$V); "
     "e = Mul(d, 0.5); y = BiasAdd(e, float32[4]$B) {data_format=\"$P\"}"},
    {"AddAlone", "y = Add(conv, float32$S$B)"},
};

std::string VectorShape(const Linear& linear) {
  if (!linear.nchw) return linear.rank == 4 ? "[1,1,1,4]" : "[4]";
  return linear.rank == 4 ? "[1,4,1,1]" : "[4,1,1,1]";
}

std::string Filled(const Linear& linear, const Form& form) {
  std::string text(form.text);
  text = With(std::move(text), "$S", VectorShape(linear));
  text = With(std::move(text), "$G", "{1.5,-0.75,2,0.5}");
  text = With(std::move(text), "$B", "{0.5,-1,0.25,2}");
  text = With(std::move(text), "$M", "{1,-2,0.5,3}");
  text = With(std::move(text), "$V", "{0.25,4,2,0.5}");
  text = With(std::move(text), "$F",
              linear.rank == 5 ? (linear.nchw ? "NCDHW" : "NDHWC") : (linear.nchw ? "NCHW" : "NHWC"));
  text = With(std::move(text), "$P", linear.nchw ? "NCHW" : "NHWC");
  return std::string(linear.text) + "; " + text + "; out y";
}

class EveryForm : public ::testing::TestWithParam<std::tuple<size_t, size_t>> {};

TEST_P(EveryForm, GoesIntoTheWeightsBeforeIt) {
  const Linear& linear = kLinears[std::get<0>(GetParam())];
  const Form& form = kForms[std::get<1>(GetParam())];
  const Graph graph = ExpectFolds(Filled(linear, form), std::string(linear.op) + " BiasAdd");
  EXPECT_TRUE(graph.Find("conv").has_value());
}

std::vector<std::tuple<size_t, size_t>> Combinations() {
  std::vector<std::tuple<size_t, size_t>> all;
  for (size_t l = 0; l < std::size(kLinears); ++l) {
    for (size_t f = 0; f < std::size(kForms); ++f) {
      if (kForms[f].only_4d && kLinears[l].rank != 4) continue;
      if (kForms[f].only_nhwc && kLinears[l].nchw) continue;
      all.emplace_back(l, f);
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(FoldBatchNorm, EveryForm, ::testing::ValuesIn(Combinations()), [](const auto& info) {
  return std::string(kForms[std::get<1>(info.param)].test_name) + "After" +
         std::string(kLinears[std::get<0>(info.param)].test_name);
});

}  // namespace
}  // namespace permafrost
