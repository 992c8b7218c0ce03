#include "optimizer/backends/onnx/recurrent_steps.h"

#include <algorithm>
#include <array>

#include "optimizer/backends/onnx/native_forms.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

class StepReader {
 public:
  explicit StepReader(const Graph& graph) : graph_(graph) {}

  // The step whose output is this value.
  std::optional<RecurrentStep> Read(Value h) const {
    const Node& node = graph_.node(h.node);
    if (graph_.type(h).dtype != DType::kFloat32 || Width(h) <= 0) return std::nullopt;
    if (node.op == "Mul") {
      if (auto step = ReadLstm(h)) return step;
    }
    if (node.op == "Mul" || IsSum(h)) return ReadGru(h);
    return ReadRnn(h);
  }

 private:
  Value in(Value value, int i) const { return graph_.node(value.node).inputs[static_cast<size_t>(i)]; }
  bool Is(Value value, std::string_view op) const { return value.port == 0 && graph_.node(value.node).op == op; }
  bool IsSum(Value value) const { return Is(value, "AddV2") || Is(value, "Add"); }
  // Of a matrix; -1 if that is not known.
  int64_t Width(Value value) const {
    const Shape& shape = graph_.type(value).shape;
    return shape.IsRank(2) ? shape.dim(1) : -1;
  }
  std::optional<std::vector<int64_t>> Ints(Value value) const {
    const auto& ints = graph_.type(value).ints;
    if (!ints || std::find(ints->begin(), ints->end(), kUnknownInt) != ints->end()) return std::nullopt;
    return ints;
  }
  bool IsLastAxis(Value axis) const {
    const auto ints = Ints(axis);
    return ints && ints->size() == 1 && ((*ints)[0] == 1 || (*ints)[0] == -1);
  }

  struct Columns {
    Value whole;
    int64_t first;
  };
  // What a Split cut off.
  std::optional<Columns> CutFrom(Value value) const {
    const Node& node = graph_.node(value.node);
    if (node.op == "Split" && IsLastAxis(node.inputs[0])) {
      const int64_t width = Width(value);
      return width > 0 && Width(node.inputs[1]) > 0 ? std::optional(Columns{node.inputs[1], width * value.port})
                                                    : std::nullopt;
    }
    if (node.op != "SplitV" || !IsLastAxis(node.inputs[2]) || Width(node.inputs[0]) <= 0) return std::nullopt;
    int64_t first = 0;
    for (int port = 0; port < value.port; ++port) {
      const int64_t width = Width({value.node, port});
      if (width < 0) return std::nullopt;
      first += width;
    }
    return Columns{node.inputs[0], first};
  }

  // Adds value[:, first : first + columns] to the sum.
  bool Collect(Value value, int64_t first, int64_t columns, GateSum& sum, int depth = 0) const {
    constexpr int kMaxDepth = 12;
    constexpr size_t kMaxParts = 8;
    if (depth > kMaxDepth || sum.products.size() > kMaxParts || sum.bias.size() > kMaxParts) return false;
    const Node& node = graph_.node(value.node);
    if (const Tensor* constant = ConstValue(graph_, value)) {
      sum.bias.push_back({value.node, first});
      return IsStored(*constant);
    }
    if (const auto cut = CutFrom(value)) return Collect(cut->whole, cut->first + first, columns, sum, depth + 1);
    if (value.port != 0) return false;
    if (IsSum(value) || node.op == "BiasAdd") {
      return Collect(node.inputs[0], first, columns, sum, depth + 1) &&
             Collect(node.inputs[1], first, columns, sum, depth + 1);
    }
    if (node.op == "MatMul" && ConstValue(graph_, node.inputs[1]) != nullptr) {
      return CollectProduct(node, first, columns, sum);
    }
    if (sum.rest || first != 0 || Width(value) != columns) return false;
    sum.rest = value;
    return true;
  }

  // One number may stand for more than memory holds.
  static bool IsStored(const Tensor& tensor) {
    constexpr int64_t kMostOfOneNumber = int64_t{1} << 24;
    return tensor.dtype() == DType::kFloat32 && (!tensor.is_splat() || tensor.elements() <= kMostOfOneNumber);
  }

  // x weights, or [x, h] weights
  bool CollectProduct(const Node& node, int64_t first, int64_t columns, GateSum& sum) const {
    const Tensor& weights = *ConstValue(graph_, node.inputs[1]);
    const std::vector<int64_t>& dims = weights.dims();
    if (node.attr_or<bool>("transpose_a", false) || node.attr_or<bool>("transpose_b", false)) return false;
    if (!IsStored(weights) || dims.size() != 2 || first + columns > dims[1]) return false;
    std::vector<Value> factors = {node.inputs[0]};
    const Node& joined = graph_.node(node.inputs[0].node);
    if (joined.op == "ConcatV2" && IsLastAxis(joined.inputs.back())) {
      factors.assign(joined.inputs.begin(), joined.inputs.end() - 1);
    }
    int64_t row = 0;
    for (Value factor : factors) {
      const int64_t rows = Width(factor);
      if (rows <= 0 || rows > dims[0] - row) return false;
      sum.products.push_back({factor, {node.inputs[1].node, row, rows, first, columns}});
      row += rows;
    }
    return row == dims[0];
  }

  struct Activated {
    GateActivation activation;
    Value x;
  };
  // What a Tanh is cut at for OpenCV changes no float from 9 on.
  Value Uncut(Value x) const {
    if (!Is(x, "ClipByValue")) return x;
    const auto low = ScalarBehind(graph_, in(x, 1)), high = ScalarBehind(graph_, in(x, 2));
    return low && high && *low <= -9 && *high >= 9 ? in(x, 0) : x;
  }
  std::optional<Activated> ReadActivation(Value value) const {
    static constexpr std::array<std::string_view, 5> kPlain = {"Relu", "Sigmoid", "Softplus", "Softsign", "Tanh"};
    if (const auto hard = FindHardSigmoid(graph_, value)) {
      return Activated{{"HardSigmoid", hard->alpha, hard->beta}, hard->x};
    }
    const auto found = std::find_if(kPlain.begin(), kPlain.end(), [&](std::string_view op) { return Is(value, op); });
    if (found == kPlain.end()) return std::nullopt;
    return Activated{{*found}, *found == "Tanh" ? Uncut(in(value, 0)) : in(value, 0)};
  }
  // Several gates may be activated together and then cut apart, or the other way round.
  std::optional<StepGate> ReadGate(Value value) const {
    const int64_t columns = Width(value);
    int64_t first = 0;
    if (const auto cut = CutFrom(value)) {
      value = cut->whole;
      first = cut->first;
    }
    const auto activated = ReadActivation(value);
    StepGate gate;
    if (columns <= 0 || !activated || !Collect(activated->x, first, columns, gate.sum)) return std::nullopt;
    gate.activation = activated->activation;
    return gate;
  }
  std::optional<StepGate> ReadPlainGate(Value value) const {
    auto gate = ReadGate(value);
    return gate && !gate->sum.rest ? gate : std::nullopt;
  }

  // h = o output(f c + i g)
  std::optional<RecurrentStep> ReadLstm(Value h) const {
    for (int i = 0; i < 2; ++i) {
      const auto squashed = ReadActivation(in(h, 1 - i));
      if (!squashed || (!IsSum(squashed->x) && !Is(squashed->x, "Mul"))) continue;
      const auto out = ReadPlainGate(in(h, i));
      if (!out) continue;
      if (auto step = ReadCarry(squashed->x, *out)) {
        step->h = h;
        step->output = squashed->activation;
        return step;
      }
    }
    return std::nullopt;
  }
  std::optional<RecurrentStep> ReadCarry(Value c, const StepGate& out) const {
    RecurrentStep step;
    step.kind = RecurrentKind::kLstm;
    step.c = c;
    if (Is(c, "Mul")) {
      const auto both = ReadInput(c, out);
      if (!both) return std::nullopt;
      step.gates = {both->first, out, std::nullopt, both->second};
      return step;
    }
    for (int i = 0; i < 4; ++i) {
      const Value kept = in(c, i / 2), added = in(c, 1 - i / 2);
      if (!Is(kept, "Mul") || !Is(added, "Mul")) continue;
      const auto forget = ReadPlainGate(in(kept, i % 2));
      const auto both = ReadInput(added, out);
      if (!forget || !both || !SameFactors(*forget, out)) continue;
      step.gates = {both->first, out, forget, both->second};
      step.c_before = in(kept, 1 - i % 2);
      return step;
    }
    return std::nullopt;
  }
  // i g
  std::optional<std::pair<StepGate, StepGate>> ReadInput(Value product, const StepGate& out) const {
    const auto a = ReadPlainGate(in(product, 0)), b = ReadPlainGate(in(product, 1));
    if (!a || !b || !SameFactors(*a, out) || !SameFactors(*b, out)) return std::nullopt;
    if (a->activation == out.activation) return std::pair(*a, *b);
    return b->activation == out.activation ? std::optional(std::pair(*b, *a)) : std::nullopt;
  }
  static bool SameFactors(const StepGate& a, const StepGate& b) {
    return std::equal(a.sum.products.begin(), a.sum.products.end(), b.sum.products.begin(), b.sum.products.end(),
                      [](const GateProduct& p, const GateProduct& q) { return p.x == q.x; });
  }

  // h = z h + (1 - z) g
  std::optional<RecurrentStep> ReadGru(Value h) const {
    if (Is(h, "Mul")) return ReadUpdate(h, std::nullopt, h);
    for (int i = 0; i < 2; ++i) {
      if (!Is(in(h, 0), "Mul") || !Is(in(h, 1), "Mul")) break;
      if (auto step = ReadUpdate(in(h, i), in(h, 1 - i), h)) return step;
    }
    return std::nullopt;
  }
  // (1 - z) g, and z h where there is a state
  std::optional<RecurrentStep> ReadUpdate(Value added, std::optional<Value> kept, Value h) const {
    for (int i = 0; i < 2; ++i) {
      const Value rest = in(added, i);
      if (!Is(rest, "Sub") || ScalarBehind(graph_, in(rest, 0)) != 1.0) continue;
      const Value z = in(rest, 1);
      RecurrentStep step;
      step.kind = RecurrentKind::kGru;
      step.h = h;
      if (kept) {
        const int at = in(*kept, 0) == z ? 0 : 1;
        if (in(*kept, at) != z) continue;
        step.h_before = in(*kept, 1 - at);
      }
      const auto update = ReadPlainGate(z);
      auto candidate = ReadGate(in(added, 1 - i));
      std::optional<StepGate> reset;
      if (!update || !candidate || !ReadReset(*candidate, reset, step)) continue;
      step.gates = {update, reset, candidate};
      return step;
    }
    return std::nullopt;
  }
  // Where the reset gate acts: on h from_h + bias, or on h itself.
  bool ReadReset(StepGate& candidate, std::optional<StepGate>& reset, RecurrentStep& step) const {
    if (const auto scaled = candidate.sum.rest) {
      for (int i = 0; i < 2 && Is(*scaled, "Mul"); ++i) {
        GateSum of_h;
        const Value sum = in(*scaled, 1 - i);
        reset = ReadPlainGate(in(*scaled, i));
        if (!reset || !Collect(sum, 0, Width(*scaled), of_h) || of_h.rest) continue;
        candidate.sum.rest.reset();
        candidate.sum.products.insert(candidate.sum.products.end(), of_h.products.begin(), of_h.products.end());
        candidate.bias_of_h = of_h.bias;
        step.reset_after = true;
        return true;
      }
      return false;
    }
    for (GateProduct& product : candidate.sum.products) {
      if (!step.h_before || !Is(product.x, "Mul")) continue;
      for (int i = 0; i < 2; ++i) {
        if (in(product.x, 1 - i) != *step.h_before) continue;
        reset = ReadPlainGate(in(product.x, i));
        if (!reset) continue;
        product.x = *step.h_before;
        step.reset_after = false;
        return true;
      }
    }
    return !step.h_before;
  }

  std::optional<RecurrentStep> ReadRnn(Value h) const {
    const auto gate = CutFrom(h) ? std::nullopt : ReadPlainGate(h);
    if (!gate || gate->sum.products.empty() || gate->sum.products.size() > 2) return std::nullopt;
    RecurrentStep step;
    step.h = h;
    step.gates = {gate};
    return step;
  }

  const Graph& graph_;
};

}  // namespace

std::vector<RecurrentStep> FindRecurrentSteps(const Graph& graph) {
  const StepReader reader(graph);
  std::vector<RecurrentStep> steps;
  for (NodeId id : graph.NodeIds()) {
    if (graph.node(id).outputs.empty()) continue;
    if (auto step = reader.Read({id, 0})) steps.push_back(*std::move(step));
  }
  return steps;
}

}  // namespace permafrost
