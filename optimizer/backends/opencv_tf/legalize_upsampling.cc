#include <algorithm>

#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"

namespace permafrost {
namespace {

using Dims = std::vector<int64_t>;

// Each pixel several times, as feature pyramids say it: a Reshape to [n, h, 1, w, 1, c], a product with ones
// [1, 1, a, 1, b, 1] or joins along the dims of 1, a Reshape to [n, h a, w b, c].
class UpsamplingRules : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    if (node(id).op != "Reshape") return;
    const Shape& to = type({id, 0}).shape;
    const auto source = RepeatedByOnes(in(id, 0), to);
    const std::optional<Value> picture = source ? source : RepeatedByStacks(in(id, 0), to);
    if (!picture || !IsFloat(*picture)) return;
    const std::vector<int32_t> size = {static_cast<int32_t>(to.dim(1)), static_cast<int32_t>(to.dim(2))};
    const Value pixels = EmitConst(editor_, StrCat(NewName(id), "/size"), Tensor::Vector<int32_t>(size));
    Replace(id, New(id, "ResizeNearestNeighbor", {*picture, pixels}));
  }

 private:
  static constexpr int64_t kLargestSide = 1 << 20;

  // [n, h, w, c] is repeated to [n, h a, w b, c], each pixel beside itself.
  bool Repeats(const Shape& from, const Shape& to) const {
    if (!from.IsRank(4) || !to.IsRank(4) || from.dim(0) != to.dim(0) || from.dim(3) != to.dim(3)) return false;
    const auto whole = [&](int axis) {
      const int64_t before = from.dim(axis), after = to.dim(axis);
      return before > 0 && after >= before && after <= kLargestSide && after % before == 0;
    };
    return whole(1) && whole(2);
  }

  static bool IsOnes(const Tensor* tensor) {
    constexpr int64_t kMost = 4096;  // as many as a pixel is repeated
    if (tensor == nullptr || tensor->elements() > kMost || !IsFloating(tensor->dtype())) return false;
    const std::vector<float> values = tensor->Values<float>();
    return std::all_of(values.begin(), values.end(), [](float value) { return value == 1; });
  }

  std::optional<Value> RepeatedByOnes(Value product, const Shape& to) const {
    if (node(product.node).op != "Mul") return std::nullopt;
    for (int i = 0; i < 2; ++i) {
      const Value spread = in(product.node, i);
      const Tensor* ones = constant(in(product.node, 1 - i));
      if (node(spread.node).op != "Reshape" || !IsOnes(ones)) continue;
      const Value picture = in(spread.node, 0);
      const Shape &from = type(picture).shape, &six = type(spread).shape;
      if (!Repeats(from, to) || six.rank() != 6) continue;
      const int64_t h = from.dim(1), w = from.dim(2), c = from.dim(3);
      const Dims expected = {six.dim(0), h, 1, w, 1, c}, times = {1, 1, to.dim(1) / h, 1, to.dim(2) / w, 1};
      if (six.dims() == expected && six.dim(0) == from.dim(0) && ones->dims() == times) return picture;
    }
    return std::nullopt;
  }

  // The value that a Pack along `axis` holds several times.
  std::optional<Value> Stacked(Value value, int64_t axis) const {
    const Node& pack = node(value.node);
    if (pack.op != "Pack" || pack.inputs.empty() || pack.attr_or<int64_t>("axis", 0) != axis) return std::nullopt;
    const auto same = [&](Value input) { return input == pack.inputs[0]; };
    return std::all_of(pack.inputs.begin(), pack.inputs.end(), same) ? std::optional(pack.inputs[0]) : std::nullopt;
  }

  // Columns are stacked first, then rows.
  std::optional<Value> RepeatedByStacks(Value stack, const Shape& to) const {
    const auto columns = Stacked(stack, 2);
    const auto picture = columns ? Stacked(*columns, 3) : std::nullopt;
    if (!picture || !Repeats(type(*picture).shape, to)) return std::nullopt;
    const auto rows = static_cast<int64_t>(node(stack.node).inputs.size());
    const auto times = static_cast<int64_t>(node(columns->node).inputs.size());
    const Shape& from = type(*picture).shape;
    const bool fits = to.dim(1) == from.dim(1) * rows && to.dim(2) == from.dim(2) * times;
    return fits ? picture : std::nullopt;
  }
};

Status Run(GraphEditor& editor, PassContext& context) {
  UpsamplingRules rules(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { rules.Visit(id); });
}

}  // namespace

const PassInfo kLegalizeUpsampling{
    .name = "legalize-upsampling",
    .summary = "say pixels that are repeated with one resize",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
