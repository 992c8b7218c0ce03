#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

// A folder that fills with files, each of them whole or not there. Syncing each would cost more than making most of
// them: Sync does it for all since the last one.
class OutputFolder {
 public:
  // Makes the folder and those above it. Errors: it cannot be made or written, a file is in the way.
  static StatusOr<OutputFolder> Make(const std::string& path);

  Status Write(const std::string& name, std::string_view bytes);
  Status Sync();  // what was written stays, whatever happens to the machine

 private:
  std::string path_;
  std::vector<std::string> unsynced_;
};

}  // namespace permafrost
