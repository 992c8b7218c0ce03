#include "optimizer/frontend/checkpoint/slice_key.h"

namespace permafrost {
namespace {

// A count of bytes, then the bytes, highest first.
void AppendNumber(std::string& key, uint64_t number) {
  std::string bytes;
  for (; number > 0; number >>= 8) bytes.insert(bytes.begin(), static_cast<char>(number & 0xff));
  key += static_cast<char>(bytes.size());
  key += bytes;
}

void AppendString(std::string& key, std::string_view text) {
  for (char c : text) {
    key += c;
    if (c == '\0') key += '\xff';
    if (c == '\xff') key += '\0';
  }
  key += '\0';
  key += '\1';
}

// Two's complement, highest byte first, in as few bytes as hold it with 7 bits each; the first bits, turned over for
// non-negative numbers, tell how many bytes there are.
void AppendSigned(std::string& key, int64_t number) {
  const auto bits = static_cast<uint64_t>(number);
  const uint64_t magnitude = number < 0 ? ~bits : bits;
  int width = 0;
  while (width < 64 && (magnitude >> width) != 0) ++width;
  const int length = 1 + width / 7;
  constexpr int kMostBytes = 10;
  unsigned char bytes[kMostBytes];
  for (int i = 0; i < kMostBytes; ++i) {
    const int shift = 8 * (kMostBytes - 1 - i);
    bytes[i] = shift < 64 ? static_cast<unsigned char>(bits >> shift) : (number < 0 ? 0xff : 0);
  }
  unsigned char* const first = bytes + kMostBytes - length;
  // `length` ones from the top.
  const unsigned header = (0xffff0000U >> length) & 0xffff;
  first[0] ^= static_cast<unsigned char>(header >> 8);
  if (length > 1) first[1] ^= static_cast<unsigned char>(header & 0xff);
  key.append(reinterpret_cast<const char*>(first), static_cast<size_t>(length));
}

}  // namespace

std::string SliceKey(std::string_view name, const TensorSlice& slice) {
  std::string key;
  AppendNumber(key, 0);
  AppendString(key, name);
  AppendNumber(key, slice.start.size());
  for (size_t i = 0; i < slice.start.size(); ++i) {
    AppendSigned(key, slice.start[i]);
    AppendSigned(key, slice.length[i]);
  }
  return key;
}

}  // namespace permafrost
