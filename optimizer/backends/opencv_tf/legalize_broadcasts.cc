#include <algorithm>
#include <set>

#include "optimizer/backends/opencv_tf/axes.h"
#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"

namespace permafrost {
namespace {

// A picture of one pixel, which the importer spreads by itself.
bool IsPixelOf(const Graph& graph, Value value, const Shape& picture) {
  const Shape& shape = graph.type(value).shape;
  if (shape.rank() != 4 || picture.rank() != 4 || LayoutAbove(graph, value) != "NHWC") return false;
  return shape.dim(0) == picture.dim(0) && shape.dim(1) == 1 && shape.dim(2) == 1 && shape.dim(3) == picture.dim(3);
}

void SpreadOperands(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Shape to = graph.type({id, 0}).shape;
  if (!to.has_rank() || to.rank() == 0) return;
  std::vector<Value> operands = editor.node(id).inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    const Value x = operands[i];
    const Shape shape = graph.type(x).shape;
    if (ConstValue(graph, x) != nullptr || !shape.has_rank() || shape == to) continue;
    bool repeats = shape.rank() < to.rank();
    for (int axis = 0; !repeats && axis < to.rank(); ++axis) repeats = shape.dim(axis) == 1 && to.dim(axis) != 1;
    const bool other_is_picture = operands.size() == 2 && graph.type(operands[1 - i]).shape == to;
    if (!repeats || (other_is_picture && IsPixelOf(graph, x, to) && ConstValue(graph, operands[1 - i]) == nullptr)) {
      continue;
    }
    if (!CanSpread(graph, x, to)) {
      context.Decline(editor.node(id), StrCat(shape.ToString(), " cannot be spread over ", to.ToString()));
      continue;
    }
    operands[i] = EmitSpread(editor, StrCat(editor.node(id).name, "/opencv"), x, to);
  }
  if (operands != editor.node(id).inputs) editor.SetInputs(id, operands);
}

// Channels-first pictures of different sizes are computed with as channels-last ones, which are spread here or by the
// importer; turning them costs nothing in cv::dnn. Returns the node that computes.
class ChannelsFirstSpread : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  NodeId Visit(NodeId id) {
    const std::vector<Value> inputs = node(id).inputs;
    bool first = false;
    for (const Value input : inputs) {
      if (type(input).shape.rank() != 4 || constant(input) != nullptr) return id;
      first = first || SaidLayoutAbove(graph_, input) == "NCHW";
    }
    if (!first || SameShape(type(inputs[0]), type(inputs[1]))) return id;
    const Value last = New(id, node(id).op, {ChannelsLast(id, inputs[0]), ChannelsLast(id, inputs[1])});
    Replace(id, ChannelsFirst(id, last));
    return last.node;
  }
};

// OpenCV computes with nothing of less than two dims: what is worked out of a vector or a scalar is worked out of a row.
// Users of more dims get a vector's row as well, for which it means the same.
class VectorsAsRows {
 public:
  explicit VectorsAsRows(GraphEditor& editor) : editor_(editor), graph_(editor.graph()) {}

  void Visit(NodeId id) {
    static const std::set<std::string_view> kUnary = {
        "Sqrt",  "Rsqrt",   "Square",   "Exp",   "Log",  "Neg",   "Abs",      "Relu",        "Relu6", "Sigmoid",
        "Tanh",  "Inv",     "Softplus", "Erf",   "Elu",  "Selu",  "Softsign", "LeakyRelu",   "Sign",  "Reciprocal",
        "Floor", "Ceil",    "Round",    "Sin",   "Cos",  "Tan",   "Asin",     "Acos",        "Atan",  "ClipByValue",
        "Sinh",  "Cosh",    "Asinh",    "Acosh", "Atanh"};
    static const std::set<std::string_view> kBinary = {
        "Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "SquaredDifference", "Pow"};
    const Node node = graph_.node(id);
    if (!kUnary.contains(node.op) && !kBinary.contains(node.op)) return;
    if (!IsFloating(graph_.type({id, 0}).dtype)) return;
    const int rank = graph_.type({id, 0}).shape.rank();
    const bool is_vector = rank == 1 || (rank == 0 && MayBeVector(editor_, {id, 0}));
    std::vector<Value> inputs = node.inputs;
    for (Value& input : inputs) {
      if (!IsLiveVector(input) && !(is_vector && IsLiveScalar(input))) continue;
      const auto row = rows_.find(input);
      if (row != rows_.end()) {
        input = row->second;
      } else {
        const int64_t size = graph_.type(input).shape.Elements();
        const Value reshaped = EmitReshape(editor_, StrCat(node.name, "/opencv"), input, {1, size});
        rows_[input] = reshaped;
        input = reshaped;
      }
    }
    if (inputs == node.inputs) return;
    if (!is_vector) return editor_.SetInputs(id, inputs);
    rows_[{id, 0}] = Emit(editor_, node.op, StrCat(node.name, "/opencv"), inputs, node.attrs);
    const Value row = rows_[{id, 0}];
    const bool ends_here = editor_.IsOutput({id, 0}) || HasOtherUser(id, kUnary, kBinary);
    if (!ends_here) return;
    const std::vector<int64_t> dims(static_cast<size_t>(rank), -1);
    editor_.ReplaceUses({id, 0}, EmitReshape(editor_, StrCat(node.name, "/opencv"), row, dims));
  }

 private:
  bool IsLiveVector(Value value) const {
    const Shape& shape = graph_.type(value).shape;
    return shape.rank() == 1 && shape.dim(0) > 0 && ConstValue(graph_, value) == nullptr;
  }
  bool IsLiveScalar(Value value) const {
    return graph_.type(value).shape.IsRank(0) && ConstValue(graph_, value) == nullptr;
  }
  bool HasOtherUser(NodeId id, const std::set<std::string_view>& unary,
                    const std::set<std::string_view>& binary) const {
    const std::vector<Use>& users = editor_.Users(id);
    return std::any_of(users.begin(), users.end(), [&](const Use& use) {
      const std::string& op = graph_.node(use.node).op;
      return !unary.contains(op) && !binary.contains(op);
    });
  }

  GraphEditor& editor_;
  const Graph& graph_;
  std::map<Value, Value> rows_;
};

Status Run(GraphEditor& editor, PassContext& context) {
  VectorsAsRows vectors(editor);
  RETURN_IF_ERROR(ForEachUsedNode(editor, [&](NodeId id) { vectors.Visit(id); }));
  static const std::set<std::string_view> kOps = {
      "Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "SquaredDifference"};
  ChannelsFirstSpread channels_first(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) {
    const Node& node = editor.node(id);
    if (kOps.contains(node.op) && node.inputs.size() == 2 && IsFloating(editor.graph().type({id, 0}).dtype)) {
      SpreadOperands(editor, channels_first.Visit(id), context);
    }
  });
}

}  // namespace

const PassInfo kLegalizeBroadcasts{
    .name = "legalize-broadcasts",
    .summary = "repeat what OpenCV does not spread by itself",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
