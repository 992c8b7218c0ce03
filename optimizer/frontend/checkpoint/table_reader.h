#pragma once

#include <functional>
#include <string_view>

#include "optimizer/support/status.h"

namespace permafrost {

struct TableEntry {
  std::string_view key;    // valid during the call
  std::string_view value;  // valid during the call; as long as the table's bytes if `in_table`
  bool in_table = false;
};

// True if the bytes end as such a table does.
bool IsTable(std::string_view bytes);

// Calls `take` with every entry of a table in leveldb's format (a checkpoint's .index, or a whole V1 checkpoint), in
// order, until the end or an error. Every block's checksum is verified; blocks are plain or snappy.
// Format: leveldb's doc/table_format.md; tensorflow/core/lib/io/table.cc is the same.
// Errors: damage of any kind, keys out of order, blocks that overlap, an unknown compression.
Status ReadTable(std::string_view bytes, const std::function<Status(const TableEntry&)>& take);

}  // namespace permafrost
