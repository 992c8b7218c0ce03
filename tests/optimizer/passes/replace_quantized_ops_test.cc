#include "optimizer/passes/replace_quantized_ops.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

// 8 bits lose up to half a step of 255 per rounding.
RewriteOptions Rounded() {
  RewriteOptions options;
  options.tolerance = 0.01;
  return options;
}

TEST(ReplaceQuantizedOps, TakesDataRangesForNoRangeAtAll) {
  const PassContext context = ExpectRewrite(
      kReplaceQuantizedOps,
      "in x:float32[2,6]; f = Reshape(x, int32[1]{-1}); low = Min(f, int32[1]{0}); high = Max(f, int32[1]{0}); "
      "q = QuantizeV2(x, low, high) {T=quint8, mode=\"MIN_FIRST\"}; "
      "y = Dequantize(q, q:1, q:2) {mode=\"MIN_FIRST\"}; z = Neg(y); out z",
      "in x:float32[2,6]; z = Neg(x); out z", Rounded());
  EXPECT_TRUE(context.notes().empty()) << "nothing was computed in 8 bits";
}

TEST(ReplaceQuantizedOps, CutsAndRoundsToAConstantRange) {
  RewriteOptions exact;
  exact.tolerance = 1e-5;
  const auto expect = [&](const std::string& mode, const std::string& type, const std::string& after) {
    ExpectRewrite(kReplaceQuantizedOps,
                  "in x:float32[4,6]; q = QuantizeV2(x, -0.5, 0.25) {T=" + type + ", mode=\"" + mode +
                      "\"}; y = Dequantize(q, q:1, q:2) {mode=\"" + mode + "\"}; z = Neg(y); out z",
                  "in x:float32[4,6]; " + after + "; out z", exact);
  };
  const std::string fake = "z = Neg(q/float); q/float = FakeQuantWithMinMaxVars(x, ";
  const std::string bits = " {narrow_range=false, num_bits=8}";
  expect("MIN_FIRST", "quint8", fake + "-0.5, 0.25)" + bits);
  expect("MIN_COMBINED", "qint8",
         "z = Neg(q/float_2); q/float = Sub(x, -0.5); q/float_1 = FakeQuantWithMinMaxVars(q/float, 0.0, 0.75)" + bits +
             "; q/float_2 = Add(q/float_1, -0.5)");
  expect("SCALED", "qint8", fake + "-0.5, 0.49609375)" + bits);
}

TEST(ReplaceQuantizedOps, SaysTheOpsOnRealNumbersAndKeepsTheirWeightsSmall) {
  RewriteOptions options;
  options.same_numbers = false;  // the kernels know no QuantizedConv2D; models/quantized compares with TensorFlow
  const PassContext context = ExpectRewrite(
      kReplaceQuantizedOps,
      "in x:float32[1,4,4,1]; q = QuantizeV2(x, -1.0, 1.0) {T=quint8, mode=\"MIN_FIRST\"}; w = quint8[1,1,1,2]{0,255}; "
      "c = QuantizedConv2D(q, w, q:1, q:2, -3.0, 4.0) {strides=[1,1,1,1], padding=\"SAME\"}; "
      "r = RequantizationRange(c, c:1, c:2); e = Requantize(c, c:1, c:2, r, r:1) {out_type=quint8}; "
      "a = QuantizedRelu(e, e:1, e:2) {out_type=quint8}; y = Dequantize(a, a:1, a:2) {mode=\"MIN_FIRST\"}; z = Neg(y); "
      "out z",
      "in x:float32[1,4,4,1]; z = Neg(a/float); "
      "q/float = FakeQuantWithMinMaxVars(x, -1.0, 1.0) {narrow_range=false, num_bits=8}; "
      "c/float = Dequantize(quint8[1,1,1,2]{0,255}, -3.0, 4.0) {mode=\"MIN_FIRST\"}; "
      "c/float_1 = Conv2D(q/float, c/float) {strides=[1,1,1,1], padding=\"SAME\"}; a/float = Relu(c/float_1); out z",
      options);
  ASSERT_EQ(context.notes().size(), 1U);
  EXPECT_NE(context.notes()[0].find("2 op(s) that compute in 8 bits, first 'c'"), std::string::npos);
}

TEST(ReplaceQuantizedOps, RoundsThereAndBack) {
  ExpectRewrite(kReplaceQuantizedOps,
                "in x:float32[4,6]; y = QuantizeAndDequantizeV2(x, -0.5, 0.25) {range_given=true, num_bits=4}; z = Neg(y); "
                "out z",
                "in x:float32[4,6]; z = Neg(y/float); "
                "y/float = FakeQuantWithMinMaxVars(x, -0.5, 0.4375) {narrow_range=false, num_bits=4}; out z");
  ExpectRewrite(kReplaceQuantizedOps,
                "in x:float32[4,6]; y = QuantizeAndDequantizeV3(x, -0.5, 0.25, int32[]{4}) {signed_input=false}; z = Neg(y); out z",
                "in x:float32[4,6]; z = Neg(y/float); "
                "y/float = FakeQuantWithMinMaxVars(x, 0.0, 0.25) {narrow_range=false, num_bits=4}; out z");
}

TEST(ReplaceQuantizedOps, DeclinesRangesThatItCannotFollow) {
  RewriteOptions options;
  options.same_numbers = false;
  const std::string end = " y = Dequantize(q, q:1, q:2) {mode=\"MIN_FIRST\"}; z = Neg(y); out z";
  const auto expect = [&](const std::string& quantize, std::string_view reason) {
    ExpectNoRewrite(kReplaceQuantizedOps, "in x:float32[2,6], l:float32[], h:float32[]; q = " + quantize + ";" + end, reason,
                    options);
  };
  expect("QuantizeV2(x, l, h) {T=quint8, mode=\"MIN_FIRST\"}", "neither a constant that can be followed nor that of its own");
  expect("QuantizeV2(x, float32[6]~1, float32[6]~2) {T=quint8, axis=1}", "neither a constant");
  expect("QuantizeV2(x, 1.0, -1.0) {T=quint8, mode=\"MIN_FIRST\"}", "neither a constant");
  expect("QuantizedRelu(x, l, h) {out_type=quint8}", "its input 'x' is not known in real numbers");
  expect("QuantizedRelu(float32[3]{0,1,255}, 0.0, 1.0) {out_type=quint8}", "its input 0 is float32");
  expect("QuantizedConcat(int32[]{0}, x, l) {N=1}", "not as many");
  expect("QuantizedRelu(quint8[3]{0,1,255}, l, h) {out_type=quint8}", "the range of its constant input 0 is no number");
}

TEST(ReplaceQuantizedOps, LeavesAloneWhatNoFloatComesFrom) {
  RewriteOptions options;
  options.same_numbers = false;
  ExpectNoRewrite(kReplaceQuantizedOps,
                  "in x:float32[2,6]; q = QuantizeV2(x, -1.0, 1.0) {T=quint8, mode=\"MIN_FIRST\"}; "
                  "r = QuantizedRelu(q, q:1, q:2) {out_type=quint8}; out r",
                  "", options);
}

}  // namespace
}  // namespace permafrost
