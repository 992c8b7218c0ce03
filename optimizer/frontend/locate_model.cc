#include "optimizer/frontend/locate_model.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "optimizer/frontend/checkpoint/open_checkpoint.h"
#include "optimizer/frontend/checkpoint/table_reader.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::optional<fs::path> SavedModelIn(const fs::path& folder) {
  for (const char* name : {"saved_model.pb", "saved_model.pbtxt"}) {
    if (IsFile(folder / name)) return folder / name;
  }
  return std::nullopt;
}

// Exports are numbered, by time or by hand.
std::optional<fs::path> NewestExportIn(const fs::path& folder) {
  const auto number = [](const fs::path& path) {
    std::string digits = path.filename().string();
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
    return std::pair(digits.size(), digits);  // orders as the numbers do, of any length
  };
  std::optional<fs::path> newest;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos || !SavedModelIn(it->path())) continue;
    if (!newest || number(*newest) < number(it->path())) newest = it->path();
  }
  return newest;
}

// A file that is a checkpoint, or names one.
bool IsCheckpointFile(const std::string& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return false;
  if (IsTable((*file)->bytes()) || (*file)->bytes().starts_with("model_checkpoint_path:")) return true;
  if (fs::path(path).filename().string().find(".data-") == std::string::npos) return false;
  const auto prefix = ResolveCheckpoint(path);
  return prefix.ok() && *prefix != path && HasCheckpoint(*prefix);
}

StatusOr<ModelPlace> BesideCheckpoint(const std::string& path, const std::string& prefix) {
  const fs::path folder = fs::path(prefix).parent_path();
  const std::string shown = prefix == path ? "it" : prefix;
  ModelPlace place;
  place.checkpoint = prefix;
  // The variables of a SavedModel.
  if (fs::path(prefix).filename() == "variables" && folder.filename() == "variables") {
    if (const auto model = SavedModelIn(folder.parent_path())) {
      place.graph = model->string();
      return place;
    }
  }
  for (const std::string& graph :
       {prefix + ".meta", (folder / "graph.pbtxt").string(), (folder / "graph.pb").string()}) {
    if (!IsFile(graph)) continue;
    place.graph = graph;
    place.notes.push_back(StrCat("takes the graph from ", fs::path(graph).filename().string(),
                                 " and the variables from ", fs::path(prefix).filename().string()));
    return place;
  }
  return NotFound(path, ": is a checkpoint, which holds the variables but no graph, and none lies beside ", shown,
                  ": looked for ", fs::path(prefix).filename().string(),
                  ".meta and graph.pbtxt; give the graph, and this with --checkpoint");
}

StatusOr<ModelPlace> InFolder(const std::string& path) {
  if (const auto model = SavedModelIn(path)) return ModelPlace{model->string(), "", {}};
  if (const auto newest = NewestExportIn(path)) {
    return ModelPlace{
        SavedModelIn(*newest)->string(), "", {StrCat("takes export ", newest->filename().string(), ", the newest")}};
  }
  const auto prefix = ResolveCheckpoint(path);
  if (prefix.ok()) return BesideCheckpoint(path, *prefix);
  if (!absl::IsNotFound(prefix.status()) || IsFile(fs::path(path) / "checkpoint")) return prefix.status();
  return NotFound(path,
                  ": is a directory without a model: looked for saved_model.pb, numbered folders that hold one, and "
                  "a checkpoint (.index, or a file named checkpoint) with its graph");
}

}  // namespace

StatusOr<ModelPlace> LocateModel(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return InFolder(path);
  if (!IsFile(path)) {
    if (HasCheckpoint(path)) return BesideCheckpoint(path, path);
  } else if (IsCheckpointFile(path)) {
    ASSIGN_OR_RETURN(const std::string prefix, ResolveCheckpoint(path));
    return BesideCheckpoint(path, prefix);
  }
  return ModelPlace{path, "", {}};
}

}  // namespace permafrost
