#include "runner/pipeline/resume.h"

namespace permafrost {
namespace {

constexpr std::chrono::milliseconds kCommitEvery(100);
constexpr std::chrono::seconds kSyncEvery(10);  // the files of items: a kill does not touch them, a power cut may
constexpr int kMostOfTheTime = 10;              // making things safe takes at most a tenth of it

}  // namespace

StatusOr<Resume> Resume::Open(const std::string& output, const std::string& flags) {
  Resume resume;
  resume.output_ = output;
  ASSIGN_OR_RETURN(resume.before_, ReadJournal(output));
  if (resume.before_.items > 0 && resume.before_.flags != flags) {
    return InvalidArgument(output,
                           ": was begun with other flags or another model; remove it and its journal to begin anew");
  }
  resume.now_.flags = flags;
  resume.now_.failed = resume.before_.failed;
  resume.now_.bytes = resume.before_.bytes;
  // Before the output is there: one without a journal is somebody else's.
  if (resume.before_.items == 0) RETURN_IF_ERROR(WriteJournal(output, resume.now_));
  resume.committed_ = resume.synced_ = std::chrono::steady_clock::now();
  return resume;
}

Status Resume::Skipped(const std::string& name) {
  now_.names = AddName(now_.names, name);
  if (++now_.items < before_.items || now_.names == before_.names) return OkStatus();
  return InvalidArgument(output_, ": was begun with other inputs; remove it and its journal to begin anew");
}

Status Resume::Written(const FinishedItem& item, Sink& sink, const Writers& writers) {
  now_.names = AddName(now_.names, item.name);
  ++now_.items;
  if (!item.status.ok()) ++now_.failed;
  now_.bytes = sink.size();
  const auto now = std::chrono::steady_clock::now();
  const auto too_soon = [&](auto last, auto every, auto took) {
    return now - last < every || now - last < kMostOfTheTime * took;
  };
  if (too_soon(committed_, kCommitEvery, commit_took_)) return OkStatus();
  return too_soon(synced_, kSyncEvery, sync_took_) ? Commit(sink, {}) : Commit(sink, writers);
}

Status Resume::Commit(Sink& sink, const Writers& writers) {
  if (now_.items < before_.items) return OkStatus();  // ended among those that are counted already
  const auto start = std::chrono::steady_clock::now();
  for (const auto& writer : writers) RETURN_IF_ERROR(writer->Sync());
  const auto synced = std::chrono::steady_clock::now();
  if (!writers.empty()) {
    synced_ = synced;
    sync_took_ = synced - start;
  }
  RETURN_IF_ERROR(sink.Sync());
  RETURN_IF_ERROR(WriteJournal(output_, now_));
  committed_ = std::chrono::steady_clock::now();
  commit_took_ = committed_ - synced;
  return OkStatus();
}

}  // namespace permafrost
