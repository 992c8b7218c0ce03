#include "optimizer/frontend/onnx/onnx_tensor.h"

#include <charconv>
#include <cstring>

#include "optimizer/frontend/checkpoint/byte_order.h"
#include "optimizer/frontend/onnx/onnx_file.h"
#include "optimizer/proto/wire.h"

namespace permafrost::from_onnx {
namespace {

enum Field {
  kDims = 1,
  kDataType = 2,
  kSegment = 3,
  kFloatData = 4,
  kInt32Data = 5,
  kStringData = 6,
  kInt64Data = 7,
  kRawData = 9,
  kDoubleData = 10,
  kUint64Data = 11,
  kExternalData = 13,
  kDataLocation = 14,
};

// In which list the values of a type are, when they are not raw.
int ListOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kComplex64: return kFloatData;
    case DType::kFloat64:
    case DType::kComplex128: return kDoubleData;
    case DType::kInt64: return kInt64Data;
    case DType::kUint32:
    case DType::kUint64: return kUint64Data;
    case DType::kString: return kStringData;
    default: return kInt32Data;  // also halves, as their bits
  }
}

struct Place {
  std::string_view location;
  int64_t offset = 0, length = -1;
};

StatusOr<int64_t> ReadNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return InvalidArgument("'", text, "' is no offset or length of external data");
  }
  return number;
}

// A StringStringEntryProto of external_data.
Status ReadEntry(std::string_view wire, Place& place) {
  std::string_view key, value;
  WireScanner scan(wire);
  WireField field;
  while (scan.Next(field)) {
    if (field.number == 1) key = field.bytes;
    if (field.number == 2) value = field.bytes;
  }
  if (!scan.ok()) return DataLoss("its external data are damaged");
  if (key == "location") place.location = value;
  if (key == "offset") {
    ASSIGN_OR_RETURN(place.offset, ReadNumber(value));
  }
  if (key == "length") {
    ASSIGN_OR_RETURN(place.length, ReadNumber(value));
  }
  return OkStatus();
}

struct Parts {
  DType dtype = DType::kInvalid;
  std::vector<int64_t> dims;
  std::string_view raw;
  bool has_raw = false, external = false;
  Place place;
};

StatusOr<Parts> ReadParts(std::string_view wire) {
  Parts parts;
  int64_t type = 0;
  WireScanner scan(wire);
  WireField field;
  while (scan.Next(field)) {
    switch (field.number) {
      case kDims:
        if (!field.is_bytes) {
          parts.dims.push_back(static_cast<int64_t>(field.varint));
        } else {
          for (uint64_t dim = 0; !field.bytes.empty(); parts.dims.push_back(static_cast<int64_t>(dim))) {
            if (!TakeVarint(field.bytes, dim)) return DataLoss("a tensor's dims are damaged");
          }
        }
        break;
      case kDataType: type = static_cast<int64_t>(field.varint); break;
      case kSegment: return Unsupported("a tensor is stored in segments");
      case kRawData:
        parts.raw = field.bytes;
        parts.has_raw = field.is_bytes;
        break;
      case kExternalData: RETURN_IF_ERROR(ReadEntry(field.bytes, parts.place)); break;
      case kDataLocation: parts.external = field.varint == 1; break;
      default: break;
    }
  }
  constexpr size_t kMaxRank = 64;
  if (!scan.ok() || parts.dims.size() > kMaxRank) return DataLoss("a tensor is damaged");
  parts.dtype = DTypeFromOnnx(type);
  if (parts.dtype == DType::kInvalid) return Unsupported("a tensor has the element type ", type, " of ONNX");
  return parts;
}

StatusOr<Tensor> FromExternal(Parts parts, int64_t bytes_expected, const TensorSource& source) {
  ASSIGN_OR_RETURN(const auto file, source.external.Open(parts.place.location));
  const auto size = static_cast<int64_t>(file->bytes().size());
  const int64_t length = parts.place.length < 0 ? bytes_expected : parts.place.length;
  if (length != bytes_expected) {
    return DataLoss("a tensor of shape ", Shape(parts.dims).ToString(), " and dtype ", NameOf(parts.dtype), " has ", length,
                    " bytes in '", parts.place.location, "', expected ", bytes_expected);
  }
  if (parts.place.offset > size || length > size - parts.place.offset) {
    return DataLoss("its data are said to be bytes ", parts.place.offset, " to ", parts.place.offset, " + ", length, " of '",
                    parts.place.location, "', which has ", size);
  }
  const std::string_view bytes =
      file->bytes().substr(static_cast<size_t>(parts.place.offset), static_cast<size_t>(length));
  return Tensor::View(parts.dtype, std::move(parts.dims), file, bytes);
}

// Typed lists: fixed width as they are, varints cut to the width of the type.
StatusOr<Tensor> FromList(std::string_view wire, Parts parts, int64_t elements) {
  const int list = ListOf(parts.dtype);
  const bool fixed = list == kFloatData || list == kDoubleData, is_string = parts.dtype == DType::kString;
  const auto width = static_cast<size_t>(SizeOf(parts.dtype));
  const size_t piece = list == kFloatData ? sizeof(float) : sizeof(double), expected = static_cast<size_t>(elements) * width;
  std::string bytes;
  std::vector<std::string> strings;
  const auto append = [&](uint64_t value, size_t count) {  // little-endian, as the machine is
    char raw[sizeof(value)];
    std::memcpy(raw, &value, sizeof(value));
    bytes.append(raw, count);
  };
  WireScanner scan(wire);
  WireField field;
  while (scan.Next(field)) {
    if (field.number != list) continue;
    if (is_string) {
      strings.emplace_back(field.bytes);
    } else if (!field.is_bytes) {
      append(field.varint, fixed ? piece : width);
    } else if (fixed) {
      bytes.append(field.bytes);
    } else {
      for (uint64_t value = 0; !field.bytes.empty() && bytes.size() <= expected; append(value, width)) {
        if (!TakeVarint(field.bytes, value)) return DataLoss("a tensor has damaged values");
      }
    }
    if (bytes.size() > expected || static_cast<int64_t>(strings.size()) > elements) break;
  }
  const bool fits = is_string ? static_cast<int64_t>(strings.size()) == elements : bytes.size() == expected;
  if (!fits) {
    return DataLoss("a tensor of shape ", Shape(parts.dims).ToString(), " and dtype ", NameOf(parts.dtype),
                    " has another number of values than elements");
  }
  if (is_string) return Tensor::Strings(std::move(parts.dims), std::move(strings));
  return Tensor::Buffer(parts.dtype, std::move(parts.dims), std::move(bytes));
}

}  // namespace

StatusOr<Tensor> ReadOnnxTensor(std::string_view wire, const TensorSource& source) {
  ASSIGN_OR_RETURN(Parts parts, ReadParts(wire));
  const int64_t width = SizeOf(parts.dtype), elements = CheckedElements(parts.dims);
  if (elements < 0 || elements > source.limits.max_tensor_bytes / std::max<int64_t>(1, width)) {
    return ResourceExhausted("a tensor of shape ", Shape(parts.dims).ToString(), " and dtype ", NameOf(parts.dtype),
                             " is above the limit of ", source.limits.max_tensor_bytes, " bytes (--max-tensor-bytes)");
  }
  if (parts.external) return FromExternal(std::move(parts), elements * width, source);
  if (!parts.has_raw || parts.dtype == DType::kString) return FromList(wire, std::move(parts), elements);
  if (static_cast<int64_t>(parts.raw.size()) != elements * width) {
    if (parts.raw.empty()) return FromList(wire, std::move(parts), elements);
    return DataLoss("a tensor of shape ", Shape(parts.dims).ToString(), " and dtype ", NameOf(parts.dtype), " has ",
                    parts.raw.size(), " bytes, expected ", elements * width);
  }
  if (source.file != nullptr) return Tensor::View(parts.dtype, std::move(parts.dims), source.file, parts.raw);
  return Tensor::Buffer(parts.dtype, std::move(parts.dims), std::string(parts.raw));
}

}  // namespace permafrost::from_onnx
