#include "runner/tool/keep_inputs.h"

#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>

#include "shared_io/paths.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

std::string Plain(const std::string& path) {
  std::error_code ignored;
  return fs::absolute(path, ignored).lexically_normal().string();
}

bool AreOneFile(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return Plain(a) == Plain(b) || (fs::is_regular_file(a, ignored) && fs::equivalent(a, b, ignored));
}

}  // namespace

Status KeepInputs(const RunFlags& flags, const std::vector<Item>& items) {
  std::vector<std::pair<std::string, std::string>> written;  // flag, file
  std::error_code ignored;
  const bool draws_file = !flags.draw.empty() && fs::path(flags.draw).has_extension() && !fs::is_directory(flags.draw, ignored);
  if (!flags.out.empty()) written.emplace_back("--out", flags.out);
  if (draws_file) written.emplace_back("--draw", flags.draw);
  if (written.size() == 2 && AreOneFile(flags.out, flags.draw)) return InvalidArgument("--out, --draw: ", flags.out, " cannot be both");

  std::vector<std::string> read = {flags.model,      ModelInfoPath(flags.model), flags.session.config, flags.labels, flags.parts,
                                   flags.models_yml, flags.anchors,              flags.decoder};
  read.insert(read.end(), flags.lists.begin(), flags.lists.end());
  for (const auto& [flag, path] : written) {
    for (const std::string& file : read) {
      if (!file.empty() && AreOneFile(path, file)) return InvalidArgument(flag, " ", path, ": this run reads it; name another file");
    }
  }

  std::unordered_map<std::string, std::string> targets;  // path, flag
  for (const auto& [flag, path] : written) targets.emplace(Plain(path), flag);
  const auto add = [&](const std::string& flag, const std::string& folder, const Item& item, const char* suffix) {
    if (!folder.empty()) targets.emplace(Plain(folder + "/" + item.file_name + suffix), flag);
  };
  for (const Item& item : items) {
    add("--draw", draws_file ? "" : flags.draw, item, ".png");
    add("--save-npz", flags.save_npz, item, ".npz");
  }
  if (targets.empty()) return OkStatus();
  for (const Item& item : items) {
    for (const auto& [input, path] : item.files) {
      const auto found = targets.find(Plain(path));
      if (found == targets.end()) continue;
      return InvalidArgument(found->second, ": would write over ", path, ", which this run reads; name another place");
    }
  }
  return OkStatus();
}

}  // namespace permafrost
