#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "optimizer/support/status.h"

namespace permafrost {

// How far a run has come that writes `output` (say results.jsonl): beside it, in results.jsonl.journal. Items are
// written in their order, so that a count is all it takes; what the output holds beyond `bytes` belongs to items that
// are not counted yet and is cut off when the run goes on.
struct JournalEntry {
  int64_t items = 0;  // written, failed ones among them
  int64_t failed = 0;
  int64_t bytes = 0;  // of the output
  std::string names;  // a digest of the items' names: these items were written, not others
  std::string flags;  // a digest of what else shapes the output
};

std::string JournalPath(const std::string& output);

// A file that does not exist gives an entry of zero items. Errors: damaged, or the output is shorter than it says.
StatusOr<JournalEntry> ReadJournal(const std::string& output);
// Whole or not at all. The output's bytes must be on the disk before.
Status WriteJournal(const std::string& output, const JournalEntry& entry);

// The digest after one more name.
std::string AddName(std::string_view digest, std::string_view name);

}  // namespace permafrost
