#include "optimizer/backends/onnx/store_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

#include "optimizer/ir/tensor_storage.h"
#include "optimizer/ops/evaluate.h"

namespace permafrost {
namespace {

constexpr int64_t kFew = 64;  // below that a node costs more than it saves
constexpr int kLevels = 256;

// What the op makes of the levels 0 and 1 (as int8: the same bits less 128), if that is a line through a level.
std::optional<SmallWeights::Levels> LevelsOf(const Graph& graph, const Node& node) {
  const Tensor* stored = ConstValue(graph, node.inputs[0]);
  if (stored == nullptr || stored->dtype() != DType::kQUint8) return std::nullopt;
  std::vector<Tensor> inputs = {Tensor::Buffer(stored->dtype(), {2}, std::string("\0\xff", 2))};
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Tensor* range = ConstValue(graph, node.inputs[i]);
    if (range == nullptr || range->elements() != 1) return std::nullopt;
    inputs.push_back(range->Dense());
  }
  const auto ends = EvaluateNode(node, inputs);
  if (!ends.ok() || ends->size() != 1 || ends->front().dtype() != DType::kFloat32) return std::nullopt;
  const std::vector<float> values = ends->front().Dense().Values<float>();
  SmallWeights::Levels levels;
  levels.factor = (values[1] - values[0]) / (kLevels - 1);
  levels.elements = stored->elements();
  if (!(levels.factor > 0) || !std::isfinite(levels.factor)) return std::nullopt;
  const float zero = std::round(-values[0] / levels.factor);
  if (!(zero >= 0 && zero < kLevels)) return std::nullopt;
  levels.zero = static_cast<int>(zero);
  return levels;
}

std::optional<Tensor> AsHalf(const Tensor& weights) {
  const Tensor* stored = EncodedIn(weights);
  if (stored != nullptr && stored->dtype() == DType::kHalf) return *stored;
  const Tensor half = weights.Cast(DType::kHalf);
  const bool same = SameTensor(half.Cast(DType::kFloat32), weights);
  ReleasePages(weights);
  return same ? std::optional(half) : std::nullopt;
}

// The level whose value is `weight`; -1 when there is none.
int LevelOf(float weight, const SmallWeights::Levels& levels) {
  const float level = std::round(weight / levels.factor) + static_cast<float>(levels.zero);
  if (!(level >= 0 && level < kLevels)) return -1;
  const float back = levels.factor * (level - static_cast<float>(levels.zero));
  return std::abs(back - weight) <= 1e-4F * levels.factor ? static_cast<int>(level) : -1;
}

std::optional<Tensor> AsLevels(const Tensor& weights, const SmallWeights::Levels& levels) {
  if (weights.elements() != levels.elements) return std::nullopt;
  if (const std::vector<float>* table = TableOf(weights)) {
    int level = 0;
    while (level < kLevels && LevelOf((*table)[static_cast<size_t>(level)], levels) == level) ++level;
    if (level == kLevels) return EncodedIn(weights)->Cast(DType::kUint8);
  }
  const std::vector<float> values = weights.Values<float>();
  std::string stored(values.size(), '\0');
  for (size_t i = 0; i < stored.size(); ++i) {
    const int level = LevelOf(values[i], levels);
    if (level < 0) return std::nullopt;
    stored[i] = static_cast<char>(static_cast<uint8_t>(level));
  }
  return Tensor::Buffer(DType::kUint8, weights.dims(), std::move(stored));
}

// Puts `node` before all others; it gives the value `id`, which was a constant.
class Storing {
 public:
  explicit Storing(OnnxGraph& graph) : graph_(graph) {
    for (const OnnxValue& value : graph.values) names_.insert(value.name);
    for (const OnnxNode& node : graph.nodes) node_names_.insert(node.name);
  }
  ~Storing() { graph_.nodes.insert(graph_.nodes.begin(), made_.begin(), made_.end()); }
  Storing(const Storing&) = delete;
  Storing& operator=(const Storing&) = delete;

  int NewConstant(int like, std::string_view ending, Tensor tensor) {
    OnnxValue value;
    value.name = Unique(names_, StrCat(graph_.value(like).name, ending));
    value.dtype = tensor.dtype();
    value.constant = std::move(tensor);
    graph_.values.push_back(std::move(value));
    return static_cast<int>(graph_.values.size()) - 1;
  }
  void Replace(int id, std::string_view op, std::vector<int> inputs, AttrMap attrs) {
    OnnxNode node;
    node.op = std::string(op);
    node.name = Unique(node_names_, graph_.value(id).name);
    node.inputs = std::move(inputs);
    node.outputs = {id};
    node.attrs = std::move(attrs);
    graph_.value(id).constant = Tensor();
    made_.push_back(std::move(node));
  }

 private:
  static std::string Unique(std::set<std::string>& taken, const std::string& base) {
    std::string name = base;
    for (int i = 1; !taken.insert(name).second; ++i) name = StrCat(base, "_", i);
    return name;
  }
  OnnxGraph& graph_;
  std::set<std::string> names_, node_names_;
  std::vector<OnnxNode> made_;
};

}  // namespace

SmallWeights FindSmallWeights(const Graph& graph) {
  SmallWeights small;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.inputs.empty()) continue;
    if (node.op == "Cast") {
      const Tensor* stored = ConstValue(graph, node.inputs[0]);
      small.halves |= stored != nullptr && stored->dtype() == DType::kHalf && stored->elements() >= kFew;
    } else if (node.op == "Dequantize") {
      if (const auto levels = LevelsOf(graph, node)) small.levels.push_back(*levels);
    }
  }
  return small;
}

bool StoreWeightsSmall(const SmallWeights& small, const OnnxRuntime& runtime, OnnxGraph& graph) {
  // Without a target the file is as small as the user asked for.
  const bool any = runtime.kind == OnnxRuntime::Kind::kAny;
  const bool takes_halves = any || runtime.Takes("Cast", "weights in half precision");
  const bool takes_levels = any || runtime.Takes("DequantizeLinear", "weights around a zero point");
  const bool halves = small.halves && takes_halves, levels = !small.levels.empty() && takes_levels;
  if (halves || levels) {
    Storing storing(graph);
    for (int id : graph.Constants()) {
      const Tensor weights = graph.value(id).constant;
      if (weights.dtype() != DType::kFloat32 || weights.elements() < kFew) continue;
      if (const auto half = halves ? AsHalf(weights) : std::nullopt) {
        storing.Replace(id, "Cast", {storing.NewConstant(id, "_half", *half)}, {{"to", int64_t{1}}});
        continue;
      }
      for (size_t i = 0; levels && i < small.levels.size(); ++i) {
        const auto stored = AsLevels(weights, small.levels[i]);
        if (!stored) continue;
        const int scale = storing.NewConstant(id, "_scale", Tensor::Scalar<float>(small.levels[i].factor));
        const int zero =
            storing.NewConstant(id, "_zero", Tensor::Scalar<uint8_t>(static_cast<uint8_t>(small.levels[i].zero)));
        storing.Replace(id, "DequantizeLinear", {storing.NewConstant(id, "_levels", *stored), scale, zero}, {});
        break;
      }
    }
  }
  return (!small.halves || takes_halves) && (small.levels.empty() || takes_levels);
}

}  // namespace permafrost
