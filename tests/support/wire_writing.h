#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Protobuf's wire format by hand, for messages that no protobuf library would write.
namespace permafrost::wire {

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string Number(int field, uint64_t value) { return Varint(static_cast<uint64_t>(field) << 3) + Varint(value); }
inline std::string Bytes(int field, std::string_view bytes) {
  return Varint(static_cast<uint64_t>(field) << 3 | 2) + Varint(bytes.size()) + std::string(bytes);
}
template <class T>
std::string Raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
// A float or double on its own, not packed.
template <class T>
std::string Fixed(int field, T value) {
  return Varint(static_cast<uint64_t>(field) << 3 | (sizeof value == 4 ? 5 : 1)) + Raw(value);
}

}  // namespace permafrost::wire
