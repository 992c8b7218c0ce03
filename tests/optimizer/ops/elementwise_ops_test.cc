#include <gtest/gtest.h>

#include "optimizer/ops/evaluate.h"
#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(ElementwiseOps, BroadcastBothWays) {
  ExpectGives("AddV2(float32[2,1]{1,2}, float32[3]{10,20,30})", {"float32[2,3]{11,21,31,12,22,32}"});
  ExpectGives("Sub(float32[2]{1,2}, 0.5)", {"float32[2]{0.5,1.5}"});
  ExpectGives("Mul(2.0, float32[2]{1,2})", {"float32[2]{2,4}"});
  ExpectGives("Add(float32[0]{}, float32[1]{1})", {"float32[0]{}"});
  ExpectGives("Add(float32[0,3]{}, float32[3]{1})", {"float32[0,3]{}"});
  ExpectRefused("Add(float32[2]{1}, float32[3]{1})", "broadcast");
  ExpectRefused("Add(float32[2]{1}, int32[2]{1})", "int32");
  ExpectInfers("in a:float32[?,1,4]; in b:float32[3,?]; y = Add(a, b); out y", "float32[?,3,4]");
  ExpectInfers("in a:float32?; in b:float32[3]; y = Add(a, b); out y", "float32?");
  ExpectInferenceRefuses("in a:float32[?,2]; in b:float32[3]; y = Add(a, b); out y",
                         "node 'y' (Add): cannot broadcast");
}

TEST(ElementwiseOps, DivideIntegersEachInTheirOwnWay) {
  ExpectGives("FloorDiv(int32[4]{7,-7,7,-7}, int32[4]{2,2,-2,-2})", {"int32[4]{3,-4,-4,3}"});
  ExpectGives("TruncateDiv(int32[4]{7,-7,7,-7}, int32[4]{2,2,-2,-2})", {"int32[4]{3,-3,-3,3}"});
  ExpectGives("Div(int32[2]{7,-7}, int32[]{2})", {"int32[2]{3,-3}"});
  ExpectGives("FloorMod(int32[4]{7,-7,7,-7}, int32[4]{3,3,-3,-3})", {"int32[4]{1,2,-2,-1}"});
  ExpectGives("Mod(int32[4]{7,-7,7,-7}, int32[4]{3,3,-3,-3})", {"int32[4]{1,-1,1,-1}"});
  ExpectGives("FloorDiv(uint8[2]{7,255}, uint8[]{2})", {"uint8[2]{3,127}"});
  ExpectGives("FloorDiv(float32[2]{7,-7}, 2.0)", {"float32[2]{3,-4}"});
  ExpectGives("FloorMod(float32[2]{-1,5}, 3.0)", {"float32[2]{2,2}"});
  ExpectGives("RealDiv(float32[2]{1,-6}, 4.0)", {"float32[2]{0.25,-1.5}"});
  ExpectGives("DivNoNan(float32[2]{1,-6}, float32[2]{0,4})", {"float32[2]{0,-1.5}"});
}

TEST(ElementwiseOps, RefuseToDivideAnIntegerByZero) {
  for (const char* op : {"Div", "FloorDiv", "TruncateDiv", "Mod", "FloorMod"}) {
    ExpectRefused(std::string(op) + "(int32[2]{1,2}, int32[2]{1,0})", "divided by zero");
  }
  ExpectRefused("Pow(int32[]{2}, int32[]{-1})", "negative power");
}

TEST(ElementwiseOps, WrapIntegersRoundAtTheirWidth) {
  ExpectGives("Add(int32[]{2147483647}, int32[]{1})", {"int32[]{-2147483648}"});
  ExpectGives("Mul(int8[1]{100}, int8[1]{2})", {"int8[1]{-56}"});
  ExpectGives("Mul(uint16[1]{65535}, uint16[1]{65535})", {"uint16[1]{1}"});
  ExpectGives("Neg(int32[]{-2147483648})", {"int32[]{-2147483648}"});
  ExpectGives("Abs(int8[2]{-128,-3})", {"int8[2]{-128,3}"});
  ExpectGives("FloorDiv(int32[]{-2147483648}, int32[]{-1})", {"int32[]{-2147483648}"});
  ExpectGives("FloorMod(int64[]{-9223372036854775808}, int64[]{-1})", {"int64[]{0}"});
  ExpectGives("Square(int32[]{65536})", {"int32[]{0}"});
  ExpectGives("SquaredDifference(int32[]{1}, int32[]{4})", {"int32[]{9}"});
  ExpectGives("Pow(int32[3]{3,-2,0}, int32[3]{4,3,0})", {"int32[3]{81,-8,1}"});
}

TEST(ElementwiseOps, RoundHalvesToTheEvenNeighbour) {
  ExpectGives("Round(float32[5]{0.5,1.5,2.5,-0.5,-1.5})", {"float32[5]{0,2,2,0,-2}"});
  ExpectGives("Rint(float32[2]{2.5,3.5})", {"float32[2]{2,4}"});
  ExpectGives("Floor(float32[2]{-0.5,1.5})", {"float32[2]{-1,1}"});
  ExpectGives("Ceil(float32[2]{-0.5,1.5})", {"float32[2]{0,2}"});
  ExpectGives("Sign(float32[3]{-2,0,5})", {"float32[3]{-1,0,1}"});
  ExpectGives("Sign(int32[3]{-2,0,5})", {"int32[3]{-1,0,1}"});
}

// Values from numpy and scipy in double precision.
TEST(ElementwiseOps, ComputeTheFunctionsTheyAreNamedFor) {
  const std::vector<std::pair<const char*, const char*>> rows = {{"Sqrt", "1.224744871391589"},
                                                                 {"Rsqrt", "0.8164965809277261"},
                                                                 {"Reciprocal", "0.6666666666666666"},
                                                                 {"Inv", "0.6666666666666666"},
                                                                 {"Exp", "4.4816890703380645"},
                                                                 {"Expm1", "3.4816890703380645"},
                                                                 {"Log", "0.4054651081081644"},
                                                                 {"Log1p", "0.9162907318741551"},
                                                                 {"Sin", "0.9974949866040544"},
                                                                 {"Cos", "0.0707372016677029"},
                                                                 {"Tan", "14.101419947171719"},
                                                                 {"Atan", "0.982793723247329"},
                                                                 {"Sinh", "2.1292794550948173"},
                                                                 {"Cosh", "2.352409615243247"},
                                                                 {"Tanh", "0.9051482536448664"},
                                                                 {"Asinh", "1.1947632172871094"},
                                                                 {"Acosh", "0.9624236501192069"},
                                                                 {"Erf", "0.9661051464753108"},
                                                                 {"Erfc", "0.033894853524689274"},
                                                                 {"Sigmoid", "0.8175744761936437"},
                                                                 {"Softplus", "1.7014132779827524"},
                                                                 {"Softsign", "0.6"},
                                                                 {"Relu", "1.5"},
                                                                 {"Relu6", "1.5"},
                                                                 {"Elu", "1.5"},
                                                                 {"Selu", "1.5760514810332207"},
                                                                 {"LeakyRelu", "1.5"},
                                                                 {"Square", "2.25"},
                                                                 {"Neg", "-1.5"},
                                                                 {"Abs", "1.5"}};
  for (const auto& [op, value] : rows) {
    ExpectGives(std::string(op) + "(float64[]{1.5})", {std::string("float64[]{") + value + "}"}, 1e-9);
    ExpectGives(std::string(op) + "(1.5)", {std::string("float32[]{") + value + "}"}, 1e-5);
    ExpectGives(std::string(op) + "(half[]{1.5})", {std::string("half[]{") + value + "}"}, 2e-3);
    ExpectGives(std::string(op) + "(bfloat16[]{1.5})", {std::string("bfloat16[]{") + value + "}"}, 1e-2);
    ExpectRefused(std::string(op) + "(string[]{\"text\"})", "string");
  }
  ExpectGives("Asin(float64[]{0.5})", {"float64[]{0.5235987755982989}"}, 1e-12);
  ExpectGives("Acos(float64[]{0.5})", {"float64[]{1.0471975511965979}"}, 1e-12);
  ExpectGives("Atanh(float64[]{0.5})", {"float64[]{0.5493061443340549}"}, 1e-12);
  ExpectGives("Atan2(float64[]{1}, float64[]{-1})", {"float64[]{2.356194490192345}"}, 1e-12);
  ExpectGives("Pow(float64[]{2}, float64[]{0.5})", {"float64[]{1.4142135623730951}"}, 1e-12);
  ExpectGives("Xlogy(float32[2]{0,2}, float32[2]{0,1})", {"float32[2]{0,0}"});
}

TEST(ElementwiseOps, BendBelowZeroAsTheActivationsDo) {
  ExpectGives("Relu(float32[2]{-1,8})", {"float32[2]{0,8}"});
  ExpectGives("Relu6(float32[2]{-1,8})", {"float32[2]{0,6}"});
  ExpectGives("LeakyRelu(float32[2]{-1,8})", {"float32[2]{-0.2,8}"}, 1e-7);
  ExpectGives("LeakyRelu(float32[2]{-1,8}) {alpha=0.5}", {"float32[2]{-0.5,8}"});
  ExpectGives("Elu(float32[]{-1})", {"float32[]{-0.6321205588}"}, 1e-6);
  ExpectGives("Selu(float32[]{-1})", {"float32[]{-1.1113307378}"}, 1e-6);
  ExpectGives("Softplus(float32[2]{-100,100})", {"float32[2]{0,100}"}, 1e-6);
  ExpectGives("Sigmoid(float32[2]{-100,100})", {"float32[2]{0,1}"}, 1e-6);
}

TEST(ElementwiseOps, CompareAndCombine) {
  ExpectGives("Less(float32[3]{1,2,3}, 2.0)", {"bool[3]{true,false,false}"});
  ExpectGives("LessEqual(int32[3]{1,2,3}, int32[]{2})", {"bool[3]{true,true,false}"});
  ExpectGives("Greater(int32[3]{1,2,3}, int32[]{2})", {"bool[3]{false,false,true}"});
  ExpectGives("GreaterEqual(int32[3]{1,2,3}, int32[]{2})", {"bool[3]{false,true,true}"});
  ExpectGives("Equal(bool[2]{true,false}, bool[]{true})", {"bool[2]{true,false}"});
  ExpectGives("NotEqual(float32[2]{1,2}, 2.0)", {"bool[2]{true,false}"});
  ExpectGives("LogicalAnd(bool[2]{true,false}, bool[]{true})", {"bool[2]{true,false}"});
  ExpectGives("LogicalOr(bool[2]{true,false}, bool[]{false})", {"bool[2]{true,false}"});
  ExpectGives("LogicalNot(bool[2]{true,false})", {"bool[2]{false,true}"});
  ExpectGives("Maximum(float32[2]{1,5}, 2.0)", {"float32[2]{2,5}"});
  ExpectGives("Minimum(int64[2]{1,5}, int64[]{2})", {"int64[2]{1,2}"});
  ExpectGives("AddN(float32[2]{1,2}, float32[2]{3,4}, float32[2]{5,6})", {"float32[2]{9,12}"});
  ExpectGives("ClipByValue(float32[3]{-1,0.5,9}, 0.0, 1.0)", {"float32[3]{0,0.5,1}"});
  ExpectGives("IsNan(float32[2]{1,2})", {"bool[2]{false,false}"});
  ExpectRefused("LogicalAnd(float32[2]{1,0}, float32[]{1})", "expected bool");
  ExpectRefused("AddN(float32[2]{1,2}, float32[1]{3})", "cannot add");
  ExpectRefused("ClipByValue(float32[3]{1}, float32[2]{0}, 1.0)", "bound 1");
}

TEST(ElementwiseOps, BucketsCountTheBoundariesBelow) {
  ExpectGives("Bucketize(float32[5]{-2,-1,0.2,0.5,9}) {boundaries=[-1.0,0.5]}", {"int32[5]{0,1,1,2,2}"});
  ExpectGives("Bucketize(int64[2]{3,4}) {boundaries=[3.5]}", {"int32[2]{0,1}"});
  ExpectRefused("Bucketize(float32[1]{0}) {boundaries=[2.0,1.0]}", "not sorted");
}

TEST(ElementwiseOps, Cast) {
  ExpectGives("Cast(float32[3]{1.9,-1.9,0}) {DstT=int32}", {"int32[3]{1,-1,0}"});
  ExpectGives("Cast(int32[3]{0,2,-1}) {DstT=bool}", {"bool[3]{false,true,true}"});
  ExpectGives("Cast(float32[]{1e20}) {DstT=int32}", {"int32[]{2147483647}"});
  ExpectGives("Cast(int64[2]{4,-1}) {DstT=int32}", {"int32[2]{4,-1}"});
  ExpectRefused("Cast(float32[]{1}) {DstT=string}", "no reference kernel for string");
  ExpectInfers("in x:float32[?,4]; s = Shape(x); y = Cast(s) {DstT=int64}; out y", "int64[2]{?,4}");
  ExpectInfers("y = Cast(int64[1]{4294967296}) {DstT=int32}; out y", "int32[1]{?}");
}

TEST(ElementwiseOps, TakeEveryByteButZeroForTrue) {
  const Tensor bytes = Tensor::Buffer(DType::kBool, {3}, std::string("\0\1\x80", 3));
  const auto run = [&](std::string_view op, std::vector<Tensor> inputs, AttrMap attrs = {}) {
    Node node{"n", std::string(op), std::vector<Value>(inputs.size()), {}, std::move(attrs), {}};
    const auto outputs = EvaluateNode(node, inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    return outputs.ok() ? (*outputs)[0].Values<int32_t>() : std::vector<int32_t>();
  };
  EXPECT_EQ(run("Cast", {bytes}, {{"DstT", DType::kInt32}}), (std::vector<int32_t>{0, 1, 1}));
  EXPECT_EQ(run("LogicalNot", {bytes}), (std::vector<int32_t>{1, 0, 0}));
  EXPECT_EQ(run("Equal", {bytes, Tensor::Scalar(true)}), (std::vector<int32_t>{0, 1, 1}));
  EXPECT_EQ(run("Where", {bytes}), (std::vector<int32_t>{1, 2}));
}

TEST(ElementwiseOps, FollowKnownIntegers) {
  const std::string shape = "in x:float32[?,4]; s = Shape(x); ";
  ExpectInfers(shape + "y = Mul(s, int32[]{2}); out y", "int32[2]{?,8}");
  ExpectInfers(shape + "y = Sub(s, int32[2]{1,1}); out y", "int32[2]{?,3}");
  ExpectInfers(shape + "y = FloorDiv(s, int32[]{3}); out y", "int32[2]{?,1}");
  ExpectInfers(shape + "y = FloorDiv(s, int32[]{0}); out y", "int32[2]{?,?}");
  ExpectInfers(shape + "y = Maximum(s, int32[]{9}); out y", "int32[2]{?,9}");
  ExpectInfers(shape + "y = Neg(s); out y", "int32[2]{?,-4}");
  ExpectInfers(shape + "y = Add(s, int32[]{2147483647}); out y", "int32[2]{?,?}");
  ExpectInfers(shape + "y = Mul(s, int32[]{0}); out y", "int32[2]{0,0}");
}

}  // namespace
}  // namespace permafrost
