#include "optimizer/frontend/saved_model/flat_tensors.h"

#include <algorithm>
#include <map>
#include <utility>

namespace permafrost {
namespace {

constexpr int kSparse = 1;  // TypeSpecProto.TypeSpecClass: indices, values, shape

std::string Below(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : StrCat(path, "_", key);
}

std::vector<std::pair<std::string, const tf::StructuredValue*>> ItemsOf(const tf::StructuredValue& value) {
  std::vector<std::pair<std::string, const tf::StructuredValue*>> items;
  const auto add_list = [&](const auto& list) {
    for (const auto& item : list.values()) items.emplace_back(StrCat(items.size()), &item);
  };
  if (value.has_list_value()) add_list(value.list_value());
  if (value.has_tuple_value()) add_list(value.tuple_value());
  for (const auto& [key, item] : value.dict_value().fields()) items.emplace_back(key, &item);
  if (value.has_dict_value()) std::sort(items.begin(), items.end());
  for (const auto& pair : value.named_tuple_value().values()) items.emplace_back(pair.key(), &pair.value());
  return items;
}

FlatTensor FromSpec(const std::string& path, const tf::TensorSpecProto& spec) {
  FlatTensor tensor{path, DTypeFromProto(spec.dtype()).value_or(DType::kInvalid), Shape()};
  if (!spec.shape().unknown_rank()) {
    std::vector<int64_t> dims;
    for (const auto& dim : spec.shape().dim()) dims.push_back(std::max<int64_t>(dim.size(), kUnknownDim));
    tensor.shape = Shape(std::move(dims));
  }
  return tensor;
}

// Depth is bounded by the parser.
void Flatten(const tf::StructuredValue& value, const std::string& path, std::vector<FlatTensor>& tensors) {
  if (value.has_tensor_spec_value()) tensors.push_back(FromSpec(path, value.tensor_spec_value()));
  if (value.has_bounded_tensor_spec_value()) tensors.push_back(FromSpec(path, value.bounded_tensor_spec_value()));
  if (value.has_type_spec_value()) {
    const auto& spec = value.type_spec_value();
    FlatTensor tensor{path, DType::kInvalid, Shape()};
    tensor.parts = spec.type_spec_class() == kSparse ? 3 : std::max(spec.num_flat_components(), 0);
    tensors.push_back(std::move(tensor));
  }
  for (const auto& [key, item] : ItemsOf(value)) Flatten(*item, Below(path, key), tensors);
}

}  // namespace

std::vector<FlatTensor> FlatTensorsOf(const tf::StructuredValue& value) {
  std::vector<FlatTensor> tensors;
  Flatten(value, "", tensors);
  return tensors;
}

int CountTrue(const tf::StructuredValue& value) {
  int count = value.bool_value() ? 1 : 0;
  for (const auto& [key, item] : ItemsOf(value)) count += CountTrue(*item);
  return count;
}

bool SettleParts(std::vector<FlatTensor>& tensors, int64_t total) {
  FlatTensor* open = nullptr;
  for (FlatTensor& tensor : tensors) {
    total -= tensor.parts;
    if (tensor.parts > 0) continue;
    if (open != nullptr) return false;
    open = &tensor;
  }
  if (open != nullptr && total > 0) open->parts = static_cast<int>(std::exchange(total, 0));
  return total == 0;
}

}  // namespace permafrost
