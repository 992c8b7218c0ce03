#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/pipeline/journal.h"
#include "runner/writers/writer.h"

namespace permafrost {

// Lets a run that was ended in any way go on where it was: keeps the journal of one output. What is counted there is on
// the disk; what is not is cut off and made again, so that no item is lost and none comes twice.
class Resume {
 public:
  using Writers = std::vector<std::unique_ptr<Writer>>;

  // `flags`: a digest of all that shapes the output besides the items. Errors: those of ReadJournal; other flags.
  static StatusOr<Resume> Open(const std::string& output, const std::string& flags);

  const JournalEntry& before() const { return before_; }

  // For the items that were written before. Errors: they are not those that the journal counts.
  Status Skipped(const std::string& name);
  // After an item was written. A few times a second what was written is made safe and counted; files that writers
  // make for each item are synced every few seconds.
  Status Written(const FinishedItem& item, Sink& sink, const Writers& writers);
  // Also syncs what those writers made.
  Status Commit(Sink& sink, const Writers& writers);

 private:
  std::string output_;
  JournalEntry before_, now_;
  std::chrono::steady_clock::time_point committed_, synced_;
  std::chrono::steady_clock::duration commit_took_{}, sync_took_{};
};

}  // namespace permafrost
