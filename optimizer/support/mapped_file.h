#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "optimizer/support/status.h"

namespace permafrost {

// A file mapped read-only. Weights of a model are views into it, so it lives as long as the last view (shared_ptr).
// The file must not shrink while mapped.
class MappedFile {
 public:
  // Errors: not found, a directory, not readable, empty.
  static StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  // Tells the kernel that these bytes are not needed again soon: their pages leave this process's resident set.
  // Reading them later still works.
  void Release(std::string_view part) const;

 private:
  MappedFile(std::string path, const char* data, size_t size) : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  const char* data_;
  size_t size_;
};

}  // namespace permafrost
