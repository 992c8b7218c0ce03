#include "optimizer/frontend/onnx/external_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace permafrost::from_onnx {

namespace fs = std::filesystem;

StatusOr<std::shared_ptr<const MappedFile>> ExternalFiles::Open(std::string_view location) {
  if (const auto found = files_.find(location); found != files_.end()) return found->second;
  if (folder_.empty()) return InvalidArgument("its data lie in another file, '", location, "', but it is no file itself");
  const fs::path asked{std::string(location)};
  const bool climbs = std::any_of(asked.begin(), asked.end(), [](const fs::path& part) { return part == ".."; });
  if (location.empty() || asked.is_absolute() || climbs || location.find('\0') != std::string_view::npos) {
    return InvalidArgument("its data are said to lie in '", location, "', which is no path inside the model's folder");
  }
  std::error_code error;
  const fs::path folder = fs::canonical(folder_, error);
  if (error) return NotFound(folder_, ": ", error.message());
  const fs::path real = fs::canonical(folder / asked, error);
  if (error) return NotFound("its data lie in '", location, "', which is missing beside the model");
  // A link may point anywhere.
  if (std::mismatch(folder.begin(), folder.end(), real.begin(), real.end()).first != folder.end()) {
    return InvalidArgument("its data are said to lie in '", location, "', which leads out of the model's folder");
  }
  if (!fs::is_regular_file(real, error)) return InvalidArgument("'", location, "' is no regular file");
  ASSIGN_OR_RETURN(auto file, MappedFile::Open(real.string()));
  files_.emplace(std::string(location), file);
  return file;
}

std::vector<std::string> ExternalFiles::opened() const {
  std::vector<std::string> paths;
  for (const auto& entry : files_) paths.push_back((fs::path(folder_) / entry.first).string());
  return paths;
}

}  // namespace permafrost::from_onnx
