#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/dtype.h"
#include "optimizer/ir/shape.h"
#include "optimizer/support/mapped_file.h"
#include "optimizer/support/status.h"

namespace permafrost {

// An immutable array in row-major order, cheap to copy. Its bytes are one of
//   a view      into a mapped file or a shared buffer (not aligned: use Dense() before data<T>()),
//   a splat     one element that stands for all,
//   a recipe    another tensor to be scaled per channel, transposed or converted, worked out chunk by chunk when read.
// So a weight is never copied by a pass that only changes a few of its facts.
class Tensor {
 public:
  Tensor() = default;  // no tensor: valid() is false

  // `bytes` must hold exactly the elements. `owner` keeps them alive.
  static Tensor View(DType dtype, std::vector<int64_t> dims, std::shared_ptr<const MappedFile> owner,
                     std::string_view bytes);
  static Tensor Buffer(DType dtype, std::vector<int64_t> dims, std::string bytes);
  static Tensor Splat(DType dtype, std::vector<int64_t> dims, std::string element);
  static Tensor Strings(std::vector<int64_t> dims, std::vector<std::string> values);
  // T: float, double, int32_t, int64_t, uint8_t, int8_t, bool ...; values.size() must be the product of dims.
  template <class T>
  static Tensor Of(std::vector<int64_t> dims, const std::vector<T>& values);
  template <class T>
  static Tensor Scalar(T value) {
    return Of<T>({}, std::vector<T>{value});
  }
  template <class T>
  static Tensor Vector(const std::vector<T>& values) {
    return Of<T>({static_cast<int64_t>(values.size())}, values);
  }

  // Recipes. Scaled multiplies element [.., c, ..] by factors[c], c running along `axis`; floating dtypes only; computed
  // in float32 (float64 for float64) and rounded back to dtype().
  Tensor Scaled(int axis, std::vector<float> factors) const;
  Tensor Transposed(std::vector<int> permutation) const;  // dim i of the result is dim permutation[i] of this
  Tensor Cast(DType dtype) const;                         // numeric to numeric, as static_cast does
  Tensor Reshaped(std::vector<int64_t> dims) const;       // same elements in the same order

  bool valid() const { return impl_ != nullptr; }
  DType dtype() const;
  const std::vector<int64_t>& dims() const;
  Shape shape() const { return Shape(dims()); }
  int rank() const { return static_cast<int>(dims().size()); }
  int64_t elements() const;
  int64_t byte_size() const { return elements() * SizeOf(dtype()); }
  bool is_splat() const;
  bool is_recipe() const;

  // Copies elements [first, first + count) to `out`, which has count * SizeOf(dtype()) bytes.
  void Read(int64_t first, int64_t count, char* out) const;
  // Calls `take` with consecutive pieces of the bytes until the end or an error. Views are passed as they lie, without a
  // copy; with `release` their pages are given back once taken.
  Status ForEachChunk(const std::function<Status(std::string_view)>& take, bool release = false) const;

  // This tensor with its elements in aligned memory, worked out if it was not.
  Tensor Dense() const;
  // Of a Dense() tensor whose dtype has T's size.
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(DenseBytes().data());
  }
  std::string_view DenseBytes() const;  // of a view or buffer; empty for others
  const std::vector<std::string>& strings() const;

  // All elements converted to T (double, float, int64_t, int32_t). For small tensors.
  template <class T>
  std::vector<T> Values() const;
  // The one value all elements have, when that is known without reading more than one.
  std::optional<double> SingleValue() const;

  struct Impl;

 private:
  explicit Tensor(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// Same dtype, dims and bits.
bool SameTensor(const Tensor& a, const Tensor& b);

template <class T>
constexpr DType DTypeOf();
template <>
constexpr DType DTypeOf<float>() { return DType::kFloat32; }
template <>
constexpr DType DTypeOf<double>() { return DType::kFloat64; }
template <>
constexpr DType DTypeOf<int32_t>() { return DType::kInt32; }
template <>
constexpr DType DTypeOf<int64_t>() { return DType::kInt64; }
template <>
constexpr DType DTypeOf<uint8_t>() { return DType::kUint8; }
template <>
constexpr DType DTypeOf<int8_t>() { return DType::kInt8; }
template <>
constexpr DType DTypeOf<int16_t>() { return DType::kInt16; }
template <>
constexpr DType DTypeOf<uint16_t>() { return DType::kUint16; }
template <>
constexpr DType DTypeOf<uint32_t>() { return DType::kUint32; }
template <>
constexpr DType DTypeOf<uint64_t>() { return DType::kUint64; }
template <>
constexpr DType DTypeOf<bool>() { return DType::kBool; }

template <class T>
Tensor Tensor::Of(std::vector<int64_t> dims, const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const T value = values[i];
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return Buffer(DTypeOf<T>(), std::move(dims), std::move(bytes));
}

}  // namespace permafrost
