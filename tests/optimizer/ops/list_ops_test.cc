#include <gtest/gtest.h>

#include "tests/support/op_testing.h"

namespace permafrost {
namespace {

TEST(ListOps, TellTheDtypeOfAnElement) {
  ExpectInfers("in x:float32[2]; l = TensorListFromTensor(x, int32[0]{}) {element_dtype=float32}; "
               "y = TensorListGetItem(l, int32[]{0}, int32[0]{}) {element_dtype=float32}; out y",
               "float32?");
  ExpectInfers("a = TensorArrayV3(int32[]{2}) {dtype=int64}; y = TensorArrayReadV3(a, int32[]{0}, a:1) {dtype=int64}; out y",
               "int64?");
}

TEST(ListOps, KnowThatACountIsAScalar) {
  ExpectInfers("l = EmptyTensorList(int32[0]{}, int32[]{0}) {element_dtype=float32}; y = TensorListLength(l); out y", "int32[]");
  ExpectInfers("a = TensorArrayV3(int32[]{2}) {dtype=float32}; y = TensorArraySizeV3(a, a:1); out y", "int32[]");
}

TEST(ListOps, RefuseAWrongNumberOfInputs) {
  ExpectInferenceRefuses("a = TensorArrayV3(int32[]{2}) {dtype=float32}; y = TensorArraySizeV3(a); out y", "has 1 inputs, expected 2");
  ExpectInferenceRefuses("y = TensorListReserve(int32[0]{}, int32[]{2}); out y", "no attribute 'element_dtype'");
}

}  // namespace
}  // namespace permafrost
