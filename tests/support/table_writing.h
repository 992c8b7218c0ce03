#pragma once

#include <snappy.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/support/crc32c.h"
#include "tests/support/wire_writing.h"

// Leveldb's table format by hand, so that it can also be written wrongly.
namespace permafrost::table {

using Entries = std::vector<std::pair<std::string, std::string>>;

inline std::string BlockOf(const Entries& entries) {
  std::string block, last;
  for (const auto& [key, value] : entries) {
    size_t shared = 0;
    while (shared < std::min(last.size(), key.size()) && last[shared] == key[shared]) ++shared;
    block += wire::Varint(shared) + wire::Varint(key.size() - shared) + wire::Varint(value.size()) +
             key.substr(shared) + value;
    last = key;
  }
  return block + wire::Raw<uint32_t>(0) + wire::Raw<uint32_t>(1);
}

inline std::string Trailer(std::string_view block, char type) {
  const std::string covered = std::string(block) + type;
  return std::string(1, type) + wire::Raw(MaskCrc(Crc32c(covered)));
}

inline std::string Footer(uint64_t index_offset, uint64_t index_size) {
  std::string footer = wire::Varint(0) + wire::Varint(0) + wire::Varint(index_offset) + wire::Varint(index_size);
  footer.resize(40);
  return footer + wire::Raw<uint64_t>(0xdb4775248b80fb57);
}

// Data blocks as given, then the index, then the footer.
inline std::string TableOfBlocks(const std::vector<std::string>& blocks, const std::vector<std::string>& last_keys,
                                 char type = 0) {
  std::string table;
  Entries index;
  for (size_t i = 0; i < blocks.size(); ++i) {
    index.emplace_back(last_keys[i], wire::Varint(table.size()) + wire::Varint(blocks[i].size()));
    table += blocks[i] + Trailer(blocks[i], type);
  }
  const std::string block = BlockOf(index);
  const size_t offset = table.size();
  return table + block + Trailer(block, 0) + Footer(offset, block.size());
}

inline std::string Snappy(std::string_view bytes) {
  std::string packed;
  snappy::Compress(bytes.data(), bytes.size(), &packed);
  return packed;
}

// `per_block` entries to a block.
inline std::string TableOf(const Entries& entries, size_t per_block = 3, bool compressed = false) {
  std::vector<std::string> blocks, keys;
  for (size_t first = 0; first < entries.size(); first += per_block) {
    const size_t last = std::min(entries.size(), first + per_block);
    const std::string block = BlockOf(Entries(entries.begin() + static_cast<std::ptrdiff_t>(first),
                                              entries.begin() + static_cast<std::ptrdiff_t>(last)));
    blocks.push_back(compressed ? Snappy(block) : block);
    keys.push_back(entries[last - 1].first);
  }
  return TableOfBlocks(blocks, keys, compressed ? 1 : 0);
}

}  // namespace permafrost::table
