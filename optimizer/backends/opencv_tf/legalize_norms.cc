#include <algorithm>
#include <set>

#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"

namespace permafrost {
namespace {

// A batch norm that uses the statistics of its batch, as arithmetic.
class NormRules : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    static const std::set<std::string_view> kNorms = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"};
    if (!kNorms.contains(node(id).op) || !node(id).attr_or<bool>("is_training", true)) return;
    for (int port = 1; port < static_cast<int>(node(id).outputs.size()); ++port) {
      if (!editor_.Users(Value{id, port}).empty() || editor_.IsOutput({id, port})) return;
    }
    if (IsNchw(node(id))) {
      Rows(id);
    } else {
      Channels(id);
    }
  }

 private:
  Value Axes(NodeId id, const std::vector<int32_t>& axes) {
    return EmitConst(editor_, StrCat(NewName(id), "/axes"), Tensor::Vector<int32_t>(axes));
  }

  // (x - mean) / sqrt(variance + epsilon)
  Value Normalized(NodeId id, Value x, const std::vector<int32_t>& axes) {
    const double epsilon = node(id).attr_or<float>("epsilon", 1e-4F);
    const auto mean = [&](Value value) { return New(id, "Mean", {value, Axes(id, axes)}, {{"keep_dims", true}}); };
    const Value centered = New(id, "Sub", {x, mean(x)});
    const Value variance = mean(New(id, "Square", {centered}));
    return New(id, "RealDiv", {centered, New(id, "Sqrt", {Plus(id, variance, epsilon)})});
  }

  void Channels(NodeId id) {
    const Shape shape = type(in(id, 0)).shape;
    const Tensor *gamma = constant(id, 1), *beta = constant(id, 2);
    if (shape.rank() != 4 || shape.dim(0) < 1 || gamma == nullptr || beta == nullptr) return;
    const std::vector<int32_t> axes = shape.dim(0) == 1 ? std::vector<int32_t>{1, 2} : std::vector<int32_t>{0, 1, 2};
    const Value scaled = New(id, "Mul", {Normalized(id, in(id, 0), axes), in(id, 1)});
    Replace(id, New(id, "Add", {scaled, in(id, 2)}));
  }

  // All elements the same number, as in a constant or a Fill.
  bool IsAll(Value value, double number) const {
    const Node& producer = node(value.node);
    if (producer.op == "Fill" && producer.inputs.size() == 2) return ScalarBehind(graph_, producer.inputs[1]) == number;
    const Tensor* tensor = constant(value);
    if (tensor == nullptr) return false;
    const std::vector<double> values = tensor->Values<double>();
    return std::all_of(values.begin(), values.end(), [&](double v) { return v == number; });
  }

  // Keras says a layer norm as the norm of [1, rows, channels, 1], each row a channel of its own:
  //   Reshape(norm(Reshape(x))) is the norm of x over its last axes.
  void Rows(NodeId id) {
    const Shape shape = type(in(id, 0)).shape;
    if (shape.rank() != 4 || shape.dim(0) != 1 || !IsAll(in(id, 1), 1) || !IsAll(in(id, 2), 0)) return;
    const Node& before = node(in(id, 0).node);
    if (before.op != "Reshape" || editor_.IsOutput({id, 0})) return;
    const Value x = before.inputs[0];
    const Shape whole = type(x).shape;
    if (!whole.has_rank() || shape.dim(2) < 1 || shape.dim(3) < 1) return;
    // The axes whose dims multiply to the normalized ones.
    int64_t within = 1;
    std::vector<int32_t> axes;
    for (int axis = whole.rank() - 1; axis > 0 && within < shape.dim(2) * shape.dim(3); --axis) {
      if (whole.dim(axis) < 1) return;
      within *= whole.dim(axis);
      axes.insert(axes.begin(), axis);
    }
    if (within != shape.dim(2) * shape.dim(3) || axes.empty()) return;
    for (const Use& use : editor_.Users(id)) {
      if (node(use.node).op != "Reshape" || !(type({use.node, 0}).shape == whole)) return;
    }
    const Value normalized = Normalized(id, x, axes);
    for (const Use& use : std::vector<Use>(editor_.Users(id))) editor_.ReplaceUses({use.node, 0}, normalized);
  }
};

Status Run(GraphEditor& editor, PassContext& context) {
  NormRules rules(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { rules.Visit(id); });
}

}  // namespace

const PassInfo kLegalizeNorms{
    .name = "legalize-norms",
    .summary = "say norms that use the statistics of their data with arithmetic",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
