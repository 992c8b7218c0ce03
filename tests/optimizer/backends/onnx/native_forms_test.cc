#include "optimizer/backends/onnx/native_forms.h"

#include <gtest/gtest.h>

#include "optimizer/backends/onnx/convert_to_onnx.h"
#include "tests/support/graph_testing.h"
#include "tests/support/onnx_testing.h"

namespace permafrost {
namespace {

using Kind = OnnxRuntime::Kind;

StatusOr<OnnxModel> Convert(std::string_view text, OnnxRuntime runtime, int opset = 10, bool may_raise = true) {
  OnnxOptions options;
  options.opset = opset;
  options.may_raise = may_raise;
  options.runtime = runtime;
  std::vector<OnnxRefusal> refused;
  return ConvertToOnnx(ParseOrDie(text), options, refused);
}

std::string Ops(std::string_view text, OnnxRuntime runtime) { return Ops(Convert(text, runtime)); }

constexpr OnnxRuntime kOrt{Kind::kOnnxRuntime, 0}, kOpenCv46{Kind::kOpenCv, 40600}, kOpenCv5{Kind::kOpenCv, 50000};

std::string Norm(std::string_view x, std::string_view factors, std::string_view axes) {
  return StrCat("in x:float32[", x, "]; g = float32[", factors, "]~1; b = float32[", factors, "]~2; a = int32", axes,
                R"(; m = Mean(x, a) {keep_dims=true}; d = SquaredDifference(x, m); v = Mean(d, a) {keep_dims=true};
       e = Add(v, 0.001); r = Rsqrt(e); i = Mul(r, g); s = Mul(x, i); t = Mul(m, i); u = Sub(b, t); y = Add(s, u); out y)");
}

TEST(NativeForms, SaysALayerNorm) {
  const std::string text = Norm("2,5,8", "8", "[1]{2}");
  const auto model = Convert(text, kOrt);
  EXPECT_EQ(Ops(model), "LayerNormalization");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->graph.opset, 17);
  EXPECT_EQ(AttrOr(model->graph.nodes[0].attrs, "axis", int64_t{0}), -1);
  EXPECT_FLOAT_EQ(AttrOr(model->graph.nodes[0].attrs, "epsilon", 0.0F), 0.001F);
  EXPECT_EQ(Ops(text, kOpenCv5), "LayerNormalization");
}

TEST(NativeForms, SpellsOutWhatTheRuntimeDoesNotTake) {
  const std::string text = Norm("2,5,8", "8", "[1]{2}");
  EXPECT_EQ(Ops(text, kOpenCv46).find("LayerNormalization"), std::string::npos);
  EXPECT_EQ(Ops(text, OnnxRuntime()).find("LayerNormalization"), std::string::npos) << "not every release has it";
  EXPECT_EQ(Ops(Convert(text, kOrt, 13, false)).find("LayerNormalization"), std::string::npos) << "the opset is fixed";
}

TEST(NativeForms, RaisesNoOpsetForATargetThatMayBeAnything) {
  constexpr std::string_view kText =
      "in x:float32[2,8]; a = AddV2(x, 3.0); r = Relu6(a); m = Mul(r, 0.16666667); h = Mul(x, m); y = Relu6(h); out y";
  EXPECT_EQ(Ops(kText, kOrt), "HardSwish Clip");
  const auto model = Convert(kText, OnnxRuntime());
  ASSERT_TRUE(model.ok()) << Message(model.status());
  EXPECT_EQ(model->graph.opset, 10) << "OpenCV 4.6 takes no Clip of opset 11";
  EXPECT_EQ(Ops(model).find("HardSwish"), std::string::npos);
}

TEST(NativeForms, TellsNormsApart) {
  EXPECT_EQ(Ops(Norm("2,4,5,8", "8", "[2]{1,2}"), kOrt), "Transpose InstanceNormalization");
  EXPECT_EQ(Ops(Norm("2,4,5,8", "5,8", "[2]{2,3}"), kOrt), "LayerNormalization");
  EXPECT_EQ(Ops(Norm("2,4,5,8", "8", "[1]{1}"), kOrt).find("Normalization"), std::string::npos);
}

TEST(NativeForms, SaysAGroupNormBetweenTwoReshapes) {
  const std::string text = R"(in x:float32[2,3,4,6]; g = float32[2,3]~1; b = float32[2,3]~2; a = int32[3]{1,2,4};
    h = int32[5]{2,3,4,2,3}; w = int32[4]{2,3,4,6}; x5 = Reshape(x, h);
    m = Mean(x5, a) {keep_dims=true}; d = SquaredDifference(x5, m); v = Mean(d, a) {keep_dims=true};
    e = Add(v, 0.001); r = Rsqrt(e); i = Mul(r, g); s = Mul(x5, i); t = Mul(m, i); u = Sub(b, t); k = Add(s, u);
    y = Reshape(k, w); out y)";
  const auto model = Convert(text, kOrt);
  EXPECT_EQ(Ops(model), "Transpose GroupNormalization");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(AttrOr(model->graph.nodes[1].attrs, "num_groups", int64_t{0}), 2);
}

TEST(NativeForms, SaysActivations) {
  EXPECT_EQ(Ops("in x:float32[2,3]; a = Mul(x, 0.70710677); e = Erf(a); s = Add(e, 1.0); h = Mul(x, 0.5); "
                "y = Mul(h, s); out y",
                kOrt),
            "Gelu");
  EXPECT_EQ(Ops("in x:float32[2,3]; a = Add(x, 3.0); r = Relu6(a); m = Mul(x, r); y = Mul(m, 0.16666667); out y", kOrt),
            "HardSwish");
  EXPECT_EQ(Ops("in x:float32[2,3]; a = Add(x, 3.0); r = Relu6(a); y = Mul(r, 0.16666667); out y", kOpenCv46),
            "HardSigmoid");
  EXPECT_EQ(Ops("in x:float32[2,3]; a = Softplus(x); t = Tanh(a); y = Mul(t, x); out y", kOrt), "Mish");
}

TEST(NativeForms, SaysAHardSigmoidInBothOrdersOfItsBounds) {
  const std::string line = "in x:float32[2,3]; a = Mul(x, 0.2); b = Add(a, 0.5); ";
  EXPECT_EQ(Ops(line + "c = Minimum(b, 1.0); y = Maximum(c, 0.0); out y", kOrt), "HardSigmoid");
  EXPECT_EQ(Ops(line + "c = Maximum(b, 0.0); y = Minimum(c, 1.0); out y", kOrt), "HardSigmoid");
  EXPECT_EQ(Ops(line + "c = Minimum(b, 1.5); y = Maximum(c, 0.0); out y", kOrt).find("HardSigmoid"), std::string::npos);
}

TEST(NativeForms, KeepsAHardSigmoidThatGatesSomethingElseFromBeingAHardSwishToOpenCv) {
  const std::string gate = "in x:float32[2,3]; in z:float32[2,3]; a = Add(x, 3.0); r = Relu6(a); h = Mul(r, 0.16666667); ";
  const auto slope = [](const StatusOr<OnnxModel>& model) { return AttrOr(model->graph.nodes[0].attrs, "alpha", 0.0F); };
  const auto of_another = Convert(gate + "y = Mul(z, h); out y", kOpenCv5);
  ASSERT_EQ(Ops(of_another), "HardSigmoid Mul");
  EXPECT_NE(slope(of_another), 1.0F / 6);
  EXPECT_FLOAT_EQ(slope(of_another), 1.0F / 6);
  EXPECT_EQ(slope(Convert(gate + "y = Mul(z, h); out y", kOrt)), 1.0F / 6);
  EXPECT_EQ(slope(Convert(gate + "y = Add(z, h); out y", kOpenCv5)), 1.0F / 6);
}

TEST(NativeForms, KeepsPartsThatSomebodyElseUses) {
  EXPECT_EQ(Ops("in x:float32[2,3]; a = Softplus(x); t = Tanh(a); y = Mul(t, x); out y, a", kOrt), "Softplus Mish");
}

TEST(NativeForms, IsNotFooledByOtherNumbers) {
  EXPECT_EQ(
      Ops("in x:float32[2,3]; a = Mul(x, 0.7); e = Erf(a); s = Add(e, 1.0); h = Mul(x, 0.5); y = Mul(h, s); out y",
          kOrt),
      "Mul Erf Add Mul Mul");
  EXPECT_EQ(Ops("in x:float32[2,3]; in z:float32[2,3]; a = Add(z, 3.0); r = Relu6(a); m = Mul(x, r); y = Mul(m, "
                "0.16666667); out y",
                kOrt)
                .find("HardSwish"),
            std::string::npos);
}

TEST(AcceptedOnnxOps, HaveOneRowPerForm) {
  const auto& rows = OpsAcceptedByOnnxRuntimes();
  ASSERT_GT(rows.size(), 200U);
  for (const AcceptedOnnxOp& row : rows) {
    EXPECT_EQ(FindAcceptedOnnxOp(row.op, row.form), &row) << row.op << " " << row.form << " has two rows";
    EXPECT_TRUE(row.opencv_4 == 0 || row.opencv_4 >= 40505) << row.op;
  }
}

TEST(AcceptedOnnxOps, KnowWhoTakesWhat) {
  EXPECT_TRUE(kOrt.Takes("Gelu"));
  EXPECT_TRUE(kOpenCv5.Takes("LayerNormalization"));
  EXPECT_FALSE(kOpenCv46.Takes("LayerNormalization"));
  EXPECT_FALSE(OnnxRuntime().Takes("LayerNormalization")) << "without a target all have to";
  EXPECT_TRUE(OnnxRuntime().Takes("HardSigmoid"));
  EXPECT_FALSE(kOrt.Takes("NoSuchOp"));
}

}  // namespace
}  // namespace permafrost
