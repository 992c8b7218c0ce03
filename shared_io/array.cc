#include "shared_io/array.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace permafrost {
namespace {

struct TypeRow {
  ElementType type;
  std::string_view name;
  int64_t size;
};
constexpr std::array<TypeRow, 12> kTypes = {{{ElementType::kBool, "bool", 1},
                                             {ElementType::kInt8, "int8", 1},
                                             {ElementType::kInt16, "int16", 2},
                                             {ElementType::kInt32, "int32", 4},
                                             {ElementType::kInt64, "int64", 8},
                                             {ElementType::kUint8, "uint8", 1},
                                             {ElementType::kUint16, "uint16", 2},
                                             {ElementType::kUint32, "uint32", 4},
                                             {ElementType::kUint64, "uint64", 8},
                                             {ElementType::kHalf, "float16", 2},
                                             {ElementType::kFloat, "float32", 4},
                                             {ElementType::kDouble, "float64", 8}}};

const TypeRow& Row(ElementType type) { return kTypes[static_cast<size_t>(type)]; }

float HalfToFloat(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  float value;
  if (exponent == 31) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    value = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

template <class T>
void Widen(const std::string& bytes, std::vector<float>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

template <size_t kSize>
void CopyStridedOf(const char* from, size_t stride, size_t count, char* to) {
  for (size_t i = 0; i < count; ++i) std::memcpy(to + i * kSize, from + i * stride, kSize);
}

// `count` elements of `size` bytes, `stride` bytes apart, to consecutive ones.
void CopyStrided(const char* from, size_t stride, size_t size, size_t count, char* to) {
  switch (size) {
    case 1:
      return CopyStridedOf<1>(from, stride, count, to);
    case 2:
      return CopyStridedOf<2>(from, stride, count, to);
    case 4:
      return CopyStridedOf<4>(from, stride, count, to);
    default:
      return CopyStridedOf<8>(from, stride, count, to);
  }
}

// Rows of one matrix become the columns of the other, in squares that stay in the cache.
template <size_t kSize>
void TransposeMatrixOf(const char* from, size_t rows, size_t columns, char* to) {
  constexpr size_t kSquare = 16;
  for (size_t row0 = 0; row0 < rows; row0 += kSquare) {
    const size_t row_end = std::min(rows, row0 + kSquare);
    for (size_t column0 = 0; column0 < columns; column0 += kSquare) {
      const size_t column_end = std::min(columns, column0 + kSquare);
      for (size_t column = column0; column < column_end; ++column) {
        for (size_t row = row0; row < row_end; ++row) {
          std::memcpy(to + (column * rows + row) * kSize, from + (row * columns + column) * kSize, kSize);
        }
      }
    }
  }
}

void TransposeMatrix(const char* from, size_t rows, size_t columns, size_t size, char* to) {
  switch (size) {
    case 1:
      return TransposeMatrixOf<1>(from, rows, columns, to);
    case 2:
      return TransposeMatrixOf<2>(from, rows, columns, to);
    case 4:
      return TransposeMatrixOf<4>(from, rows, columns, to);
    default:
      return TransposeMatrixOf<8>(from, rows, columns, to);
  }
}

// Where an order like 0, 2, 3, 1 (NHWC to NCHW) parts into axes that stay in front, rows and columns: the first axes
// up to `rows`, those up to `columns` and the rest. Nothing: no such order.
struct MatrixAxes {
  size_t rows = 0, columns = 0;
};
std::optional<MatrixAxes> AsMatrices(const std::vector<int>& order) {
  MatrixAxes axes;
  while (axes.rows < order.size() && order[axes.rows] == static_cast<int>(axes.rows)) ++axes.rows;
  if (axes.rows == order.size()) return std::nullopt;
  axes.columns = static_cast<size_t>(order[axes.rows]);
  for (size_t i = axes.rows; i < order.size(); ++i) {
    const size_t moved = axes.columns + (i - axes.rows);
    const size_t expected = moved < order.size() ? moved : axes.rows + (moved - order.size());
    if (order[i] != static_cast<int>(expected)) return std::nullopt;
  }
  return axes;
}

size_t Product(const std::vector<int64_t>& dims, size_t begin, size_t end) {
  size_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= static_cast<size_t>(dims[i]);
  return product;
}

Status CheckBytes(const Array& array, int64_t& count) {
  ASSIGN_OR_RETURN(count, ElementCount(array.dims));
  if (count > static_cast<int64_t>(array.bytes.size()) ||
      count * ElementSize(array.type) != static_cast<int64_t>(array.bytes.size())) {
    return InvalidArgument("an array of ", ElementTypeName(array.type), DimsText(array.dims), " holds ",
                           array.bytes.size(), " bytes");
  }
  return OkStatus();
}

}  // namespace

std::string_view ElementTypeName(ElementType type) { return Row(type).name; }

std::optional<ElementType> ElementTypeByName(std::string_view name) {
  if (name == "half") return ElementType::kHalf;
  if (name == "float") return ElementType::kFloat;
  if (name == "double") return ElementType::kDouble;
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

int64_t ElementSize(ElementType type) { return Row(type).size; }

StatusOr<int64_t> ElementCount(const std::vector<int64_t>& dims) {
  constexpr int64_t kMost = int64_t{1} << 62;
  int64_t count = 1;
  for (int64_t dim : dims) {
    if (dim < 0) return InvalidArgument("the shape ", DimsText(dims), " has a negative dim");
    if (__builtin_mul_overflow(count, dim, &count) || count > kMost) {
      return InvalidArgument("the shape ", DimsText(dims), " has too many elements");
    }
  }
  return count;
}

std::string DimsText(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i != 0) text += ",";
    text += dims[i] < 0 ? "?" : std::to_string(dims[i]);
  }
  return text + "]";
}

StatusOr<std::vector<float>> ToFloats(const Array& array) {
  int64_t count = 0;
  RETURN_IF_ERROR(CheckBytes(array, count));
  std::vector<float> out(static_cast<size_t>(count));
  switch (array.type) {
    case ElementType::kBool:
      for (size_t i = 0; i < out.size(); ++i) out[i] = array.bytes[i] != 0 ? 1.0F : 0.0F;
      break;
    case ElementType::kInt8:
      Widen<int8_t>(array.bytes, out);
      break;
    case ElementType::kInt16:
      Widen<int16_t>(array.bytes, out);
      break;
    case ElementType::kInt32:
      Widen<int32_t>(array.bytes, out);
      break;
    case ElementType::kInt64:
      Widen<int64_t>(array.bytes, out);
      break;
    case ElementType::kUint8:
      Widen<uint8_t>(array.bytes, out);
      break;
    case ElementType::kUint16:
      Widen<uint16_t>(array.bytes, out);
      break;
    case ElementType::kUint32:
      Widen<uint32_t>(array.bytes, out);
      break;
    case ElementType::kUint64:
      Widen<uint64_t>(array.bytes, out);
      break;
    case ElementType::kFloat:
      Widen<float>(array.bytes, out);
      break;
    case ElementType::kDouble:
      Widen<double>(array.bytes, out);
      break;
    case ElementType::kHalf:
      for (size_t i = 0; i < out.size(); ++i) {
        uint16_t half;
        std::memcpy(&half, array.bytes.data() + i * 2, 2);
        out[i] = HalfToFloat(half);
      }
      break;
  }
  return out;
}

Array FloatArray(std::vector<int64_t> dims, const std::vector<float>& values) {
  return {ElementType::kFloat, std::move(dims),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))};
}

StatusOr<Array> TransposeArray(const Array& array, const std::vector<int>& order) {
  Array out;
  RETURN_IF_ERROR(TransposeArrayInto(array, order, out));
  return out;
}

Status TransposeArrayInto(const Array& array, const std::vector<int>& order, Array& out) {
  const size_t rank = array.dims.size();
  std::vector<bool> seen(rank, false);
  for (int axis : order) {
    if (axis < 0 || static_cast<size_t>(axis) >= rank || seen[static_cast<size_t>(axis)]) {
      return InvalidArgument("not a permutation of the axes of ", DimsText(array.dims));
    }
    seen[static_cast<size_t>(axis)] = true;
  }
  if (order.size() != rank) return InvalidArgument("not a permutation of the axes of ", DimsText(array.dims));
  int64_t count = 0;
  RETURN_IF_ERROR(CheckBytes(array, count));

  const size_t size = static_cast<size_t>(ElementSize(array.type));
  std::vector<size_t> source_strides(rank, size);
  for (size_t i = rank; i-- > 1;) source_strides[i - 1] = source_strides[i] * static_cast<size_t>(array.dims[i]);
  out.type = array.type;
  out.dims.clear();
  out.bytes.resize(array.bytes.size());
  std::vector<size_t> strides;
  for (int axis : order) {
    out.dims.push_back(array.dims[static_cast<size_t>(axis)]);
    strides.push_back(source_strides[static_cast<size_t>(axis)]);
  }
  if (out.bytes.empty()) return OkStatus();
  if (rank == 0) {
    out = array;
    return OkStatus();
  }
  if (const auto axes = AsMatrices(order)) {
    const size_t rows = Product(array.dims, axes->rows, axes->columns);
    const size_t columns = Product(array.dims, axes->columns, rank);
    for (size_t at = 0; at < out.bytes.size(); at += rows * columns * size) {
      TransposeMatrix(array.bytes.data() + at, rows, columns, size, out.bytes.data() + at);
    }
    return OkStatus();
  }
  // The innermost axis of the result in one tight loop, the others counted like an odometer.
  const size_t run = static_cast<size_t>(out.dims[rank - 1]);
  std::vector<int64_t> index(rank, 0);
  size_t source = 0;
  for (size_t target = 0; target < out.bytes.size(); target += run * size) {
    CopyStrided(array.bytes.data() + source, strides[rank - 1], size, run, out.bytes.data() + target);
    for (size_t i = rank - 1; i-- > 0;) {
      source += strides[i];
      if (++index[i] < out.dims[i]) break;
      source -= strides[i] * static_cast<size_t>(out.dims[i]);
      index[i] = 0;
    }
  }
  return OkStatus();
}

}  // namespace permafrost
