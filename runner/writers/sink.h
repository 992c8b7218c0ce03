#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "optimizer/support/status.h"

namespace permafrost {

// Where lines go.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status Append(std::string_view bytes) = 0;
  virtual int64_t size() const = 0;  // bytes so far, those of earlier runs among them
  virtual Status Sync() = 0;         // what was appended is safe from then on
  virtual Status Finish() = 0;       // nothing comes any more
};

// A stream of the program, flushed line by line.
std::unique_ptr<Sink> StreamSink(std::ostream& stream);

// A file that is there when Finish was called, and not before. Errors: it cannot be written.
StatusOr<std::unique_ptr<Sink>> FileSink(const std::string& path);

// A file that grows, cut to `size` bytes first. Errors: it cannot be written, it is shorter.
StatusOr<std::unique_ptr<Sink>> GrowingFileSink(const std::string& path, int64_t size);

}  // namespace permafrost
