#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

enum class ElementType {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kHalf,
  kFloat,
  kDouble
};

// TensorFlow's name: "float32", "half", "uint8", ...
std::string_view ElementTypeName(ElementType type);
std::optional<ElementType> ElementTypeByName(std::string_view name);
int64_t ElementSize(ElementType type);

// Numbers with a shape: C order, little endian. No dims is a scalar.
struct Array {
  ElementType type = ElementType::kFloat;
  std::vector<int64_t> dims;
  std::string bytes;
};

// The product of the dims. Errors: a negative dim, more than 2^62 elements.
StatusOr<int64_t> ElementCount(const std::vector<int64_t>& dims);
std::string DimsText(const std::vector<int64_t>& dims);  // "[1,224,224,3]"

// Every element as a float, whatever its type. Errors: the bytes do not fit the dims.
StatusOr<std::vector<float>> ToFloats(const Array& array);
// values.size() is the product of the dims.
Array FloatArray(std::vector<int64_t> dims, const std::vector<float>& values);

// Reorders the axes: result dim i is array dim order[i]. Errors: order is no permutation, bytes do not fit.
StatusOr<Array> TransposeArray(const Array& array, const std::vector<int>& order);
// The same into `out`, whose memory is used again where it is large enough. Not in place.
Status TransposeArrayInto(const Array& array, const std::vector<int>& order, Array& out);

}  // namespace permafrost
