#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "optimizer/frontend/checkpoint/bundle_reader.h"
#include "optimizer/frontend/checkpoint/byte_order.h"
#include "optimizer/frontend/checkpoint/table_reader.h"
#include "optimizer/frontend/checkpoint/v1_reader.h"
#include "optimizer/frontend/meta_graph/read_meta_graph.h"
#include "optimizer/frontend/saved_model/function_signatures.h"
#include "optimizer/frontend/saved_model/read_saved_model.h"
#include "optimizer/passes/lowering/variables.h"
#include "optimizer/pipeline/optimize.h"
#include "optimizer/support/crc32c.h"
#include "permafrost/checkpoint.pb.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/support/table_writing.h"

namespace permafrost {
namespace {

constexpr size_t kMaxBytes = 32 << 10;
const Limits kLimits{.max_tensor_bytes = 1 << 16, .max_nodes = 1000};

[[noreturn]] void Break(const std::string& promise) {
  std::fprintf(stderr, "%s\n", promise.c_str());
  std::abort();
}

// A folder for one process.
class Folder {
 public:
  Folder() {
    if (::mkdtemp(path_.data()) == nullptr) Break("no folder to write to");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
    return path_ + "/" + name;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "permafrost-fuzz-XXXXXX").string();
};

const Folder& TheFolder() {
  static const Folder folder;
  return folder;
}

// Takes the entries off the front; keys come out sorted and once each.
std::map<std::string, std::string> TakeEntries(std::string_view& bytes) {
  constexpr unsigned char kEnd = 255;
  std::map<std::string, std::string> entries;
  while (!bytes.empty()) {
    const auto key_size = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    if (key_size == kEnd) break;
    const std::string key(bytes.substr(0, key_size));
    bytes.remove_prefix(key.size());
    if (bytes.size() < 2) break;
    const size_t value_size = LoadLittle<uint16_t>(bytes.data());
    bytes.remove_prefix(2);
    entries[key] = bytes.substr(0, value_size);
    bytes.remove_prefix(entries[key].size());
  }
  return entries;
}

// Reads every tensor to its last byte.
void ReadAll(const VariableSource& source) {
  for (const std::string& name : source.Names()) {
    const auto tensor = source.Get(name);
    if (!tensor.ok()) {
      if (absl::IsInternal(tensor.status())) Break(Message(tensor.status()));
      continue;
    }
    if (tensor->dtype() == DType::kString) {
      if (static_cast<int64_t>(tensor->strings().size()) != tensor->elements()) Break("strings and shape differ");
      continue;
    }
    int64_t bytes = 0;
    uint32_t crc = 0;  // reads them all
    const Status read = tensor->ForEachChunk([&](std::string_view chunk) {
      bytes += static_cast<int64_t>(chunk.size());
      crc = Crc32c(chunk, crc);
      return OkStatus();
    });
    if (!read.ok() || bytes != tensor->byte_size()) Break("a tensor has another number of bytes than its shape");
    if (bytes > kLimits.max_tensor_bytes) Break("a tensor above the limit");
  }
}

void SealBlock(std::string& table, uint64_t offset, uint64_t size) {
  constexpr size_t kTrailer = 5;
  if (offset > table.size() || size > table.size() - offset || table.size() - offset - size < kTrailer) return;
  const std::string crc = wire::Raw(MaskCrc(Crc32c(std::string_view(table).substr(offset, size + 1))));
  table.replace(offset + size + 1, crc.size(), crc);
}

// Puts the checksums of the index block and of the blocks that it names right.
void Seal(std::string& table) {
  constexpr size_t kFooter = 48;
  if (table.size() < kFooter) return;
  std::string_view footer = std::string_view(table).substr(table.size() - kFooter);
  uint64_t number = 0, offset = 0, size = 0;
  if (!TakeVarint(footer, number) || !TakeVarint(footer, number) || !TakeVarint(footer, offset) ||
      !TakeVarint(footer, size) || offset > table.size() || size > table.size() - offset) {
    return;
  }
  const std::string block = table.substr(offset, size);
  std::string_view rest = block;
  for (uint64_t shared = 0, unshared = 0, value_size = 0;
       TakeVarint(rest, shared) && TakeVarint(rest, unshared) && TakeVarint(rest, value_size) &&
       unshared <= rest.size() && value_size <= rest.size() - unshared;) {
    std::string_view value = rest.substr(unshared, value_size);
    rest.remove_prefix(unshared + value_size);
    uint64_t block_offset = 0, block_size = 0;
    if (TakeVarint(value, block_offset) && TakeVarint(value, block_size)) SealBlock(table, block_offset, block_size);
  }
  SealBlock(table, offset, size);
}

// A small tensor for every variable whose shape the graph tells.
class MadeUpValues : public VariableSource {
 public:
  explicit MadeUpValues(const Graph& graph) {
    for (NodeId id : graph.NodeIds()) {
      const Node& node = graph.node(id);
      const Shape shape = node.attr_or<Shape>("shape", Shape());
      const auto dtype = node.attr_or<DType>("dtype", DType::kFloat32);
      if (!IsVariable(node) || !shape.FullyKnown() || SizeOf(dtype) == 0) continue;
      const int64_t elements = CheckedElements(shape.dims());
      if (elements < 0 || elements > (1 << 12)) continue;
      std::string bytes(static_cast<size_t>(elements * SizeOf(dtype)), '\0');
      values_.emplace(node.name, Tensor::Buffer(dtype, shape.dims(), std::move(bytes)));
    }
  }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) names.push_back(name);
    return names;
  }
  bool Has(std::string_view name) const override { return values_.find(name) != values_.end(); }
  StatusOr<Tensor> Get(std::string_view name) const override { return values_.find(name)->second; }
  std::string Describe() const override { return "made-up values"; }

 private:
  std::map<std::string, Tensor, std::less<>> values_;
};

void Freeze(StatusOr<MetaGraph> meta, Format format) {
  if (!meta.ok() || !Verify(meta->graph, Level::kImported).ok()) return;
  Model model;
  model.graph = std::move(meta->graph);
  model.signatures = std::move(meta->signatures);
  model.assets = std::move(meta->assets);
  if (!meta->object_graph.empty()) {
    auto signatures = AddFunctionSignatures(meta->object_graph, model.assets, nullptr, model.graph);
    if (!signatures.ok() || !Verify(model.graph, Level::kImported).ok()) return;
    model.signatures = *std::move(signatures);
  }
  model.variables = std::make_shared<MadeUpValues>(model.graph);
  model.format = format;
  OptimizeOptions options;
  options.limits = kLimits;
  RunOptions run;
  run.verify_each = true;
  const auto lowered = LowerModel(std::move(model), options, run);
  if (!lowered.ok()) {
    if (absl::IsInternal(lowered.status())) Break(Message(lowered.status()));
    return;
  }
  if (const Status status = Verify(lowered->model.graph, Level::kFlat); !status.ok()) Break(Message(status));
}

}  // namespace

void FuzzMetaGraph(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  (void)IsMetaGraph(bytes);
  Freeze(ReadMetaGraph(bytes, nullptr, kLimits), Format::kMetaGraph);
}

void FuzzSavedModel(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  (void)IsSavedModel(bytes);
  Freeze(ReadSavedModel(bytes, nullptr, "", kLimits), Format::kSavedModel);
}

void FuzzTable(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  std::string table(bytes);
  Seal(table);
  std::string last;
  bool any = false;
  size_t read = 0;
  const Status status = ReadTable(table, [&](const TableEntry& entry) {
    if (any && entry.key <= last) Break("keys are not sorted");
    any = true;
    last = entry.key;
    read += entry.value.size();
    return OkStatus();
  });
  constexpr size_t kMostPacked = 64;  // what snappy makes of a byte at most, and a little
  if (status.ok() && read > table.size() * kMostPacked) Break("more came out than can be in it");
}

void FuzzBundle(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  std::string_view shard = bytes;
  std::map<std::string, std::string> entries = TakeEntries(shard);
  for (auto& [key, value] : entries) {
    tf::BundleEntryProto entry;
    if (key.empty() || !entry.ParseFromString(value) || entry.offset() < 0 || entry.size() < 0) continue;
    if (static_cast<size_t>(entry.offset()) > shard.size()) continue;
    const std::string_view stored = shard.substr(static_cast<size_t>(entry.offset()), static_cast<size_t>(entry.size()));
    entry.set_crc32c(MaskCrc(Crc32c(stored)));
    value = entry.SerializeAsString();
  }
  const table::Entries sorted(entries.begin(), entries.end());
  const std::string prefix = TheFolder().path() + "/bundle";
  TheFolder().Write("bundle.index", table::TableOf(sorted));
  TheFolder().Write("bundle.data-00000-of-00001", shard);
  const auto bundle = OpenBundle(prefix, kLimits);
  if (bundle.ok()) ReadAll(**bundle);
}

void FuzzV1Checkpoint(std::string_view bytes) {
  if (bytes.size() > kMaxBytes) return;
  const std::map<std::string, std::string> entries = TakeEntries(bytes);
  const std::string file = TheFolder().Write("v1", table::TableOf(table::Entries(entries.begin(), entries.end())));
  const auto checkpoint = OpenV1Checkpoint({file}, kLimits);
  if (checkpoint.ok()) ReadAll(**checkpoint);
}

}  // namespace permafrost
