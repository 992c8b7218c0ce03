#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "optimizer/frontend/checkpoint/slice_key.h"
#include "optimizer/ir/tensor.h"
#include "tests/support/table_writing.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {

inline std::string ShapeProto(const std::vector<int64_t>& dims) {
  std::string shape;
  for (int64_t dim : dims) shape += wire::Bytes(2, wire::Number(1, static_cast<uint64_t>(dim)));
  return shape;
}

inline std::string SliceProto(const TensorSlice& slice) {
  std::string proto;
  for (size_t i = 0; i < slice.start.size(); ++i) {
    std::string extent;
    if (slice.length[i] != TensorSlice::kWhole) {
      extent = wire::Number(1, static_cast<uint64_t>(slice.start[i])) +
               wire::Number(2, static_cast<uint64_t>(slice.length[i]));
    }
    proto += wire::Bytes(1, extent);
  }
  return proto;
}

// Writes V2 checkpoints as TensorFlow does, and wrongly when its fields are changed in between.
class BundleWriter {
 public:
  int shards = 1;
  bool big_endian = false, compressed = false;

  struct Entry {
    uint64_t dtype = 0, shard = 0, offset = 0, size = 0;
    uint32_t crc = 0;
    std::string shape, slices;
    std::string Wire() const {
      return wire::Number(1, dtype) + wire::Bytes(2, shape) + wire::Number(3, shard) + wire::Number(4, offset) +
             wire::Number(5, size) + wire::Fixed<uint32_t>(6, crc) + slices;
    }
  };

  Entry& Add(const std::string& name, const Tensor& tensor, int shard = 0) {
    std::string bytes(static_cast<size_t>(tensor.byte_size()), '\0');
    tensor.Read(0, tensor.elements(), bytes.data());
    const auto size = static_cast<std::ptrdiff_t>(SizeOf(tensor.dtype()));
    for (auto at = bytes.begin(); big_endian && at != bytes.end(); at += size) std::reverse(at, at + size);
    return AddBytes(name, tensor.dtype(), tensor.dims(), bytes, shard);
  }
  Entry& AddBytes(const std::string& name, DType dtype, const std::vector<int64_t>& dims, const std::string& bytes,
                  int shard = 0) {
    data_.resize(static_cast<size_t>(shards));
    std::string& data = data_[static_cast<size_t>(shard)];
    Entry entry{static_cast<uint64_t>(dtype),
                static_cast<uint64_t>(shard),
                data.size(),
                bytes.size(),
                MaskCrc(Crc32c(bytes)),
                ShapeProto(dims),
                ""};
    data += bytes;
    return entries_.emplace_back(name, entry).second;
  }
  void AddSlice(const std::string& name, const std::vector<int64_t>& whole, const TensorSlice& slice,
                const Tensor& tensor, int shard = 0) {
    Add(SliceKey(name, slice), tensor, shard);
    auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == entries_.end()) {
      Entry entry;
      entry.dtype = static_cast<uint64_t>(tensor.dtype());
      entry.shape = ShapeProto(whole);
      found = entries_.insert(entries_.end(), {name, entry});
    }
    found->second.slices += wire::Bytes(7, SliceProto(slice));
  }

  std::string Index() const {
    table::Entries entries = {
        {"", wire::Number(1, static_cast<uint64_t>(shards)) + wire::Number(2, big_endian ? 1 : 0)}};
    for (const auto& [name, entry] : entries_) entries.emplace_back(name, entry.Wire());
    std::sort(entries.begin(), entries.end());
    return table::TableOf(entries, 3, compressed);
  }
  void Write(const TemporaryFolder& folder, const std::string& stem) const {
    folder.Write(stem + ".index", Index());
    for (int i = 0; i < shards; ++i) {
      char suffix[64];
      std::snprintf(suffix, sizeof suffix, ".data-%05d-of-%05d", i, shards);
      folder.Write(stem + suffix, static_cast<size_t>(i) < data_.size() ? data_[static_cast<size_t>(i)] : "");
    }
  }

 private:
  std::vector<std::pair<std::string, Entry>> entries_;
  std::vector<std::string> data_;
};

}  // namespace permafrost
