#include "optimizer/frontend/graphdef/read_tensor.h"

#include <cstring>

#include "optimizer/proto/wire.h"

namespace permafrost {
namespace {

// Field numbers of TensorProto.
enum Field {
  kDtype = 1,
  kTensorShape = 2,
  kTensorContent = 4,
  kFloatVal = 5,
  kDoubleVal = 6,
  kIntVal = 7,
  kStringVal = 8,
  kComplex64Val = 9,
  kInt64Val = 10,
  kBoolVal = 11,
  kComplex128Val = 12,
  kHalfVal = 13,
  kUint32Val = 16,
  kUint64Val = 17,
};

// The field that holds the values of a dtype.
int ValueField(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return kFloatVal;
    case DType::kFloat64: return kDoubleVal;
    case DType::kInt64: return kInt64Val;
    case DType::kBool: return kBoolVal;
    case DType::kHalf:
    case DType::kBFloat16: return kHalfVal;
    case DType::kUint32: return kUint32Val;
    case DType::kUint64: return kUint64Val;
    case DType::kComplex64: return kComplex64Val;
    case DType::kComplex128: return kComplex128Val;
    case DType::kString: return kStringVal;
    default: return kIntVal;
  }
}

// Bytes of one value as packed fixed-width fields have them; 0 for varints.
size_t FixedWidth(int field) {
  switch (field) {
    case kFloatVal:
    case kComplex64Val: return 4;
    case kDoubleVal:
    case kComplex128Val: return 8;
    default: return 0;
  }
}

// Appends the low bytes of a varint, as little-endian memory has them.
void AppendValue(std::string& bytes, uint64_t value, int64_t size) {
  bytes.append(reinterpret_cast<const char*>(&value), static_cast<size_t>(size));
}

bool AppendVarints(std::string& bytes, std::string_view packed, int64_t size, int64_t max_bytes) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(packed.data()),
                                               static_cast<int>(packed.size()));
  while (input.CurrentPosition() < static_cast<int>(packed.size())) {
    uint64_t value = 0;
    if (!input.ReadVarint64(&value) || static_cast<int64_t>(bytes.size()) >= max_bytes) return false;
    AppendValue(bytes, value, size);
  }
  return true;
}

StatusOr<Tensor> StringTensor(std::vector<int64_t> dims, int64_t elements, std::vector<std::string> values) {
  if (static_cast<int64_t>(values.size()) > elements) {
    return DataLoss("string tensor of shape ", Shape(dims).ToString(), " has ", values.size(), " values");
  }
  if (elements > (int64_t{1} << 24)) return ResourceExhausted("string tensor with ", elements, " elements");
  const std::string last = values.empty() ? std::string() : values.back();
  values.resize(static_cast<size_t>(elements), last);
  return Tensor::Strings(std::move(dims), std::move(values));
}

}  // namespace

StatusOr<Shape> ReadShape(std::string_view proto) {
  std::vector<int64_t> dims;
  WireScanner scan(proto);
  WireField field;
  while (scan.Next(field)) {
    if (field.number == 3 && field.varint != 0) return Shape();
    if (field.number != 2 || !field.is_bytes) continue;
    int64_t size = 0;
    WireScanner dim(field.bytes);
    WireField part;
    while (dim.Next(part)) {
      if (part.number == 1) size = static_cast<int64_t>(part.varint);
    }
    if (!dim.ok()) return DataLoss("a shape is damaged");
    if (size < -1) return InvalidArgument("a shape has dim ", size, ", expected -1 (unknown) or more");
    dims.push_back(size);
  }
  if (!scan.ok()) return DataLoss("a shape is damaged");
  return Shape(std::move(dims));
}

StatusOr<Tensor> ReadTensor(std::string_view proto, const std::shared_ptr<const MappedFile>& file,
                            const Limits& limits) {
  int64_t dtype_number = 0;
  Shape shape{};
  WireScanner scan(proto);
  WireField field;
  while (scan.Next(field)) {
    if (field.number == kDtype) dtype_number = static_cast<int64_t>(field.varint);
    if (field.number == kTensorShape && field.is_bytes) {
      ASSIGN_OR_RETURN(shape, ReadShape(field.bytes));
    }
  }
  if (!scan.ok()) return DataLoss("a tensor is damaged");
  const std::optional<DType> dtype = DTypeFromProto(dtype_number);
  if (!dtype || *dtype == DType::kInvalid) return DataLoss("a tensor has the unknown dtype ", dtype_number);
  return ReadTensorValues(proto, *dtype, shape, file, limits);
}

StatusOr<Tensor> ReadTensorValues(std::string_view proto, DType dtype, const Shape& shape,
                                  const std::shared_ptr<const MappedFile>& file, const Limits& limits) {
  std::string_view content;
  bool has_content = false;
  {
    WireScanner scan(proto);
    WireField field;
    while (scan.Next(field)) {
      if (field.number == kTensorContent && field.is_bytes) {
        content = field.bytes;
        has_content = !content.empty();
      }
    }
    if (!scan.ok()) return DataLoss("a tensor is damaged");
  }
  const int64_t size = SizeOf(dtype);
  if (size == 0 && dtype != DType::kString) {
    return Unsupported("a constant of dtype ", NameOf(dtype), " cannot be stored in a file");
  }
  if (!shape.FullyKnown()) return InvalidArgument("a tensor's shape is ", shape.ToString(), ", expected known dims");
  const int64_t elements = shape.Elements();
  if (elements < 0 || elements > limits.max_tensor_bytes / std::max<int64_t>(1, size)) {
    return ResourceExhausted("a tensor of shape ", shape.ToString(), " and dtype ", NameOf(dtype),
                             " is above the limit of ", limits.max_tensor_bytes, " bytes (--max-tensor-bytes)");
  }
  std::vector<int64_t> dims = shape.dims();
  const int64_t bytes_expected = elements * size;

  if (has_content && dtype != DType::kString) {
    if (static_cast<int64_t>(content.size()) != bytes_expected) {
      return DataLoss("a tensor of shape ", shape.ToString(), " and dtype ", NameOf(dtype), " has ", content.size(),
                      " bytes of content, expected ", bytes_expected);
    }
    if (file != nullptr) return Tensor::View(dtype, std::move(dims), file, content);
    return Tensor::Buffer(dtype, std::move(dims), std::string(content));
  }

  const int wanted = ValueField(dtype);
  const size_t width = FixedWidth(wanted);
  std::string bytes;
  std::vector<std::string> strings;
  WireScanner scan(proto);
  WireField field;
  while (scan.Next(field)) {
    if (field.number != wanted) continue;
    if (dtype == DType::kString) {
      if (static_cast<int64_t>(strings.size()) >= elements) {
        return DataLoss("a string tensor of shape ", shape.ToString(), " has more values than elements");
      }
      strings.emplace_back(field.bytes);
    } else if (!field.is_bytes) {
      AppendValue(bytes, field.varint, width > 0 ? static_cast<int64_t>(width) : size);
    } else if (width > 0) {
      if (file != nullptr && bytes.empty() && static_cast<int64_t>(field.bytes.size()) == bytes_expected) {
        return Tensor::View(dtype, std::move(dims), file, field.bytes);
      }
      bytes.append(field.bytes);
    } else if (!AppendVarints(bytes, field.bytes, size, bytes_expected)) {
      return DataLoss("a tensor of shape ", shape.ToString(), " has damaged values or more values than elements");
    }
    if (static_cast<int64_t>(bytes.size()) > bytes_expected) {
      return DataLoss("a tensor of shape ", shape.ToString(), " has more values than elements");
    }
  }
  if (dtype == DType::kString) return StringTensor(std::move(dims), elements, std::move(strings));
  if (bytes.size() % static_cast<size_t>(size) != 0) return DataLoss("a tensor has a broken value");
  if (static_cast<int64_t>(bytes.size()) == bytes_expected) {
    return Tensor::Buffer(dtype, std::move(dims), std::move(bytes));
  }
  if (bytes.empty()) bytes.assign(static_cast<size_t>(size), '\0');
  const std::string last = bytes.substr(bytes.size() - static_cast<size_t>(size));
  if (bytes.size() == last.size()) return Tensor::Splat(dtype, std::move(dims), last);
  while (static_cast<int64_t>(bytes.size()) < bytes_expected) bytes += last;
  return Tensor::Buffer(dtype, std::move(dims), std::move(bytes));
}

}  // namespace permafrost
