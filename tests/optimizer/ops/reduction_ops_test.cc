#include <gtest/gtest.h>

#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(ReductionOps, ReduceAlongAxes) {
  const std::string x = "float32[2,3]{1,2,3,4,5,9}";
  ExpectGives("Sum(" + x + ", int32[]{0})", {"float32[3]{5,7,12}"});
  ExpectGives("Sum(" + x + ", int32[1]{-1}) {keep_dims=true}", {"float32[2,1]{6,18}"});
  ExpectGives("Mean(" + x + ", int32[2]{0,1})", {"float32[]{4}"});
  ExpectGives("Mean(" + x + ", int64[2]{1,0}) {keep_dims=true}", {"float32[1,1]{4}"});
  ExpectGives("Prod(" + x + ", int32[]{1})", {"float32[2]{6,180}"});
  ExpectGives("Max(" + x + ", int32[]{0})", {"float32[3]{4,5,9}"});
  ExpectGives("Min(" + x + ", int32[]{1})", {"float32[2]{1,4}"});
  ExpectGives("Sum(" + x + ", int32[0]{})", {x});
  ExpectGives("EuclideanNorm(float32[2]{3,4}, int32[]{0})", {"float32[]{5}"});
  ExpectGives("All(bool[2,2]{true,false,true,true}, int32[]{1})", {"bool[2]{false,true}"});
  ExpectGives("Any(bool[2,2]{true,false,false,false}, int32[]{1})", {"bool[2]{true,false}"});
  ExpectGives("L2Loss(float32[2]{3,4})", {"float32[]{12.5}"});
}

TEST(ReductionOps, StartFromTheirNeutralElement) {
  ExpectGives("Sum(float32[2,0]{}, int32[]{1})", {"float32[2]{0,0}"});
  ExpectGives("Prod(int32[0]{}, int32[]{0})", {"int32[]{1}"});
  ExpectGives("Max(int32[0]{}, int32[]{0})", {"int32[]{-2147483648}"});
  ExpectGives("All(bool[0]{}, int32[]{0})", {"bool[]{true}"});
  ExpectGives("Any(bool[0]{}, int32[]{0})", {"bool[]{false}"});
  ExpectGives("Mean(int32[0]{}, int32[]{0})", {"int32[]{0}"});
}

TEST(ReductionOps, StayExactForIntegersAndInDoubleForFloats) {
  ExpectGives("Max(int64[2]{9007199254740993,9007199254740992}, int32[]{0})", {"int64[]{9007199254740993}"});
  ExpectGives("Sum(int8[3]{100,100,100}, int32[]{0})", {"int8[]{44}"});
  ExpectGives("Mean(int32[2]{-3,-4}, int32[]{0})", {"int32[]{-3}"});
  ExpectGives("Mean(uint8[2]{255,255}, int32[]{0})", {"uint8[]{255}"});
  // In float the ones would be lost beside 2^25.
  ExpectGives("Sum(float32[5]{33554432,1,1,1,1}, int32[]{0})", {"float32[]{33554436}"});
}

TEST(ReductionOps, RefuseAxesThatAreNotThere) {
  for (const char* op : {"Sum", "Mean", "Prod", "Max", "Min"}) {
    ExpectRefused(std::string(op) + "(float32[2]{1,2}, int32[]{1})", "axis 1");
    ExpectRefused(std::string(op) + "(float32[2]{1,2}, int32[]{-2})", "axis -2");
    ExpectRefused(std::string(op) + "(float32[2,2]{1}, int32[2]{0,-2})", "twice");
    ExpectRefused(std::string(op) + "(string[]{\"text\"}, int32[0]{})", "string");
  }
  ExpectRefused("All(float32[2]{1,2}, int32[]{0})", "expected bool");
}

TEST(ReductionOps, InferWhatTheUnknownsAllow) {
  ExpectInfers("in x:float32[?,7,7,64]; y = Mean(x, int32[2]{1,2}); out y", "float32[?,64]");
  ExpectInfers("in x:float32[?,7,7,64]; y = Mean(x, int32[2]{1,2}) {keep_dims=true}; out y", "float32[?,1,1,64]");
  ExpectInfers("in x:float32[?,7]; in a:int32[1]; y = Sum(x, a); out y", "float32[?]");
  ExpectInfers("in x:float32[?,7]; in a:int32[?]; y = Sum(x, a) {keep_dims=true}; out y", "float32[?,?]");
  ExpectInfers("in x:float32[?,7]; in a:int32[?]; y = Sum(x, a); out y", "float32?");
  ExpectInfers("in x:float32[3,7]; s = Shape(x); y = Prod(s, int32[]{0}); out y", "int32[]{21}");
  ExpectInfers("in x:float32[?,7]; s = Shape(x); y = Prod(s, int32[]{0}) {keep_dims=true}; out y", "int32[1]{?}");
  ExpectInfers("in x:float32[?,0]; s = Shape(x); y = Prod(s, int32[]{0}); out y", "int32[]{0}");
}

TEST(ReductionOps, FindTheFirstExtreme) {
  ExpectGives("ArgMax(float32[2,3]{1,5,5,9,2,3}, int32[]{1})", {"int64[2]{1,0}"});
  ExpectGives("ArgMax(float32[2,3]{1,5,5,9,2,3}, int32[]{0}) {output_type=int32}", {"int32[3]{1,0,0}"});
  ExpectGives("ArgMin(int32[4]{4,1,3,1}, int32[]{-1})", {"int64[]{1}"});
  ExpectRefused("ArgMax(float32[2]{1,2}, int32[]{1})", "axis 1");
  ExpectRefused("ArgMax(float32[2,0]{}, int32[]{1})", "empty");
  ExpectRefused("ArgMax(1.5, int32[]{0})", "axis");
  ExpectRefused("ArgMax(float32[2]{1,2}, int32[]{0}) {output_type=float32}", "float32");
  ExpectInfers("in x:float32[?,10]; y = ArgMax(x, int32[]{1}); out y", "int64[?]");
}

TEST(ReductionOps, NormaliseTheLastAxis) {
  ExpectGives("Softmax(float64[2,2]{0,0,1,3})", {"float64[2,2]{0.5,0.5,0.11920292202211755,0.8807970779778824}"},
              1e-12);
  ExpectGives("Softmax(float32[2]{1000,1000})", {"float32[2]{0.5,0.5}"}, 1e-6);
  ExpectGives("LogSoftmax(float64[2]{1,3})", {"float64[2]{-2.1269280110429727,-0.1269280110429726}"}, 1e-12);
  ExpectGives("Softmax(float32[2,0]{})", {"float32[2,0]{}"});
  ExpectRefused("Softmax(1.5)", "scalar");
}

TEST(ReductionOps, GiveTheLargestFirstAndTheEarlierOfEquals) {
  ExpectGives("TopKV2(float32[4]{1,7,3,7}, int32[]{3})", {"float32[3]{7,7,3}", "int32[3]{1,3,2}"});
  ExpectGives("TopK(int32[2,2]{1,2,4,3}) {k=1}", {"int32[2,1]{2,4}", "int32[2,1]{1,0}"});
  ExpectRefused("TopKV2(float32[4]{1,7,3,7}, int32[]{5})", "top 5");
  ExpectRefused("TopKV2(float32[4]{1,7,3,7}, int32[]{-1})", "top -1");
  ExpectRefused("TopKV2(1.5, int32[]{1})", "");
  ExpectInfers("in x:float32[?,10]; t = TopKV2(x, int32[]{3}); out y=t:1", "int32[?,3]");
}

TEST(ReductionOps, AddUpAsTheyGo) {
  ExpectGives("Cumsum(float32[3]{1,2,3}, int32[]{0})", {"float32[3]{1,3,6}"});
  ExpectGives("Cumsum(float32[3]{1,2,3}, int32[]{0}) {exclusive=true}", {"float32[3]{0,1,3}"});
  ExpectGives("Cumsum(float32[3]{1,2,3}, int32[]{0}) {reverse=true}", {"float32[3]{6,5,3}"});
  ExpectGives("Cumsum(float32[3]{1,2,3}, int32[]{0}) {reverse=true, exclusive=true}", {"float32[3]{5,3,0}"});
  ExpectGives("Cumsum(int32[2,2]{1,2,3,4}, int32[]{0})", {"int32[2,2]{1,2,4,6}"});
  ExpectGives("Cumprod(int32[2,2]{1,2,3,4}, int32[]{-1})", {"int32[2,2]{1,2,3,12}"});
  ExpectRefused("Cumsum(float32[3]{1,2,3}, int32[]{1})", "axis 1");
}

}  // namespace
}  // namespace permafrost
