#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "optimizer/support/status.h"
#include "shared_io/model_json.h"

namespace permafrost {

enum class ItemKind { kFiles, kVideo, kRandom };  // a video, camera or stream gives an item for each frame

// What one run of the network works on.
struct Item {
  ItemKind kind = ItemKind::kFiles;
  std::string name;       // for people: the path, "stdin", "random:7"
  std::string file_name;  // of files that are made of it, without suffix; no two items of a list share it
  // Input and file; "-" is standard input. An empty input: whichever the file names, or the only one.
  std::vector<std::pair<std::string, std::string>> files = {};
  uint64_t seed = 0;  // kRandom
};

struct ItemOptions {
  // Pictures, .npy, .npz, videos, "camera:0", streams (with "://"), "-", folders, globs, "@LIST" (a file with one of
  // these a line; "@-": standard input), each perhaps as INPUT=...: the k-th file of each input then goes together.
  std::vector<std::string> arguments;
  std::optional<uint64_t> random_seed = {};  // besides: arrays of random numbers
  int64_t random_count = 1;
};

// Errors: a folder, glob or list that gives nothing, a list that cannot be read, inputs with unlike numbers of files,
// several inputs and files for none of them. A missing file is no error: its item fails later.
StatusOr<std::vector<Item>> ListItems(const ItemOptions& options, const std::vector<TensorInfo>& inputs);

// The items i with i % shards == shard - 1. Errors: no such shard.
Status KeepShard(std::vector<Item>& items, int64_t shard, int64_t shards);

bool IsVideo(const std::string& path);  // by its suffix or scheme

}  // namespace permafrost
