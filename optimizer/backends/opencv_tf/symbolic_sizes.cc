#include "optimizer/backends/opencv_tf/symbolic_sizes.h"

#include <algorithm>
#include <set>

#include "optimizer/ops/strided_slice.h"

namespace permafrost {
namespace {

using Sizes = std::vector<SymbolicSize>;
constexpr int kMostVisits = 512;  // nodes, counted as often as met
constexpr size_t kMostElements = 16;
constexpr int64_t kLargest = int64_t{1} << 31;

SymbolicSize Number(int64_t value) { return {true, {}, 0, 0, value}; }

bool IsSmall(const SymbolicSize& size) { return std::abs(size.scale) < kLargest && std::abs(size.offset) < kLargest; }

SymbolicSize Combine(std::string_view op, const SymbolicSize& a, const SymbolicSize& b) {
  if (!a.known || !b.known || !IsSmall(a) || !IsSmall(b)) return {};
  SymbolicSize result = a.scale != 0 ? a : b;
  if (op == "Mul") {
    if (a.scale != 0 && b.scale != 0) return {};
    const int64_t factor = a.scale != 0 ? b.offset : a.offset;
    result.scale *= factor;
    result.offset *= factor;
    return IsSmall(result) ? result : SymbolicSize();
  }
  if (op == "Add" || op == "AddV2" || op == "Sub") {
    const int64_t sign = op == "Sub" ? -1 : 1;
    const bool same = a.source == b.source && a.axis == b.axis;
    if (a.scale != 0 && b.scale != 0 && !same) return {};
    result.scale = a.scale + sign * b.scale;
    result.offset = a.offset + sign * b.offset;
    return result;
  }
  // Division: only where nothing is left over, whatever the dim is.
  if (b.scale != 0 || b.offset < 1 || a.scale % b.offset != 0 || a.offset % b.offset != 0) return {};
  result.scale = a.scale / b.offset;
  result.offset = a.offset / b.offset;
  return result;
}

Sizes Follow(const Graph& graph, Value value, int& budget);

Sizes Elementwise(const Graph& graph, const Node& node, int& budget) {
  const Sizes a = Follow(graph, node.inputs[0], budget), b = Follow(graph, node.inputs[1], budget);
  if (a.empty() || b.empty() || (a.size() != b.size() && a.size() != 1 && b.size() != 1)) return {};
  Sizes result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = Combine(node.op, a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]);
  }
  return result;
}

Sizes OfShape(const Graph& graph, Value x) {
  const Shape shape = graph.type(x).shape;
  Sizes result;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    result.push_back(shape.dim(axis) >= 0 ? Number(shape.dim(axis)) : SymbolicSize{true, x, axis, 1, 0});
  }
  return result;
}

Sizes Sliced(const Graph& graph, const Node& node, int& budget) {
  if (graph.type(node.inputs[0]).shape.rank() != 1) return {};
  const Sizes all = Follow(graph, node.inputs[0], budget);
  const Tensor* begin = ConstValue(graph, node.inputs[1]);
  const Tensor* end = ConstValue(graph, node.inputs[2]);
  if (all.empty() || begin == nullptr || end == nullptr) return {};
  const Shape shape = {static_cast<int64_t>(all.size())};
  Sizes result;
  if (node.op == "Slice") {
    const std::vector<int64_t> first = begin->Values<int64_t>(), count = end->Values<int64_t>();
    if (first.size() != 1 || count.size() != 1 || first[0] < 0) return {};
    for (int64_t i = first[0]; i < static_cast<int64_t>(all.size()); ++i) {
      if (count[0] >= 0 && i - first[0] >= count[0]) break;
      result.push_back(all[static_cast<size_t>(i)]);
    }
    return result;
  }
  const Tensor* strides = node.inputs.size() == 4 ? ConstValue(graph, node.inputs[3]) : nullptr;
  if (strides == nullptr) return {};
  const auto axes =
      ResolveStridedSlice(node, begin->Values<int64_t>(), end->Values<int64_t>(), strides->Values<int64_t>(), shape);
  if (!axes.ok() || axes->size() != 1 || (*axes)[0].input_axis != 0) return {};
  const SliceAxis& axis = (*axes)[0];
  for (int64_t i = 0; i < axis.count; ++i) {
    const int64_t at = axis.begin + i * axis.stride;
    if (at < 0 || at >= static_cast<int64_t>(all.size())) return {};
    result.push_back(all[static_cast<size_t>(at)]);
  }
  return result;
}

Sizes Follow(const Graph& graph, Value value, int& budget) {
  if (--budget < 0 || !graph.IsLive(value.node)) return {};
  const Node& node = graph.node(value.node);
  const ValueType& type = graph.type(value);
  if (const Tensor* constant = ConstValue(graph, value)) {
    if (constant->elements() < 1 || constant->elements() > static_cast<int64_t>(kMostElements)) return {};
    Sizes result;
    for (double number : constant->Values<double>()) {
      const auto whole = static_cast<int64_t>(number);
      const bool exact = std::abs(number) < 1e9 && static_cast<double>(whole) == number;
      result.push_back(exact ? Number(whole) : SymbolicSize());
    }
    return result;
  }
  if (type.ints && std::none_of(type.ints->begin(), type.ints->end(), [](int64_t i) { return i == kUnknownInt; })) {
    Sizes result;
    for (int64_t number : *type.ints) result.push_back(Number(number));
    return result;
  }
  static const std::set<std::string_view> kSame = {"Identity", "Cast", "Reshape", "Squeeze", "ExpandDims"};
  static const std::set<std::string_view> kArithmetic = {"Mul", "Add", "AddV2", "Sub", "FloorDiv", "RealDiv", "Div"};
  if (node.op == "Shape" && node.inputs.size() == 1) return OfShape(graph, node.inputs[0]);
  if (kSame.contains(node.op) && !node.inputs.empty()) return Follow(graph, node.inputs[0], budget);
  if (kArithmetic.contains(node.op) && node.inputs.size() == 2) return Elementwise(graph, node, budget);
  if ((node.op == "Slice" || node.op == "StridedSlice") && node.inputs.size() >= 3) return Sliced(graph, node, budget);
  if (node.op == "FloorMod" && node.inputs.size() == 2) {
    // Nothing is known of a remainder but that it is one.
    Sizes remainders = Follow(graph, node.inputs[0], budget);
    for (size_t i = 0; i < remainders.size(); ++i) remainders[i] = {true, value, static_cast<int>(i), 1, 0};
    return remainders;
  }
  const bool joins = node.op == "ConcatV2" && type.shape.rank() == 1;
  const bool packs = node.op == "Pack" && node.attr_or<int64_t>("axis", 0) == 0;
  if (!packs && !joins) return {};
  Sizes result;
  for (size_t i = 0; i + (joins ? 1 : 0) < node.inputs.size(); ++i) {
    const Sizes part = Follow(graph, node.inputs[i], budget);
    if (part.empty() || result.size() + part.size() > kMostElements) return {};
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

}  // namespace

Sizes SymbolicSizes(const Graph& graph, Value value) {
  int budget = kMostVisits;
  return Follow(graph, value, budget);
}

}  // namespace permafrost
