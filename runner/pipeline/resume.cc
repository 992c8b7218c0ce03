#include "runner/pipeline/resume.h"

namespace permafrost {
namespace {

constexpr std::chrono::milliseconds kCommitEvery(200);
constexpr int kMostOfTheTime = 10;  // making things safe takes at most a tenth of it

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
  resume.committed_ = std::chrono::steady_clock::now();
  return resume;
}

Status Resume::Skipped(const std::string& name) {
  now_.names = AddName(now_.names, name);
  if (++now_.items < before_.items || now_.names == before_.names) return OkStatus();
  return InvalidArgument(output_, ": was begun with other inputs; remove it and its journal to begin anew");
}

Status Resume::Written(const Finished& item, Sink& sink, const std::vector<std::unique_ptr<Writer>>& writers) {
  now_.names = AddName(now_.names, item.name);
  ++now_.items;
  if (!item.status.ok()) ++now_.failed;
  now_.bytes = sink.size();
  const auto since = std::chrono::steady_clock::now() - committed_;
  if (since < kCommitEvery || since < kMostOfTheTime * commit_took_) return OkStatus();
  return Commit(sink, writers);
}

Status Resume::Commit(Sink& sink, const std::vector<std::unique_ptr<Writer>>& writers) {
  const auto start = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(sink.Sync());
  for (const auto& writer : writers) RETURN_IF_ERROR(writer->Sync());
  RETURN_IF_ERROR(WriteJournal(output_, now_));
  committed_ = std::chrono::steady_clock::now();
  commit_took_ = committed_ - start;
  return OkStatus();
}

}  // namespace permafrost
