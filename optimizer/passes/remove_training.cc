#include "optimizer/passes/remove_training.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/op.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

constexpr int kMaxHops = 10;         // between a mask and its random numbers, or in the formula of a probability
constexpr double kTolerance = 0.01;  // half precision files round 1 / keep

bool IsUniformOp(std::string_view op) {
  return op == "RandomUniform" || op == "StatelessRandomUniform" || op == "StatelessRandomUniformV2";
}

bool IsRandomOp(std::string_view op) {
  static const std::set<std::string_view> kOps = {
      "Multinomial",   "ParameterizedTruncatedNormal", "RandomGamma",   "RandomPoisson",    "RandomPoissonV2",
      "RandomShuffle", "RandomStandardNormal",         "RandomUniform", "RandomUniformInt", "TruncatedNormal"};
  return kOps.contains(op);
}

bool IsOneOf(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

// A probability, or what is computed from one: a number where the file says it, else the placeholders it comes from.
struct Knob {
  std::optional<Tensor> tensor;  // of one element
  std::set<NodeId> sources;
  std::optional<double> value() const { return tensor.has_value() ? tensor->SingleValue() : std::nullopt; }
};

std::optional<Knob> ReadKnob(const Graph& graph, Value value, int hops = kMaxHops) {
  if (!graph.IsLive(value.node) || value.port != 0 || hops == 0) return std::nullopt;
  const Node& node = graph.node(value.node);
  if (node.IsConst()) {
    const Tensor* tensor = ConstValue(graph, value);
    if (tensor == nullptr || tensor->elements() != 1 || !tensor->SingleValue().has_value()) return std::nullopt;
    return Knob{*tensor, {}};
  }
  const Shape& shape = graph.type(value).shape;
  if (shape.has_rank() && shape.Elements() != 1) return std::nullopt;
  if (node.op == "Placeholder" || node.op == "PlaceholderWithDefault") return Knob{std::nullopt, {value.node}};
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || !op->pure || op->kernel == nullptr || node.inputs.empty()) return std::nullopt;
  if (node.inputs.size() > 2) return std::nullopt;
  Knob knob;
  std::vector<Tensor> tensors;
  for (Value input : node.inputs) {
    const std::optional<Knob> part = ReadKnob(graph, input, hops - 1);
    if (!part.has_value()) return std::nullopt;
    knob.sources.insert(part->sources.begin(), part->sources.end());
    if (part->tensor.has_value()) tensors.push_back(*part->tensor);
  }
  if (!knob.sources.empty()) return knob;
  StatusOr<std::vector<Tensor>> results = EvaluateNode(node, tensors);
  if (!results.ok() || results->size() != 1 || (*results)[0].elements() != 1) return std::nullopt;
  knob.tensor = (*results)[0];
  return knob;
}

// Random numbers in [0, 1), stretched and moved by constants as tf.random.uniform does it.
bool IsUniform(const Graph& graph, Value value, int hops = kMaxHops) {
  if (!graph.IsLive(value.node) || hops == 0) return false;
  const Node& node = graph.node(value.node);
  if (IsUniformOp(node.op)) return true;
  if (IsOneOf(node.op, {"Identity", "Cast"})) return IsUniform(graph, node.inputs[0], hops - 1);
  if (!IsOneOf(node.op, {"Add", "AddV2", "Mul", "Sub"}) || node.inputs.size() != 2) return false;
  for (size_t i : {0, 1}) {
    const std::optional<Knob> other = ReadKnob(graph, node.inputs[1 - i]);
    if (!other.has_value() || !other->sources.empty()) continue;  // min and max - min are constants
    if (IsUniform(graph, node.inputs[i], hops - 1)) return true;
  }
  return false;
}

// The probability with which a random mask keeps an element.
std::optional<Knob> ReadMask(const Graph& graph, Value value, int hops = kMaxHops) {
  if (!graph.IsLive(value.node) || hops == 0) return std::nullopt;
  const Node& node = graph.node(value.node);
  if (IsOneOf(node.op, {"Identity", "Cast"}) && !node.inputs.empty()) return ReadMask(graph, node.inputs[0], hops - 1);
  if (node.op == "Floor" && node.inputs.size() == 1) {
    const Node& sum = graph.node(node.inputs[0].node);
    if (!IsOneOf(sum.op, {"Add", "AddV2"}) || sum.inputs.size() != 2) return std::nullopt;
    for (size_t i : {0, 1}) {
      if (!IsUniform(graph, sum.inputs[i])) continue;
      if (std::optional<Knob> keep = ReadKnob(graph, sum.inputs[1 - i])) return keep;
    }
    return std::nullopt;
  }
  if (node.inputs.size() != 2) return std::nullopt;
  const bool greater = IsOneOf(node.op, {"Greater", "GreaterEqual"});
  if (!greater && !IsOneOf(node.op, {"Less", "LessEqual"})) return std::nullopt;
  for (size_t i : {0, 1}) {
    if (!IsUniform(graph, node.inputs[i])) continue;
    std::optional<Knob> bound = ReadKnob(graph, node.inputs[1 - i]);
    if (!bound.has_value()) continue;
    // uniform > rate keeps 1 - rate; uniform < keep keeps keep.
    if (greater == (i == 0) && bound->value().has_value()) bound->tensor = Tensor::Scalar(1 - *bound->value());
    return bound;
  }
  return std::nullopt;
}

bool IsZero(const Graph& graph, Value value) {
  if (ScalarBehind(graph, value) == 0.0) return true;
  if (!graph.IsLive(value.node)) return false;
  const Node& node = graph.node(value.node);
  if (node.op == "ZerosLike") return true;
  if (node.op == "Fill" && node.inputs.size() == 2) return ScalarBehind(graph, node.inputs[1]) == 0.0;
  const Tensor* tensor = ConstantBehind(graph, value);
  if (tensor == nullptr || tensor->elements() > 4096 || SizeOf(tensor->dtype()) == 0) return false;
  const std::vector<double> values = tensor->Values<double>();
  return std::all_of(values.begin(), values.end(), [](double v) { return v == 0; });
}

// The x of x / keep or x * (1 / keep).
std::optional<Value> Unscaled(const Graph& graph, Value scaled, const Knob& keep) {
  const Node& node = graph.node(scaled.node);
  const bool divides = IsOneOf(node.op, {"RealDiv", "Div"});
  if ((!divides && node.op != "Mul") || node.inputs.size() != 2) return std::nullopt;
  for (size_t i : {1, 0}) {
    if (i == 0 && divides) break;
    const std::optional<Knob> scale = ReadKnob(graph, node.inputs[i]);
    if (!scale.has_value()) continue;
    if (keep.value().has_value() && scale->value().has_value()) {
      const double product = divides ? *keep.value() / *scale->value() : *keep.value() * *scale->value();
      if (std::abs(product - 1) <= kTolerance) return node.inputs[1 - i];
    } else if (!keep.sources.empty() && scale->sources == keep.sources) {
      return node.inputs[1 - i];
    }
  }
  return std::nullopt;
}

// Dropout may not change a shape: the mask broadcasts to x, not the other way.
bool SameShape(const Graph& graph, Value dropout, Value x) {
  const Shape& before = graph.type(dropout).shape;
  const Shape& after = graph.type(x).shape;
  return !before.has_rank() || !after.has_rank() || MergeShapes(before, after) == MergeShapes(after, before);
}

struct Match {
  std::optional<Value> forward;
  std::string_view why_not;  // "" where nothing looks like dropout
};

Match MatchDropout(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const bool widens_half = !node.inputs.empty() && graph.type(node.inputs[0]).dtype == DType::kHalf;
  if (node.op == "Dropout" && !node.inputs.empty() && !widens_half) return {node.inputs[0], ""};
  const auto judge = [&](Value scaled, const Knob& keep) -> Match {
    std::optional<Value> x = Unscaled(graph, scaled, keep);
    if (!x.has_value() && keep.value().has_value() && std::abs(*keep.value() - 1) <= 1e-6)
      x = scaled;  // scale 1 left out
    if (!x.has_value()) return {std::nullopt, "a random mask, but its scale is not the inverse of its probability"};
    if (!SameShape(graph, {id, 0}, *x)) return {std::nullopt, "a random mask that changes the shape"};
    return {x, ""};
  };
  if (node.op == "Mul" && node.inputs.size() == 2) {
    for (size_t i : {1, 0}) {
      if (const std::optional<Knob> keep = ReadMask(graph, node.inputs[i])) return judge(node.inputs[1 - i], *keep);
    }
  }
  if (IsOneOf(node.op, {"Select", "SelectV2"}) && node.inputs.size() == 3) {
    const std::optional<Knob> keep = ReadMask(graph, node.inputs[0]);
    if (!keep.has_value()) return {};
    if (!IsZero(graph, node.inputs[2])) return {std::nullopt, "a random choice between two values"};
    return judge(node.inputs[1], *keep);
  }
  return {};
}

// x * c + StopGradient(x * (1 - c)): forwards x.
std::optional<Value> MatchGradientMultiplier(const Graph& graph, const Node& node) {
  if (!IsOneOf(node.op, {"Add", "AddV2"}) || node.inputs.size() != 2) return std::nullopt;
  bool stopped = false;
  std::vector<std::pair<Value, double>> terms;
  for (Value input : node.inputs) {
    const Node* term = &graph.node(input.node);
    if (term->op == "StopGradient" && !term->inputs.empty()) {
      stopped = true;
      term = &graph.node(term->inputs[0].node);
    }
    if (term->op != "Mul" || term->inputs.size() != 2) return std::nullopt;
    for (size_t i : {1, 0}) {
      const std::optional<double> factor = ScalarBehind(graph, term->inputs[i]);
      if (!factor.has_value() || graph.type(term->inputs[i]).shape.rank() != 0) continue;
      terms.push_back({term->inputs[1 - i], *factor});
      break;
    }
  }
  if (!stopped || terms.size() != 2 || terms[0].first != terms[1].first) return std::nullopt;
  if (std::abs(terms[0].second + terms[1].second - 1) > 1e-6) return std::nullopt;
  return terms[0].first;
}

Status RemoveTraining(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (!node.controls.empty()) continue;
    const Match dropout = MatchDropout(graph, id);
    if (dropout.forward.has_value()) {
      context.Note(StrCat("dropout '", node.name, "' taken out: at inference it hands on its input"));
      editor.ReplaceUses({id, 0}, *dropout.forward);
    } else if (!dropout.why_not.empty()) {
      context.Decline(node, dropout.why_not);
    } else if (node.op == "Print" && !node.inputs.empty()) {
      editor.ReplaceUses({id, 0}, node.inputs[0]);
    } else if (const std::optional<Value> x = MatchGradientMultiplier(graph, node)) {
      editor.ReplaceUses({id, 0}, *x);
    }
  }
  editor.PruneDead();
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (IsRandomOp(node.op)) {
      context.Note(StrCat("'", node.name, "' (", node.op,
                          ") still feeds an output and is no dropout: results differ from "
                          "run to run"));
    }
  }
  return OkStatus();
}

}  // namespace

const PassInfo kRemoveTraining{.name = "remove-training",
                               .summary = "take out dropout and what else only training needs",
                               .needs = {Fact::kNoControlFlow},
                               .gives = {Fact::kNoTrainingOps},
                               .run = RemoveTraining,
                               .aliases = {"remove_training_nodes"}};

}  // namespace permafrost
