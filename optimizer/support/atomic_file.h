#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/sha256.h"
#include "optimizer/support/status.h"

namespace permafrost {

// Writes beside the target, syncs, renames: the target is either the old file or the whole new one.
// Destroyed without Rename, it leaves nothing behind. Its SHA-256 is taken while the bytes pass.
class AtomicFile {
 public:
  // A symbolic link is followed. Errors: the folder is missing or not writable, the target is a directory, device or pipe.
  static StatusOr<std::unique_ptr<AtomicFile>> Create(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  Status Write(std::string_view bytes);  // errors are kept: the first one comes back from every later call
  // Flushes and syncs; after this the hash is known and only the rename can fail.
  Status Finish();
  Status Rename();  // Finish first
  // All, or none: a failure puts back what the names held before.
  static Status RenameAll(const std::vector<AtomicFile*>& files);
  const std::string& sha256() const { return digest_; }
  const std::string& temporary_path() const { return temporary_; }  // where the bytes lie between Finish and Rename
  int64_t size() const { return size_; }

 private:
  AtomicFile(std::string path, std::string temporary, int fd);
  std::string path_, temporary_, buffer_, digest_;
  Sha256 hash_;
  Status error_;
  int64_t size_ = 0, flushed_ = 0;
  int fd_;
  bool finished_ = false;
  Status WriteBuffer();
  Status Flush();
  std::string backup_path() const;
  bool Backup() const;  // is there an old file, under a second name now?
};

// The whole of a small file at once.
Status WriteFileAtomically(const std::string& path, std::string_view bytes);

}  // namespace permafrost
