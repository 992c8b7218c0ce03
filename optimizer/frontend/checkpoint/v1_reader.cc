#include "optimizer/frontend/checkpoint/v1_reader.h"

#include <map>
#include <optional>
#include <utility>

#include "optimizer/frontend/checkpoint/read_slice.h"
#include "optimizer/frontend/checkpoint/table_reader.h"
#include "optimizer/frontend/graphdef/read_tensor.h"
#include "optimizer/proto/text.h"
#include "optimizer/proto/wire.h"
#include "optimizer/support/mapped_file.h"
#include "permafrost/checkpoint.pb.h"

namespace permafrost {
namespace {

struct Variable {
  int dtype = 0;
  tf::TensorShapeProto shape;
};

// A TensorProto that holds values only; its dtype and shape are the variable's and the slice's.
struct Stored {
  TensorSlice slice;
  std::shared_ptr<const MappedFile> file;
  std::string_view values;  // in `file`, or in `unpacked` where the block was compressed
  std::shared_ptr<const std::string> unpacked;
};

class V1Checkpoint : public VariableSource {
 public:
  explicit V1Checkpoint(const Limits& limits) : limits_(limits) {}

  Status ReadFile(const std::string& path) {
    if (path_.empty()) path_ = path;
    ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
    const Status status = ReadTable(file->bytes(), [&](const TableEntry& entry) {
      return entry.key.empty() ? ReadMeta(entry.value) : ReadData(entry, file);
    });
    return WithContext(status, path);
  }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, variable] : variables_) names.push_back(name);
    return names;
  }
  bool Has(std::string_view name) const override { return variables_.find(name) != variables_.end(); }
  std::string Describe() const override { return StrCat("checkpoint (V1) ", path_); }

  StatusOr<Tensor> Get(std::string_view name) const override {
    const auto found = variables_.find(name);
    if (found == variables_.end()) return NotFound(path_, ": holds no '", name, "'");
    auto tensor = Read(name, found->second);
    if (!tensor.ok()) return WithContext(tensor.status(), StrCat(path_, ": '", name, "'"));
    return tensor;
  }

 private:
  Status ReadMeta(std::string_view wire) {
    WireScanner scan(wire);
    WireField field;
    while (scan.Next(field)) {
      if (field.number != 1 || !field.is_bytes) continue;
      tf::SavedTensorSliceMeta meta;
      if (!ParseWire(field.bytes, meta)) {
        return DataLoss("its list of tensors is damaged");
      }
      for (const tf::SavedSliceMeta& tensor : meta.tensor()) {
        variables_.try_emplace(tensor.name(), Variable{tensor.type(), tensor.shape()});
      }
    }
    return scan.ok() ? OkStatus() : DataLoss("its list of tensors is damaged");
  }

  Status ReadData(const TableEntry& entry, const std::shared_ptr<const MappedFile>& file) {
    constexpr int kData = 2, kName = 1, kSlice = 2, kTensor = 3;
    Stored stored;
    std::string name;
    std::string_view wire = entry.value;
    if (entry.in_table) {
      stored.file = file;
    } else {
      stored.unpacked = std::make_shared<const std::string>(entry.value);
      wire = *stored.unpacked;
    }
    WireScanner message(wire);
    WireField field;
    bool valid = true;
    while (message.Next(field)) {
      if (field.number != kData || !field.is_bytes) continue;
      WireScanner scan(field.bytes);
      WireField part;
      while (scan.Next(part)) {
        if (!part.is_bytes) continue;
        if (part.number == kName) name = std::string(part.bytes);
        if (part.number == kTensor) stored.values = part.bytes;
        if (part.number == kSlice) {
          tf::TensorSliceProto slice;
          valid &= ParseWire(part.bytes, slice);
          stored.slice = ReadSlice(slice);
        }
      }
      valid &= scan.ok();
    }
    if (!valid || !message.ok()) return DataLoss("a slice of '", name, "' is damaged");
    slices_[name].push_back(std::move(stored));
    return OkStatus();
  }

  StatusOr<Tensor> Read(std::string_view name, const Variable& variable) const {
    ASSIGN_OR_RETURN(const StoredType type, ReadStoredType(variable.dtype, variable.shape, limits_));
    const auto found = slices_.find(name);
    if (found == slices_.end()) return DataLoss("its values are missing");
    std::vector<TensorPiece> pieces;
    for (const Stored& stored : found->second) {
      ASSIGN_OR_RETURN(TensorSlice slice, ResolveSlice(stored.slice, type.dims));
      const Shape shape(slice.length);
      ASSIGN_OR_RETURN(Tensor tensor, ReadTensorValues(stored.values, type.dtype, shape, stored.file, limits_));
      if (tensor.is_splat()) return DataLoss("a slice holds fewer values than elements");
      pieces.push_back({std::move(slice), std::move(tensor)});
    }
    if (pieces.size() == 1 && pieces[0].slice.length == type.dims) return pieces[0].tensor;
    return JoinSlices(type.dtype, type.dims, pieces);
  }

  Limits limits_;
  std::string path_;  // of the first file
  std::map<std::string, Variable, std::less<>> variables_;
  std::map<std::string, std::vector<Stored>, std::less<>> slices_;
};

}  // namespace

StatusOr<std::unique_ptr<VariableSource>> OpenV1Checkpoint(const std::vector<std::string>& paths,
                                                           const Limits& limits) {
  auto checkpoint = std::make_unique<V1Checkpoint>(limits);
  for (const std::string& path : paths) RETURN_IF_ERROR(checkpoint->ReadFile(path));
  return std::unique_ptr<VariableSource>(std::move(checkpoint));
}

}  // namespace permafrost
