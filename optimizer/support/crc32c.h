#pragma once

#include <cstdint>
#include <string_view>

namespace permafrost {

// CRC-32C (Castagnoli) of `bytes`, continuing from `before`, the checksum of what precedes them.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// The form in which leveldb and TensorFlow store it, so that a checksum of data with checksums in them stays good.
inline uint32_t MaskCrc(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

}  // namespace permafrost
