#include "runner/pipeline/journal.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "optimizer/support/atomic_file.h"
#include "optimizer/support/mapped_file.h"
#include "optimizer/support/sha256.h"

namespace permafrost {
namespace {

constexpr int kVersion = 1;

bool IsCount(const nlohmann::json& json, const char* name, int64_t& value) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned() || found->get<uint64_t>() > uint64_t{1} << 62) return false;
  value = found->get<int64_t>();
  return true;
}

bool IsText(const nlohmann::json& json, const char* name, std::string& value) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return false;
  value = found->get<std::string>();
  return true;
}

}  // namespace

std::string JournalPath(const std::string& output) { return output + ".journal"; }

StatusOr<JournalEntry> ReadJournal(const std::string& output) {
  const std::string path = JournalPath(output);
  std::error_code error;
  const bool has_output = std::filesystem::exists(output, error);
  if (!std::filesystem::exists(path, error)) {
    if (!has_output) return JournalEntry();
    return InvalidArgument(output, ": is there without its journal ", path, "; remove it, or run without --resume");
  }
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const auto json = nlohmann::json::parse(file->bytes(), nullptr, false);
  JournalEntry entry;
  int64_t version = 0;
  const bool good = json.is_object() && IsCount(json, "version", version) && version == kVersion &&
                    IsCount(json, "items", entry.items) && IsCount(json, "failed", entry.failed) &&
                    IsCount(json, "bytes", entry.bytes) && IsText(json, "names", entry.names) &&
                    IsText(json, "flags", entry.flags) && entry.failed <= entry.items;
  if (!good) return DataLoss(path, ": is no journal; remove it and ", output, " to begin anew");
  const uint64_t size = has_output ? std::filesystem::file_size(output, error) : 0;
  if (error || size < static_cast<uint64_t>(entry.bytes)) {
    return DataLoss(output, ": holds ", size, " bytes, but its journal says ", entry.bytes,
                    "; remove both to begin anew");
  }
  return entry;
}

Status WriteJournal(const std::string& output, const JournalEntry& entry) {
  const nlohmann::ordered_json json = {{"version", kVersion},  {"items", entry.items}, {"failed", entry.failed},
                                       {"bytes", entry.bytes}, {"names", entry.names}, {"flags", entry.flags}};
  return WriteFileAtomically(JournalPath(output), json.dump() + "\n");
}

std::string AddName(std::string_view digest, std::string_view name) {
  Sha256 hash;
  hash.Add(digest);
  hash.Add("\n");
  hash.Add(name);
  return hash.HexDigest();
}

}  // namespace permafrost
