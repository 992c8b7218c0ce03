#include "optimizer/pipeline/source_hash.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "optimizer/support/sha256.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

fs::path CommonFolder(const fs::path& a, const fs::path& b) {
  fs::path common;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end() && *x == *y; ++x, ++y) common /= *x;
  return common;
}

}  // namespace

StatusOr<std::string> Sha256OfSource(const std::vector<std::string>& files) {
  if (files.size() == 1) return Sha256OfFile(files[0]);
  std::vector<fs::path> paths;
  for (const std::string& file : files) paths.push_back(fs::absolute(file).lexically_normal());
  fs::path folder = paths.empty() ? fs::path() : paths[0].parent_path();
  for (const fs::path& path : paths) folder = CommonFolder(folder, path.parent_path());
  std::map<std::string, std::string> hashes;
  for (const fs::path& path : paths) {
    ASSIGN_OR_RETURN(hashes[path.lexically_relative(folder).generic_string()], Sha256OfFile(path.string()));
  }
  Sha256 list;
  for (const auto& [path, hash] : hashes) list.Add(StrCat(hash, "  ", path, "\n"));
  return list.HexDigest();
}

}  // namespace permafrost
