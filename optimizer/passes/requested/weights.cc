#include "optimizer/passes/requested/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace permafrost {

std::vector<NodeId> LargeWeights(const GraphEditor& editor, int64_t minimum_size) {
  std::vector<NodeId> found;
  for (NodeId id : editor.graph().NodeIds()) {
    const Node& node = editor.node(id);
    const Tensor* value = node.IsConst() ? node.attr<Tensor>("value") : nullptr;
    if (value == nullptr || value->dtype() != DType::kFloat32 || editor.IsOutput({id, 0})) continue;
    if (value->elements() >= std::max<int64_t>(minimum_size, 2)) found.push_back(id);
  }
  return found;
}

void ForEachFloats(const Tensor& tensor, const std::function<void(const float* values, int64_t count)>& take) {
  constexpr int64_t kStep = int64_t{1} << 16;
  const int64_t elements = tensor.is_splat() ? std::min<int64_t>(tensor.elements(), 1) : tensor.elements();
  std::vector<float> values(static_cast<size_t>(std::min(elements, kStep)));
  for (int64_t first = 0; first < elements; first += kStep) {
    const int64_t count = std::min(kStep, elements - first);
    tensor.Read(first, count, reinterpret_cast<char*>(values.data()));
    take(values.data(), count);
  }
}

WeightRange RangeOf(const Tensor& tensor) {
  WeightRange range{INFINITY, -INFINITY, true};
  ForEachFloats(tensor, [&](const float* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      range.finite = range.finite && std::isfinite(values[i]);
      range.low = std::min(range.low, values[i]);
      range.high = std::max(range.high, values[i]);
    }
  });
  return range;
}

void WeightReport::Add(const Node& node, int64_t bytes_before, int64_t bytes_after, double error) {
  ++count_;
  before_ += bytes_before;
  after_ += bytes_after;
  if (error <= worst_) return;
  worst_ = error;
  worst_name_ = node.name;
}

void WeightReport::Tell(std::string_view pass, PassContext& context) const {
  if (count_ == 0) {
    context.Note(StrCat(pass, ": no float32 constant is large enough"));
    return;
  }
  char error[32];
  std::snprintf(error, sizeof error, "%.2g", worst_ * 100);
  context.Note(StrCat(pass, ": ", count_, count_ == 1 ? " constant, " : " constants, ", before_, " -> ", after_,
                      " bytes; largest rounding error ", error, " % of the largest value of '", worst_name_, "'"));
}

}  // namespace permafrost
