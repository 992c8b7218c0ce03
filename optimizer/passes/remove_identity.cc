#include "optimizer/passes/remove_identity.h"

#include <optional>
#include <set>

namespace permafrost {
namespace {

bool IsIdentityLike(std::string_view op) {
  static const std::set<std::string_view> kOps = {"CheckNumerics",
                                                  "CheckNumericsV2",
                                                  "Copy",
                                                  "CopyHost",
                                                  "DebugGradientIdentity",
                                                  "DebugIdentity",
                                                  "DebugIdentityV2",
                                                  "DeepCopy",
                                                  "EnsureShape",
                                                  "Identity",
                                                  "IdentityN",
                                                  "PlaceholderWithDefault",
                                                  "PreventGradient",
                                                  "RefIdentity",
                                                  "Snapshot",
                                                  "StopGradient"};
  return kOps.contains(op);
}

// Why the node must stay, else nullopt.
std::optional<std::string> WhyNot(const Graph& graph, const Node& node) {
  if (!node.controls.empty()) return "it has control inputs";
  if (node.inputs.empty()) return "it has no input";
  if (node.op == "EnsureShape") {
    const Shape shape = node.attr_or("shape", Shape());
    const Shape& actual = graph.type(node.inputs[0]).shape;
    bool fits = !shape.has_rank() || shape.rank() == actual.rank();
    for (int i = 0; fits && i < shape.rank(); ++i) fits = shape.dim(i) < 0 || shape.dim(i) == actual.dim(i);
    if (!fits) return StrCat("its input has shape ", actual.ToString(), ", not known to fit ", shape.ToString());
  }
  return std::nullopt;
}

Status RemoveIdentity(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  const std::set<NodeId> graph_inputs(graph.inputs().begin(), graph.inputs().end());
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (!IsIdentityLike(node.op) || graph_inputs.contains(id)) continue;
    if (const std::optional<std::string> why = WhyNot(graph, node)) {
      context.Decline(node, *why);
      continue;
    }
    const int ports = node.op == "IdentityN" ? static_cast<int>(node.inputs.size()) : 1;
    for (int port = 0; port < ports; ++port) {
      editor.ReplaceUses({id, port}, graph.node(id).inputs[static_cast<size_t>(port)]);
    }
  }
  return OkStatus();
}

}  // namespace

const PassInfo kRemoveIdentity{.name = "remove-identity",
                               .summary = "bypass nodes that hand on their input",
                               .needs = {Fact::kNoControlFlow},
                               .gives = {Fact::kNoIdentity},
                               .run = RemoveIdentity,
                               .aliases = {}};

}  // namespace permafrost
