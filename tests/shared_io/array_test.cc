#include "shared_io/array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace {

using ::testing::ElementsAre;

TEST(Array, WidensEveryKindOfNumberToFloat) {
  EXPECT_THAT(*ToFloats({ElementType::kInt8, {2}, std::string("\xff\x02", 2)}), ElementsAre(-1.0F, 2.0F));
  EXPECT_THAT(*ToFloats({ElementType::kUint8, {2}, std::string("\xff\x02", 2)}), ElementsAre(255.0F, 2.0F));
  EXPECT_THAT(*ToFloats({ElementType::kUint16, {1}, std::string("\x00\x80", 2)}), ElementsAre(32768.0F));
  EXPECT_THAT(*ToFloats({ElementType::kBool, {2}, std::string("\x00\x07", 2)}), ElementsAre(0.0F, 1.0F));
  // 1, -2, the least subnormal, infinity
  EXPECT_THAT(*ToFloats({ElementType::kHalf, {4}, std::string("\x00\x3c\x00\xc0\x01\x00\x00\x7c", 8)}),
              ElementsAre(1.0F, -2.0F, std::ldexp(1.0F, -24), INFINITY));
  EXPECT_TRUE(std::isnan((*ToFloats({ElementType::kHalf, {}, std::string("\x01\x7c", 2)}))[0]));
}

TEST(Array, RefusesBytesThatDoNotFitTheShape) {
  EXPECT_FALSE(ToFloats({ElementType::kFloat, {2}, std::string(7, '\0')}).ok());
  EXPECT_FALSE(ToFloats({ElementType::kFloat, {-1}, ""}).ok());
  EXPECT_FALSE(ToFloats({ElementType::kDouble, {int64_t{1} << 61}, ""}).ok());
  EXPECT_FALSE(ElementCount({int64_t{1} << 40, int64_t{1} << 40}).ok());
}

TEST(Array, TransposesAxesOfUnlikeSizes) {
  const Array in = FloatArray({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const auto out = TransposeArray(in, {2, 0, 1});
  ASSERT_TRUE(out.ok());
  EXPECT_THAT(out->dims, ElementsAre(3, 2, 1));
  EXPECT_THAT(*ToFloats(*out), ElementsAre(1, 4, 2, 5, 3, 6));
  const auto scalar = TransposeArray(FloatArray({}, {7}), {});
  ASSERT_TRUE(scalar.ok());
  EXPECT_THAT(*ToFloats(*scalar), ElementsAre(7));
  EXPECT_TRUE(TransposeArray(FloatArray({2, 0}, {}), {1, 0}).ok());
  for (const ElementType type : {ElementType::kUint8, ElementType::kHalf, ElementType::kDouble}) {
    Array array{type, {2, 3}, {}};
    for (int i = 0; i < 6; ++i)
      array.bytes += std::string(static_cast<size_t>(ElementSize(type)), static_cast<char>(i));
    const auto turned = TransposeArray(array, {1, 0});
    ASSERT_TRUE(turned.ok());
    std::string expected;
    for (const int i : {0, 3, 1, 4, 2, 5}) {
      expected += std::string(static_cast<size_t>(ElementSize(type)), static_cast<char>(i));
    }
    EXPECT_EQ(turned->bytes, expected);
  }
  EXPECT_FALSE(TransposeArray(in, {0, 0, 1}).ok());
  EXPECT_FALSE(TransposeArray(in, {0, 1}).ok());
  EXPECT_FALSE(TransposeArray(in, {0, 1, 3}).ok());
}

TEST(Array, TransposesLikeIndexByIndex) {
  const std::vector<int64_t> dims = {2, 3, 19, 35};
  std::vector<float> values(2 * 3 * 19 * 35);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (const std::vector<int>& order : std::vector<std::vector<int>>{
           {0, 2, 3, 1}, {0, 3, 1, 2}, {3, 0, 1, 2}, {0, 1, 3, 2}, {3, 2, 1, 0}, {0, 2, 1, 3}, {0, 1, 2, 3}}) {
    const auto out = TransposeArray(FloatArray(dims, values), order);
    ASSERT_TRUE(out.ok());
    const std::vector<float> turned = *ToFloats(*out);
    size_t wrong = 0, at = 0;
    std::vector<int64_t> index(4);
    for (index[0] = 0; index[0] < out->dims[0]; ++index[0]) {
      for (index[1] = 0; index[1] < out->dims[1]; ++index[1]) {
        for (index[2] = 0; index[2] < out->dims[2]; ++index[2]) {
          for (index[3] = 0; index[3] < out->dims[3]; ++index[3]) {
            std::vector<int64_t> source(4);
            for (size_t i = 0; i < 4; ++i) source[static_cast<size_t>(order[i])] = index[i];
            const int64_t flat = ((source[0] * dims[1] + source[1]) * dims[2] + source[2]) * dims[3] + source[3];
            wrong += turned[at++] == static_cast<float>(flat) ? 0 : 1;
          }
        }
      }
    }
    EXPECT_EQ(wrong, 0U) << order[0] << order[1] << order[2] << order[3];
  }
}

TEST(Array, KnowsTensorFlowsNames) {
  for (const char* name : {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
                           "float32", "float64"}) {
    const auto type = ElementTypeByName(name);
    ASSERT_TRUE(type.has_value()) << name;
    EXPECT_EQ(ElementTypeName(*type), name);
  }
  EXPECT_EQ(ElementTypeByName("half"), ElementType::kHalf);
  EXPECT_FALSE(ElementTypeByName("string").has_value());
}

}  // namespace
}  // namespace permafrost
