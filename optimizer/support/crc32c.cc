#include "optimizer/support/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace permafrost {

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
  constexpr size_t kMostAtOnce = size_t{1} << 30;  // the library counts in int
  uint32_t crc = ~before;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, std::min(bytes.size(), kMostAtOnce));
    crc = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(part.data())), static_cast<int>(part.size()),
                      crc);
    bytes.remove_prefix(part.size());
  }
  return ~crc;
}

}  // namespace permafrost
