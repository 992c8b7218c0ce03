#include "optimizer/frontend/keras/hdf5/hdf5_file.h"

#include "optimizer/frontend/keras/hdf5/listing.h"
#include "optimizer/support/child_process.h"

namespace permafrost::keras {
namespace {

constexpr double kSeconds = 15;
constexpr int64_t kMemoryBytes = int64_t{4} << 30;  // beside the file itself

StatusOr<Tensor> TensorOf(ListedDataset& listed, std::string_view file, const std::shared_ptr<const MappedFile>& owner,
                          const Limits& limits) {
  const int64_t elements = CheckedElements(listed.dims), size = SizeOf(listed.dtype);
  if (elements < 0 || size <= 0 || elements > limits.max_tensor_bytes / size) {
    return ResourceExhausted("dataset '", listed.path, "' of shape ", Shape(listed.dims).ToString(),
                             " is larger than --max-tensor-bytes (", limits.max_tensor_bytes, ")");
  }
  const auto byte_size = static_cast<uint64_t>(elements * size);
  if (listed.offset < 0) {
    if (listed.bytes.size() != byte_size) return DataLoss("dataset '", listed.path, "' has not all its elements");
    return Tensor::Buffer(listed.dtype, listed.dims, std::move(listed.bytes));
  }
  const auto offset = static_cast<uint64_t>(listed.offset);
  if (offset > file.size() || byte_size > file.size() - offset) {
    return DataLoss("is a damaged HDF5 file: dataset '", listed.path, "' ends at byte ", offset, " + ", byte_size,
                    ", after the end of the file (", file.size(), ")");
  }
  const std::string_view bytes = file.substr(offset, byte_size);
  if (owner == nullptr) return Tensor::Buffer(listed.dtype, listed.dims, std::string(bytes));
  return Tensor::View(listed.dtype, listed.dims, owner, bytes);
}

}  // namespace

const std::vector<std::string>* Hdf5File::Attribute(std::string_view group, std::string_view name) const {
  const auto found = groups.find(group);
  if (found == groups.end()) return nullptr;
  const auto attribute = found->second.find(name);
  return attribute == found->second.end() ? nullptr : &attribute->second;
}

std::vector<std::string> Hdf5File::ListAttribute(std::string_view group, std::string_view name) const {
  if (const auto* whole = Attribute(group, name)) return *whole;
  std::vector<std::string> list;
  for (int i = 0;; ++i) {
    const auto* piece = Attribute(group, StrCat(name, i));
    if (piece == nullptr) return list;
    list.insert(list.end(), piece->begin(), piece->end());
  }
}

bool IsHdf5(std::string_view bytes) { return bytes.starts_with("\x89HDF\r\n\x1a\n"); }

StatusOr<Hdf5File> ReadHdf5(std::string_view bytes, std::shared_ptr<const MappedFile> owner, const Limits& limits) {
  const ChildLimits child{.seconds = kSeconds,
                          .memory_bytes = kMemoryBytes + 4 * static_cast<int64_t>(bytes.size()),
                          .answer_bytes = kMemoryBytes};
  const auto answer = RunInChild("the HDF5 library", child, [&]() -> StatusOr<std::string> {
    ASSIGN_OR_RETURN(Hdf5Listing listing, ListHdf5(bytes));
    return Pack(std::move(listing));
  });
  if (absl::IsDataLoss(answer.status()) && Message(answer.status()).starts_with("the HDF5 library")) {
    return DataLoss("is a damaged HDF5 file: ", Message(answer.status()), "; copy or download the file again");
  }
  RETURN_IF_ERROR(answer.status());
  ASSIGN_OR_RETURN(Hdf5Listing listing, Unpack(*answer));
  Hdf5File file;
  for (ListedGroup& group : listing.groups) {
    Hdf5File::Attributes attributes;
    for (auto& [name, values] : group.attributes) attributes.emplace(std::move(name), std::move(values));
    file.groups.emplace(std::move(group.path), std::move(attributes));
  }
  for (ListedDataset& dataset : listing.datasets) {
    ASSIGN_OR_RETURN(Tensor tensor, TensorOf(dataset, bytes, owner, limits));
    file.datasets.emplace(std::move(dataset.path), std::move(tensor));
  }
  return file;
}

}  // namespace permafrost::keras
