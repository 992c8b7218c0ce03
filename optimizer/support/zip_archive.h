#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/mapped_file.h"
#include "optimizer/support/status.h"

namespace permafrost {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint32_t crc32 = 0;
  uint64_t size = 0;      // unpacked
  std::string_view data;  // as it lies in the archive
};

// The files in a zip archive's directory. Errors: damaged, names that leave the archive or come twice, encrypted files,
// ways of packing that neither Keras nor NumPy uses.
StatusOr<std::vector<ZipEntry>> ListZip(std::string_view archive);

// Checks the checksum of a stored entry; `owner` gets its pages back.
Status CheckStored(const ZipEntry& entry, const MappedFile* owner);
// The unpacked bytes, at most `most` of them; `owner` gets the pages of the packed ones back.
StatusOr<std::string> Unpack(const ZipEntry& entry, uint64_t most, const MappedFile* owner = nullptr);

bool IsZip(std::string_view bytes);

}  // namespace permafrost
