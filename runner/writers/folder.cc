#include "runner/writers/folder.h"

#include <filesystem>

namespace permafrost {

Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!std::filesystem::is_directory(path)) {
    return InvalidArgument(path, ": the folder cannot be made", error ? ": " + error.message() : "");
  }
  return OkStatus();
}

}  // namespace permafrost
