#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

// How checkpoint files write numbers.
namespace permafrost {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and read as they lie");

template <class T>
T LoadLittle(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Takes a varint off the front. False at damage; `bytes` is then not to be used.
inline bool TakeVarint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace permafrost
