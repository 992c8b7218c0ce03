#include "optimizer/backends/onnx/passes.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// The last axis, kept.
bool IsOverLastAxis(const Graph& graph, const Node& node) {
  const Tensor* axes = node.inputs.size() == 2 ? ConstValue(graph, node.inputs[1]) : nullptr;
  if (axes == nullptr || axes->elements() != 1 || !node.attr_or<bool>("keep_dims", false)) return false;
  const int64_t axis = axes->Values<int64_t>()[0];
  return axis == -1 || axis == graph.type(node.inputs[0]).shape.rank() - 1;
}

struct Match {
  Value x;
  std::string_view why_not;  // the pattern, but not to be replaced
};

std::optional<Match> FindSoftmax(const GraphEditor& editor, NodeId id) {
  const Graph& graph = editor.graph();
  const Node& quotient = graph.node(id);
  if ((quotient.op != "RealDiv" && quotient.op != "Div") || quotient.inputs.size() != 2) return std::nullopt;
  const Value numerator = quotient.inputs[0];
  const Node &exp = graph.node(numerator.node), &sum = graph.node(quotient.inputs[1].node);
  if (exp.op != "Exp" || sum.op != "Sum" || sum.inputs[0] != numerator) return std::nullopt;
  const Node& sub = graph.node(exp.inputs[0].node);
  if (sub.op != "Sub" || sub.inputs.size() != 2) return std::nullopt;
  const Value x = sub.inputs[0];
  const Node& max = graph.node(sub.inputs[1].node);
  if (max.op != "Max" || max.inputs[0] != x) return std::nullopt;
  if (!IsOverLastAxis(graph, sum) || !IsOverLastAxis(graph, max)) return Match{x, "not over the last axis"};
  const bool alone = editor.Users(numerator).size() == 2 && !editor.IsOutput(numerator) &&
                     editor.HasOneUse(quotient.inputs[1]) && editor.HasOneUse(exp.inputs[0]);
  return Match{x, alone ? "" : "somebody else uses a part of it"};
}

Status Run(GraphEditor& editor, PassContext& context) {
  for (NodeId id : editor.graph().NodeIds()) {
    const auto match = FindSoftmax(editor, id);
    if (!match) continue;
    if (!match->why_not.empty()) {
      context.Decline(editor.node(id), match->why_not);
      continue;
    }
    const Value softmax = Emit(editor, "Softmax", StrCat(editor.node(id).name, "/fuse-softmax"), {match->x});
    editor.ReplaceUses({id, 0}, softmax);
  }
  return OkStatus();
}

}  // namespace

const PassInfo kFuseSoftmax{
    .name = "fuse-softmax",
    .summary = "put one Softmax in place of one that is spelled out",
    .needs = {Fact::kFlat},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
