#include "optimizer/passes/simplify.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "optimizer/passes/rewrite.h"
#include "optimizer/passes/stacked_values.h"

namespace permafrost {
namespace {

constexpr int64_t kMaxCompared = int64_t{1}
                                 << 16;  // elements of a constant looked at to see whether they are all equal

const std::optional<std::vector<int64_t>>& Ints(const Graph& graph, const Node& node, size_t input) {
  return graph.type(node.inputs[input]).ints;
}

bool AllAre(const std::optional<std::vector<int64_t>>& ints, int64_t wanted) {
  return ints.has_value() && std::all_of(ints->begin(), ints->end(), [&](int64_t i) { return i == wanted; });
}

bool IsFilledWith(const Graph& graph, Value value, double number) {
  const Tensor* tensor = ConstantBehind(graph, value);
  if (tensor == nullptr || tensor->dtype() == DType::kString || SizeOf(tensor->dtype()) == 0) return false;
  if (const std::optional<double> single = tensor->SingleValue()) return *single == number;
  if (tensor->elements() == 0 || tensor->elements() > kMaxCompared) return false;
  const std::vector<double> values = tensor->Values<double>();
  return !values.empty() && std::all_of(values.begin(), values.end(), [&](double v) { return v == number; });
}

// Whether two values surely have the same shape.
bool SameShape(const Shape& a, const Shape& b) { return a.FullyKnown() && a == b; }

// Whether broadcasting with `other` surely leaves `shape` as it is.
bool SurvivesBroadcast(const Shape& shape, const Shape& other) {
  if (other.IsRank(0)) return true;
  if (!shape.has_rank() || !other.has_rank() || other.rank() > shape.rank()) return false;
  for (int i = 1; i <= other.rank(); ++i) {
    if (other.dim(-i) != 1 && (other.dim(-i) < 0 || other.dim(-i) != shape.dim(-i))) return false;
  }
  return true;
}

// Neutral element of a binary op: on which side it may stand, and its value.
struct Neutral {
  double value;
  bool left, right;
};
std::optional<Neutral> NeutralOf(std::string_view op) {
  static const std::map<std::string_view, Neutral> kNeutral = {
      {"Add", {0, true, true}},  {"AddV2", {0, true, true}},    {"BiasAdd", {0, false, true}},
      {"Div", {1, false, true}}, {"Mul", {1, true, true}},      {"Pow", {1, false, true}},
      {"Sub", {0, false, true}}, {"RealDiv", {1, false, true}},
  };
  const auto found = kNeutral.find(op);
  if (found == kNeutral.end()) return std::nullopt;
  return found->second;
}

std::optional<Value> NeutralInput(const Graph& graph, const Node& node) {
  const std::optional<Neutral> neutral = NeutralOf(node.op);
  if (!neutral.has_value() || node.inputs.size() != 2) return std::nullopt;
  for (size_t constant : {1, 0}) {
    if (constant == 1 ? !neutral->right : !neutral->left) continue;
    const Value kept = node.inputs[1 - constant], other = node.inputs[constant];
    const bool survives = node.op == "BiasAdd" || SurvivesBroadcast(graph.type(kept).shape, graph.type(other).shape);
    if (survives && IsFilledWith(graph, other, neutral->value)) return kept;
  }
  return std::nullopt;
}

struct Bounds {
  bool below = false, above = false;
};
Bounds BoundsOf(const Graph& graph, Value value, int depth = 0) {
  constexpr int kMaxDepth = 6;
  static const std::set<std::string_view> kBoth = {"Sigmoid", "Tanh", "Softmax", "Softsign", "Relu6"};
  const Node& node = graph.node(value.node);
  if (kBoth.contains(node.op)) return {true, true};
  if (depth == kMaxDepth || node.inputs.empty()) return {};
  const auto input = [&](size_t i) { return BoundsOf(graph, node.inputs[i], depth + 1); };
  const auto is_finite = [&](size_t i) {
    const Tensor* bound = ConstantBehind(graph, node.inputs[i]);
    const auto number = bound == nullptr ? std::nullopt : bound->SingleValue();
    return number.has_value() && std::isfinite(*number);
  };
  if (node.op == "Split") return node.inputs.size() == 2 ? input(1) : Bounds();
  if (node.op == "SplitV" || node.op == "Identity" || node.op == "Reshape") return input(0);
  if (node.op == "Relu") return {true, input(0).above};
  if (node.op == "ClipByValue" && node.inputs.size() == 3) return {is_finite(1), is_finite(2)};
  if ((node.op != "Maximum" && node.op != "Minimum") || node.inputs.size() != 2) return {};
  const size_t live = is_finite(0) ? 1 : 0;
  if (!is_finite(1 - live)) return {};
  Bounds bounds = input(live);
  (node.op == "Maximum" ? bounds.below : bounds.above) = true;
  return bounds;
}

// Zeros times what cannot be infinite are zeros: a first state that a gate acts on.
std::optional<Value> ZeroFactor(const Graph& graph, const Node& node) {
  if (node.op != "Mul" || node.inputs.size() != 2) return std::nullopt;
  for (size_t zeros : {0, 1}) {
    const Value factor = node.inputs[1 - zeros];
    const bool keeps_shape = SurvivesBroadcast(graph.type(node.inputs[zeros]).shape, graph.type(factor).shape);
    if (!keeps_shape || !IsFilledWith(graph, node.inputs[zeros], 0)) continue;
    const Bounds other = BoundsOf(graph, factor);
    if (other.below && other.above) return node.inputs[zeros];
  }
  return std::nullopt;
}

// Same dims where known, and at most one unknown, which the number of elements then settles.
bool KeepsShape(const Shape& from, const std::optional<std::vector<int64_t>>& target, const Shape& to) {
  if (SameShape(from, to)) return true;
  if (!from.has_rank() || !target.has_value() || static_cast<int>(target->size()) != from.rank()) return false;
  int open = 0;
  for (int i = 0; i < from.rank(); ++i) {
    const int64_t wanted = (*target)[static_cast<size_t>(i)];
    if (from.dim(i) == 0) return false;  // nothing could be said of the open dim
    if (from.dim(i) > 0 && wanted == from.dim(i)) continue;
    if (from.dim(i) > 0 && wanted != -1) return false;
    ++open;
  }
  return open <= 1;
}

bool SlicesEverything(const Graph& graph, const Node& node) {
  const Shape& from = graph.type(node.inputs[0]).shape;
  if (node.inputs.size() != 3 || !AllAre(Ints(graph, node, 1), 0)) return false;
  const auto& size = Ints(graph, node, 2);
  if (!size.has_value() || !from.has_rank() || static_cast<int>(size->size()) != from.rank()) return false;
  for (int i = 0; i < from.rank(); ++i) {
    const int64_t wanted = (*size)[static_cast<size_t>(i)];
    if (wanted != -1 && (wanted < 0 || wanted != from.dim(i))) return false;
  }
  return true;
}

bool StridesOverEverything(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 4 || !AllAre(Ints(graph, node, 3), 1)) return false;
  if (node.attr_or<int64_t>("new_axis_mask", 0) != 0 || node.attr_or<int64_t>("shrink_axis_mask", 0) != 0) return false;
  const Shape& from = graph.type(node.inputs[0]).shape;
  if (SameShape(from, node.outputs[0].shape)) return true;  // step 1 and the same extents
  if (node.attr_or<int64_t>("ellipsis_mask", 0) != 0) return false;
  const auto& begin = Ints(graph, node, 1);
  const auto& end = Ints(graph, node, 2);
  if (!begin.has_value() || !end.has_value() || begin->size() != end->size() || begin->size() > 31) return false;
  const int64_t begin_mask = node.attr_or<int64_t>("begin_mask", 0), end_mask = node.attr_or<int64_t>("end_mask", 0);
  for (size_t i = 0; i < begin->size(); ++i) {
    const int64_t bit = int64_t{1} << i, dim = from.dim(static_cast<int>(i));
    const bool from_start = (begin_mask & bit) != 0 || (*begin)[i] == 0;
    const bool to_end = (end_mask & bit) != 0 || (dim >= 0 && (*end)[i] != kUnknownInt && (*end)[i] >= dim);
    if (!from_start || !to_end) return false;
  }
  return true;
}

bool IsIdentityPermutation(const std::optional<std::vector<int64_t>>& permutation) {
  if (!permutation.has_value()) return false;
  for (size_t i = 0; i < permutation->size(); ++i) {
    if ((*permutation)[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

bool IsReduction(std::string_view op) {
  return op == "Sum" || op == "Mean" || op == "Max" || op == "Min" || op == "Prod" || op == "All" || op == "Any";
}

bool OnlyReshapes(const Node& node) {
  return (node.op == "Reshape" || node.op == "Squeeze" || node.op == "ExpandDims") && !node.inputs.empty();
}

// What a chain of reshapes started from, where it comes back to that shape.
std::optional<Value> ReshapedBack(const Graph& graph, const Node& node) {
  constexpr int kMaxSteps = 8;
  const ValueType& to = node.outputs[0];
  Value value = node.inputs[0];
  for (int i = 0; i < kMaxSteps && OnlyReshapes(graph.node(value.node)); ++i) {
    value = graph.node(value.node).inputs[0];
    if (SameShape(graph.type(value).shape, to.shape)) return value;
  }
  return std::nullopt;
}

// Of a ConcatV2: all others are empty.
std::optional<Value> OnlyOperandWithElements(const Graph& graph, const Node& node) {
  std::optional<Value> only;
  for (size_t i = 0; i + 1 < node.inputs.size(); ++i) {
    if (graph.type(node.inputs[i]).shape.Elements() == 0) continue;
    if (only) return std::nullopt;
    only = node.inputs[i];
  }
  return only || node.inputs.size() != 2 ? only : node.inputs[0];
}

std::optional<Value> FindEqualInput(const Graph& graph, const Node& node) {
  if (std::optional<Value> kept = NeutralInput(graph, node)) return kept;
  if (std::optional<Value> zeros = ZeroFactor(graph, node)) return zeros;
  if (OnlyReshapes(node)) {
    if (std::optional<Value> start = ReshapedBack(graph, node)) return start;
  }
  if (node.op == "StridedSlice") {
    // StridedSlice(Pack(a, b), 1) is b.
    const std::optional<Element> element = TakenElement(graph, node);
    if (std::optional<Value> packed = element ? PackedElement(graph, *element) : std::nullopt) return packed;
  }
  const Value first = node.inputs[0];
  const Shape& from = graph.type(first).shape;
  const Shape& to = node.outputs[0].shape;
  const std::string_view op = node.op;
  const size_t inputs = node.inputs.size();
  bool same = false;
  if (op == "Reshape" && inputs == 2) {
    same = KeepsShape(from, Ints(graph, node, 1), to);
  } else if (op == "Squeeze") {
    same = from.has_rank() && to.has_rank() && from.rank() == to.rank();
  } else if (op == "BroadcastTo") {
    same = SameShape(from, to);
  } else if (op == "Transpose" && inputs == 2) {
    same = IsIdentityPermutation(Ints(graph, node, 1)) && !Ints(graph, node, 1)->empty();
  } else if (op == "Cast" || op == "Bitcast") {
    const DType dtype = graph.type(first).dtype;
    same = dtype != DType::kInvalid && dtype == node.outputs[0].dtype;
  } else if ((op == "Pad" && inputs == 2) || (op == "PadV2" && inputs == 3) || (op == "MirrorPad" && inputs == 2)) {
    same = IsFilledWith(graph, node.inputs[1], 0);
  } else if (op == "Tile" && inputs == 2) {
    same = AllAre(Ints(graph, node, 1), 1) && from.IsRank(static_cast<int>(Ints(graph, node, 1)->size()));
  } else if (op == "Slice") {
    same = SlicesEverything(graph, node);
  } else if (op == "StridedSlice") {
    same = StridesOverEverything(graph, node);
  } else if (op == "AddN") {
    same = inputs == 1;
  } else if (op == "ConcatV2") {
    return OnlyOperandWithElements(graph, node);
  } else if (op == "Concat" && inputs == 2) {
    return node.inputs[1];
  } else if (IsReduction(op) && inputs == 2) {
    const auto& axes = Ints(graph, node, 1);
    same = axes.has_value() && axes->empty();
  }
  if (!same) return std::nullopt;
  return first;
}

}  // namespace

std::optional<Value> EqualInput(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.outputs.empty()) return std::nullopt;
  const std::optional<Value> input = FindEqualInput(graph, node);
  if (!input.has_value()) return std::nullopt;
  // Nothing that is known of the output may be lost.
  const ValueType& from = graph.type(*input);
  const ValueType& to = node.outputs[0];
  if (from.dtype != to.dtype || MergeShapes(from.shape, to.shape) != from.shape) return std::nullopt;
  return input;
}

}  // namespace permafrost
