#include "optimizer/frontend/checkpoint/table_reader.h"

#include <snappy.h>

#include <cstdint>
#include <string>

#include "optimizer/frontend/checkpoint/byte_order.h"
#include "optimizer/support/crc32c.h"

namespace permafrost {
namespace {

constexpr size_t kFooterBytes = 48, kMagicBytes = 8, kTrailerBytes = 5;
constexpr uint64_t kMagic = 0xdb4775248b80fb57;

// Where a block lies: two varints.
struct BlockHandle {
  uint64_t offset = 0, size = 0;
};

bool TakeHandle(std::string_view& bytes, BlockHandle& handle) {
  return TakeVarint(bytes, handle.offset) && TakeVarint(bytes, handle.size);
}

// A block's contents, as they lie in the table or unpacked into `unpacked`.
StatusOr<std::string_view> ReadBlock(std::string_view table, const BlockHandle& handle, std::string& unpacked) {
  const uint64_t most = table.size() - kFooterBytes;
  if (handle.offset > most || handle.size > most - handle.offset ||
      most - handle.offset - handle.size < kTrailerBytes) {
    return DataLoss("a block of ", handle.size, " bytes at ", handle.offset, " is not inside the table");
  }
  const std::string_view contents = table.substr(handle.offset, handle.size);
  const std::string_view trailer = table.substr(handle.offset + handle.size, kTrailerBytes);
  if (MaskCrc(Crc32c(table.substr(handle.offset, handle.size + 1))) != LoadLittle<uint32_t>(trailer.data() + 1)) {
    return DataLoss("the block at ", handle.offset, " has a wrong checksum");
  }
  constexpr char kPlain = 0, kSnappy = 1;
  if (trailer[0] == kPlain) return contents;
  if (trailer[0] != kSnappy) {
    return Unsupported("the block at ", handle.offset, " has compression ", static_cast<int>(trailer[0]),
                       "; expected none (0) or snappy (1)");
  }
  // Snappy's densest element makes 64 bytes of 3: a longer result is a lie.
  size_t length = 0;
  if (!snappy::GetUncompressedLength(contents.data(), contents.size(), &length) || length / 22 > contents.size() ||
      !snappy::Uncompress(contents.data(), contents.size(), &unpacked)) {
    return DataLoss("the block at ", handle.offset, " cannot be unpacked (snappy)");
  }
  return std::string_view(unpacked);
}

// Calls `take` with the entries of one block. Keys share prefixes with the one before; the restart points at the end,
// made for binary search, are only skipped. `key` holds the last key of the block before and must be passed on.
template <class Take>
Status ReadEntries(std::string_view block, std::string& last_key, bool& any, const Take& take) {
  constexpr size_t kWord = sizeof(uint32_t);
  if (block.size() < kWord) return DataLoss("a block is too short");
  const uint64_t restarts = LoadLittle<uint32_t>(block.data() + block.size() - kWord);
  if (restarts > (block.size() - kWord) / kWord) return DataLoss("a block has more restart points than bytes");
  block.remove_suffix(kWord * (static_cast<size_t>(restarts) + 1));
  std::string key;
  while (!block.empty()) {
    uint64_t shared = 0, unshared = 0, value_bytes = 0;
    if (!TakeVarint(block, shared) || !TakeVarint(block, unshared) || !TakeVarint(block, value_bytes) ||
        shared > key.size() || unshared > block.size() || value_bytes > block.size() - unshared) {
      return DataLoss("an entry is not inside its block");
    }
    key.resize(shared);
    key.append(block.substr(0, unshared));
    const std::string_view value = block.substr(unshared, value_bytes);
    block.remove_prefix(unshared + value_bytes);
    if (any && key <= last_key) return DataLoss("the keys are not sorted");
    any = true;
    last_key = key;
    RETURN_IF_ERROR(take(key, value));
  }
  return OkStatus();
}

}  // namespace

bool IsTable(std::string_view bytes) {
  return bytes.size() >= kFooterBytes && LoadLittle<uint64_t>(bytes.data() + bytes.size() - kMagicBytes) == kMagic;
}

Status ReadTable(std::string_view bytes, const std::function<Status(const TableEntry&)>& take) {
  if (!IsTable(bytes)) return DataLoss("is no checkpoint table, or truncated: its end is not that of one");
  std::string_view footer = bytes.substr(bytes.size() - kFooterBytes, kFooterBytes - kMagicBytes);
  BlockHandle meta_index, index;
  if (!TakeHandle(footer, meta_index) || !TakeHandle(footer, index)) return DataLoss("the table's footer is damaged");
  std::string unpacked_index;
  ASSIGN_OR_RETURN(const std::string_view index_block, ReadBlock(bytes, index, unpacked_index));
  std::string last_index_key, last_key, unpacked;
  bool any_index = false, any = false;
  uint64_t end = 0;  // of the last block
  return ReadEntries(index_block, last_index_key, any_index,
                     [&](std::string_view, std::string_view location) -> Status {
                       BlockHandle handle;
                       if (!TakeHandle(location, handle)) return DataLoss("the table's index is damaged");
                       if (handle.offset < end) return DataLoss("two blocks of the table overlap");
                       ASSIGN_OR_RETURN(const std::string_view block, ReadBlock(bytes, handle, unpacked));
                       end = handle.offset + handle.size + kTrailerBytes;
                       const bool in_table = block.data() >= bytes.data() && block.data() < bytes.data() + bytes.size();
                       return ReadEntries(block, last_key, any, [&](std::string_view key, std::string_view value) {
                         return take({key, value, in_table});
                       });
                     });
}

}  // namespace permafrost
