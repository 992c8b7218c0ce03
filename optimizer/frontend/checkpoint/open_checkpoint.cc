#include "optimizer/frontend/checkpoint/open_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include "optimizer/frontend/checkpoint/bundle_reader.h"
#include "optimizer/frontend/checkpoint/table_reader.h"
#include "optimizer/frontend/checkpoint/v1_reader.h"
#include "optimizer/proto/text.h"
#include "optimizer/support/mapped_file.h"
#include "permafrost/checkpoint.pb.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Source = std::shared_ptr<const VariableSource>;

bool IsFile(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// What follows "model.ckpt" in "model.ckpt.data-00000-of-00001" and, of V1, in "model.ckpt-00000-of-00004".
bool IsShardSuffix(std::string_view suffix) {
  const size_t of = suffix.find("-of-");
  return suffix.starts_with('-') && of != std::string_view::npos && AllDigits(suffix.substr(1, of - 1)) &&
         AllDigits(suffix.substr(of + 4));
}

std::optional<std::string> PrefixOfDataFile(const std::string& path) {
  constexpr std::string_view kData = ".data";
  const size_t at = path.rfind(kData);
  if (at == std::string::npos || !IsShardSuffix(std::string_view(path).substr(at + kData.size()))) return std::nullopt;
  return path.substr(0, at);
}

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? fs::path(".") : folder, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsTableFile(const std::string& path) {
  const auto file = MappedFile::Open(path);
  return file.ok() && IsTable((*file)->bytes());
}

std::vector<std::string> V1Files(const std::string& prefix) {
  if (IsFile(prefix)) return IsTableFile(prefix) ? std::vector<std::string>{prefix} : std::vector<std::string>();
  const fs::path folder = fs::path(prefix).parent_path();
  const std::string stem = fs::path(prefix).filename().string();
  std::vector<std::string> files;
  for (const std::string& name : NamesIn(folder)) {
    if (name.starts_with(stem) && IsShardSuffix(std::string_view(name).substr(stem.size())))
      files.push_back((folder / name).string());
  }
  return files;
}

StatusOr<Source> OpenPrefix(const std::string& prefix, const Limits& limits) {
  if (IsFile(prefix + ".index")) {
    ASSIGN_OR_RETURN(auto bundle, OpenBundle(prefix, limits));
    return Source(std::move(bundle));
  }
  const std::vector<std::string> files = V1Files(prefix);
  if (files.empty())
    return NotFound(prefix, ": no checkpoint: neither ", prefix, ".index nor a V1 checkpoint is there");
  ASSIGN_OR_RETURN(auto checkpoint, OpenV1Checkpoint(files, limits));
  return Source(std::move(checkpoint));
}

// As the state file has it if that stays in the folder, else the name alone.
std::string ResolveBeside(const fs::path& folder, const fs::path& stored) {
  const bool stays = stored.is_relative() && std::count(stored.begin(), stored.end(), fs::path("..")) == 0;
  const std::string inside = (folder / stored).string();
  return stays && HasCheckpoint(inside) ? inside : (folder / stored.filename()).string();
}

StatusOr<std::string> PrefixInStateFile(const std::string& path, std::string_view text) {
  tf::CheckpointState state;
  std::string error;
  if (!ParseText(text, state, error) || state.model_checkpoint_path().empty()) {
    return DataLoss(path, ": is no checkpoint: neither a table nor a state file with a model_checkpoint_path");
  }
  const std::string prefix = ResolveBeside(fs::path(path).parent_path(), state.model_checkpoint_path());
  if (!HasCheckpoint(prefix)) return NotFound(path, ": names a checkpoint that is not there: neither ", prefix, ".index nor a V1 checkpoint");
  return prefix;
}

// The number after the last '-', -1 if there is none: savers append the step.
int64_t StepOf(std::string_view prefix) {
  const std::string_view digits = prefix.substr(prefix.rfind('-') + 1);
  int64_t step = -1;
  if (AllDigits(digits)) std::from_chars(digits.data(), digits.data() + digits.size(), step);
  return step;
}

StatusOr<std::string> NewestIn(const std::string& folder) {
  const std::string state = (fs::path(folder) / "checkpoint").string();
  if (IsFile(state)) return ResolveCheckpoint(state);
  std::vector<std::string> prefixes;
  for (const std::string& name : NamesIn(folder)) {
    constexpr std::string_view kIndex = ".index";
    if (name.ends_with(kIndex)) prefixes.push_back(name.substr(0, name.size() - kIndex.size()));
  }
  if (prefixes.empty())
    return NotFound(folder, ": holds no checkpoint: no file named checkpoint and none ending in .index");
  const auto newest =
      std::max_element(prefixes.begin(), prefixes.end(),
                       [](const std::string& a, const std::string& b) { return StepOf(a) < StepOf(b); });
  const auto as_new = std::count_if(prefixes.begin(), prefixes.end(),
                                    [&](const std::string& p) { return StepOf(p) == StepOf(*newest); });
  if (as_new > 1) {
    return InvalidArgument(folder, ": holds ", prefixes.size(), " checkpoints and no state file; name one, such as ",
                           (fs::path(folder) / *newest).string());
  }
  return (fs::path(folder) / *newest).string();
}

}  // namespace

bool HasCheckpoint(const std::string& prefix) { return IsFile(prefix + ".index") || !V1Files(prefix).empty(); }

StatusOr<std::string> ResolveCheckpoint(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return NewestIn(path);
  if (!IsFile(path)) return path;
  for (std::string_view suffix : {".index", ".meta"}) {
    if (path.ends_with(suffix)) return path.substr(0, path.size() - suffix.size());
  }
  if (const auto prefix = PrefixOfDataFile(path)) return *prefix;
  if (HasCheckpoint(path)) return path;
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return PrefixInStateFile(path, file->bytes().substr(0, size_t{1} << 20));
}

StatusOr<std::shared_ptr<const VariableSource>> OpenCheckpoint(const std::string& path, const Limits& limits) {
  ASSIGN_OR_RETURN(const std::string prefix, ResolveCheckpoint(path));
  return OpenPrefix(prefix, limits);
}

std::vector<std::string> CheckpointFiles(const std::string& prefix) {
  if (!IsFile(prefix + ".index")) return V1Files(prefix);
  const fs::path folder = fs::path(prefix).parent_path();
  std::vector<std::string> files = {prefix + ".index"};
  for (const std::string& name : NamesIn(folder)) {
    const std::string path = (folder / name).string();
    if (PrefixOfDataFile(path) == prefix) files.push_back(path);
  }
  return files;
}

}  // namespace permafrost
