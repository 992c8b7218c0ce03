#include "optimizer/ir/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace permafrost {
namespace {

using ::testing::ElementsAre;

std::string AllChunks(const Tensor& tensor) {
  std::string bytes;
  EXPECT_TRUE(tensor
                  .ForEachChunk([&](std::string_view chunk) {
                    bytes += chunk;
                    return OkStatus();
                  })
                  .ok());
  return bytes;
}

// Whole, in chunks and from the middle, a tensor says the same.
void ExpectConsistent(const Tensor& tensor) {
  const Tensor dense = tensor.Dense();
  EXPECT_EQ(AllChunks(tensor), dense.DenseBytes());
  const int64_t size = SizeOf(tensor.dtype()), count = tensor.elements() / 2;
  std::string middle(static_cast<size_t>(count * size), '\0');
  tensor.Read(count / 2, count, middle.data());
  EXPECT_EQ(middle, dense.DenseBytes().substr(static_cast<size_t>(count / 2 * size), middle.size()));
  EXPECT_TRUE(SameTensor(tensor, dense));
}

TEST(Tensor, ASplatIsOneElementForAll) {
  const Tensor splat = Tensor::Splat(DType::kInt32, {2, 3}, std::string("\7\0\0\0", 4));
  EXPECT_THAT(splat.Values<int64_t>(), ElementsAre(7, 7, 7, 7, 7, 7));
  EXPECT_EQ(splat.SingleValue(), 7.0);
  EXPECT_TRUE(SameTensor(splat, Tensor::Of<int32_t>({2, 3}, {7, 7, 7, 7, 7, 7})));
  ExpectConsistent(splat);
}

TEST(Tensor, AHugeSplatTakesNoMemory) {
  const Tensor splat = Tensor::Splat(DType::kFloat32, {int64_t{1} << 40}, std::string(4, '\0'));
  EXPECT_EQ(splat.elements(), int64_t{1} << 40);
  EXPECT_EQ(splat.SingleValue(), 0.0);
}

TEST(Tensor, ScalesAlongAnAxis) {
  const Tensor base = Tensor::Of<float>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_THAT(base.Scaled(1, {10, 100}).Values<float>(), ElementsAre(10, 20, 300, 400, 50, 60, 700, 800));
  EXPECT_THAT(base.Scaled(-1, {1, -1}).Values<float>(), ElementsAre(1, -2, 3, -4, 5, -6, 7, -8));
  ExpectConsistent(base.Scaled(0, {2, 3}));
  ExpectConsistent(base.Scaled(2, {2, 3}));
  ExpectConsistent(base.Cast(DType::kHalf).Scaled(1, {0.5, 3}));
}

TEST(Tensor, Transposes) {
  const Tensor base = Tensor::Of<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor turned = base.Transposed({1, 0});
  EXPECT_THAT(turned.dims(), ElementsAre(3, 2));
  EXPECT_THAT(turned.Values<int64_t>(), ElementsAre(1, 4, 2, 5, 3, 6));
  ExpectConsistent(turned);
  std::vector<float> values(2 * 3 * 4 * 5);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const Tensor four = Tensor::Of({2, 3, 4, 5}, values);
  ExpectConsistent(four.Transposed({3, 1, 0, 2}));
  EXPECT_TRUE(SameTensor(four.Transposed({3, 1, 0, 2}).Transposed({2, 1, 3, 0}), four));
}

TEST(Tensor, CastsWithoutUndefinedBehaviour) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor base = Tensor::Vector<float>({1.9f, -1.9f, 300, -300, inf, -inf, nan});
  EXPECT_THAT(base.Cast(DType::kInt8).Values<int64_t>(), ElementsAre(1, -1, 127, -128, 127, -128, 0));
  EXPECT_THAT(base.Cast(DType::kBool).Values<int64_t>(), ElementsAre(1, 1, 1, 1, 1, 1, 1));
  EXPECT_THAT(Tensor::Vector<float>({0.1f}).Cast(DType::kHalf).Values<float>(), ElementsAre(0.0999755859375f));
  ExpectConsistent(base.Cast(DType::kFloat64));
}

TEST(Tensor, ReshapesWithoutACopy) {
  const Tensor base = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor flat = base.Reshaped({6});
  EXPECT_EQ(flat.DenseBytes().data(), base.DenseBytes().data());
  EXPECT_THAT(flat.dims(), ElementsAre(6));
  ExpectConsistent(base.Cast(DType::kHalf).Reshaped({3, 2}));
}

TEST(Tensor, ReadsInChunksAcrossTheirBorders) {
  std::vector<float> values(700'001);  // more than two chunks
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1009);
  const Tensor base = Tensor::Vector(values);
  ExpectConsistent(base.Scaled(0, values));
  ExpectConsistent(base.Cast(DType::kFloat64));
}

TEST(Tensor, AlignsAView) {
  const std::string bytes = std::string(1, 'x') + std::string("\1\0\0\0\2\0\0\0", 8);
  const Tensor view = Tensor::View(DType::kInt32, {2}, nullptr, std::string_view(bytes).substr(1));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.Dense().DenseBytes().data()) % 4, 0u);
  EXPECT_THAT(view.Values<int64_t>(), ElementsAre(1, 2));
}

TEST(Tensor, SaysASingleValueOnlyWhenThereIsOne) {
  EXPECT_EQ(Tensor::Vector<float>({3}).SingleValue(), 3.0);
  EXPECT_FALSE(Tensor::Vector<float>({3, 3}).SingleValue().has_value());  // not without reading more than one
  EXPECT_FALSE(Tensor::Vector<float>({}).SingleValue().has_value());
  EXPECT_FALSE(Tensor::Strings({}, {"a"}).SingleValue().has_value());
  EXPECT_FALSE(Tensor().SingleValue().has_value());
}

TEST(Tensor, ComparesTypeShapeAndBits) {
  const Tensor a = Tensor::Vector<float>({1, 2});
  EXPECT_FALSE(SameTensor(a, Tensor::Vector<float>({1, 3})));
  EXPECT_FALSE(SameTensor(a, a.Reshaped({2, 1})));
  EXPECT_FALSE(SameTensor(a, a.Cast(DType::kFloat64)));
  EXPECT_FALSE(SameTensor(Tensor::Vector<float>({0.0f}), Tensor::Vector<float>({-0.0f})));
  EXPECT_TRUE(SameTensor(Tensor::Strings({1}, {"a"}), Tensor::Strings({1}, {"a"})));
  EXPECT_FALSE(SameTensor(Tensor::Strings({1}, {"a"}), Tensor::Strings({1}, {"b"})));
}

}  // namespace
}  // namespace permafrost
