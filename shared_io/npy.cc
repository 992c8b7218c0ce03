#include "shared_io/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kLongestHeader = size_t{1} << 16;
constexpr size_t kMostDims = 32;

struct Descr {
  std::string_view text;
  ElementType type;
};
constexpr std::array<Descr, 12> kDescrs = {{{"|b1", ElementType::kBool},
                                            {"|i1", ElementType::kInt8},
                                            {"<i2", ElementType::kInt16},
                                            {"<i4", ElementType::kInt32},
                                            {"<i8", ElementType::kInt64},
                                            {"|u1", ElementType::kUint8},
                                            {"<u2", ElementType::kUint16},
                                            {"<u4", ElementType::kUint32},
                                            {"<u8", ElementType::kUint64},
                                            {"<f2", ElementType::kHalf},
                                            {"<f4", ElementType::kFloat},
                                            {"<f8", ElementType::kDouble}}};

StatusOr<ElementType> TypeOf(std::string_view descr) {
  for (const Descr& row : kDescrs) {
    const bool one_byte = row.text[0] == '|';
    if (descr.size() == 3 && descr.substr(1) == row.text.substr(1) &&
        (descr[0] == row.text[0] || (one_byte && descr[0] == '<'))) {
      return row.type;
    }
  }
  return Unsupported("npy: elements of type '", descr, "'; give little-endian numbers or bool");
}

// The header is the text of a Python dict with three known keys.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : rest_(text) {}

  Status Read(std::string_view& descr, bool& fortran, std::vector<int64_t>& dims) {
    bool has_descr = false, has_order = false, has_shape = false;
    if (!Take('{')) return Damaged();
    while (!Take('}')) {
      std::string_view key;
      if (!TakeString(key) || !Take(':')) return Damaged();
      if (key == "descr" && !has_descr) {
        has_descr = TakeString(descr);
        if (!has_descr) return Unsupported("npy: structured elements; give a plain array of numbers");
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        fortran = TakeWord("True");
        if (!fortran && !TakeWord("False")) return Damaged();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        if (!TakeTuple(dims)) return Damaged();
      } else {
        return Damaged();
      }
      if (!Take(',') && Peek() != '}') return Damaged();
    }
    return has_descr && has_order && has_shape ? OkStatus() : Damaged();
  }

 private:
  static Status Damaged() {
    return DataLoss("npy: the header is no dict of 'descr', 'fortran_order' and a 'shape' of at most ", kMostDims,
                    " dims");
  }
  char Peek() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n\t"), rest_.size()));
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool Take(char c) {
    if (Peek() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool TakeWord(std::string_view word) {
    Peek();
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool TakeString(std::string_view& value) {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return false;
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) return false;
    value = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool TakeTuple(std::vector<int64_t>& dims) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      Peek();
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), dim);
      if (error != std::errc() || dim < 0 || dims.size() == kMostDims) return false;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      dims.push_back(dim);
      TakeWord("L");  // Python 2 wrote long integers so
      if (!Take(',') && Peek() != ')') return false;
    }
    return true;
  }

  std::string_view rest_;
};

std::string_view DescrOf(ElementType type) {
  return std::find_if(kDescrs.begin(), kDescrs.end(), [&](const Descr& row) { return row.type == type; })->text;
}

}  // namespace

StatusOr<Array> ParseNpy(std::string_view bytes) {
  if (bytes.size() < 10 || bytes.substr(0, 6) != kMagic) return DataLoss("npy: does not start with the magic of .npy");
  const int version = bytes[6];
  if (version < 1 || version > 3) return Unsupported("npy: format version ", version, "; 1, 2 and 3 are known");
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) return DataLoss("npy: ends within its header");
  size_t header_size = 0;
  for (size_t i = length_bytes; i-- > 0;) header_size = header_size << 8 | static_cast<uint8_t>(bytes[8 + i]);
  bytes.remove_prefix(8 + length_bytes);
  if (header_size > kLongestHeader) return DataLoss("npy: a header of ", header_size, " bytes");
  if (header_size > bytes.size()) return DataLoss("npy: ends within its header");

  std::string_view descr;
  bool fortran = false;
  Array array;
  RETURN_IF_ERROR(HeaderReader(bytes.substr(0, header_size)).Read(descr, fortran, array.dims));
  bytes.remove_prefix(header_size);
  ASSIGN_OR_RETURN(array.type, TypeOf(descr));
  ASSIGN_OR_RETURN(const int64_t count, ElementCount(array.dims));
  const int64_t here = static_cast<int64_t>(bytes.size());
  if (count > here || count * ElementSize(array.type) != here) {
    return DataLoss("npy: the header says ", ElementTypeName(array.type), DimsText(array.dims), ", but ", here,
                    " bytes follow");
  }
  array.bytes = bytes;
  if (!fortran || array.dims.size() < 2) return array;
  std::vector<int> reversed;
  for (int axis = static_cast<int>(array.dims.size()); axis-- > 0;) reversed.push_back(axis);
  std::reverse(array.dims.begin(), array.dims.end());
  return TransposeArray(array, reversed);
}

StatusOr<Array> ReadNpy(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  auto array = ParseNpy(file->bytes());
  if (!array.ok()) return WithContext(array.status(), path);
  return array;
}

StatusOr<std::string> NpyBytes(const Array& array) {
  ASSIGN_OR_RETURN(const int64_t count, ElementCount(array.dims));
  const int64_t here = static_cast<int64_t>(array.bytes.size());
  if (count > here || count * ElementSize(array.type) != here) {
    return InvalidArgument("an array of ", ElementTypeName(array.type), DimsText(array.dims), " holds ", here,
                           " bytes");
  }
  std::string header = StrCat("{'descr': '", DescrOf(array.type), "', 'fortran_order': False, 'shape': (");
  for (size_t i = 0; i < array.dims.size(); ++i) {
    header += StrCat(i == 0 ? "" : ", ", array.dims[i], array.dims.size() == 1 ? "," : "");
  }
  header += "), }";
  if (header.size() > 60000) return InvalidArgument("npy: too many dims to write");
  header.append(63 - (header.size() + 10) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  return bytes + header + array.bytes;
}

Status WriteNpy(const std::string& path, const Array& array) {
  auto bytes = NpyBytes(array);
  if (!bytes.ok()) return WithContext(bytes.status(), path);
  return WriteFileAtomically(path, *bytes);
}

}  // namespace permafrost
