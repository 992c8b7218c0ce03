#include <algorithm>
#include <cmath>
#include <set>

#include "optimizer/passes/requested/passes.h"
#include "optimizer/passes/requested/weights.h"

namespace permafrost {
namespace {

constexpr int64_t kMinimumSize = 16;

// The middle of the bucket that a value falls into, for buckets of one width from the least value to the largest.
struct Buckets {
  float low, width;
  int64_t last;
  float Round(float value) const {
    const auto bucket = static_cast<int64_t>(std::floor((value - low) / width));
    return low + width * (static_cast<float>(std::clamp<int64_t>(bucket, 0, last)) + 0.5F);
  }
};

// Rounding would gain nothing.
bool HasFewValues(const Tensor& tensor, int64_t steps) {
  std::set<float> seen;
  ForEachFloats(tensor, [&](const float* values, int64_t count) {
    for (int64_t i = 0; i < count && static_cast<int64_t>(seen.size()) <= steps; ++i) seen.insert(values[i]);
  });
  return static_cast<int64_t>(seen.size()) <= steps;
}

Status RoundWeights(GraphEditor& editor, PassContext& context) {
  const int64_t steps = context.options().arguments.Int("num_steps", 256);
  WeightReport report;
  for (NodeId id : LargeWeights(editor, kMinimumSize)) {
    const Tensor tensor = *editor.node(id).attr<Tensor>("value");
    const WeightRange range = RangeOf(tensor);
    const Buckets buckets{range.low, (range.high - range.low) / static_cast<float>(steps), steps - 1};
    if (!range.finite || !std::isfinite(buckets.width)) {
      context.Decline(editor.node(id), "it holds values that are not finite, or too far apart");
      continue;
    }
    if (!(buckets.width > 0) || HasFewValues(tensor, steps)) continue;
    std::string bytes;
    double error = 0;
    bytes.reserve(static_cast<size_t>(tensor.byte_size()));
    ForEachFloats(tensor, [&](const float* values, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const float rounded = buckets.Round(values[i]);
        error = std::max<double>(error, std::abs(rounded - values[i]));
        bytes.append(reinterpret_cast<const char*>(&rounded), sizeof rounded);
      }
    });
    report.Add(editor.node(id), tensor.byte_size(), tensor.byte_size(),
               error / std::max(std::abs(range.low), std::abs(range.high)));
    editor.SetAttr(id, "value", Tensor::Buffer(DType::kFloat32, tensor.dims(), std::move(bytes)));
  }
  report.Tell("round-weights", context);
  return OkStatus();
}

}  // namespace

const PassInfo kRoundWeights{
    .name = "round-weights",
    .summary = "give large constants few different values, so that the file compresses well",
    .needs = {Fact::kFlat},
    .gives = {},
    .run = RoundWeights,
    .aliases = {},
    .options = {{.name = "num_steps", .kind = PassOption::Kind::kInt, .fallback = "256", .least = 2, .most = 1 << 16}},
    .wants = {Fact::kNormsFolded},
    .lossy = true,
};

}  // namespace permafrost
