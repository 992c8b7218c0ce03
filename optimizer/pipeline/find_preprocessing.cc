#include "optimizer/pipeline/find_preprocessing.h"

#include <algorithm>
#include <set>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// A constant scale or shift of pixels: one number or one a channel.
bool ScalesOrShifts(const Graph& graph, const Node& node) {
  static const std::set<std::string_view> kOps = {"Sub", "Add", "AddV2", "Mul", "RealDiv", "Div"};
  if (!kOps.contains(node.op) || node.inputs.size() != 2) return false;
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](Value input) {
    const Tensor* constant = ConstantBehind(graph, input);
    return constant != nullptr && constant->elements() <= 4;
  });
}

bool TakesPixels(const GraphEditor& editor, NodeId id) {
  static const std::set<std::string_view> kPassive = {"Cast", "Identity", "ExpandDims", "Reshape", "ResizeBilinear",
                                                      "ResizeNearestNeighbor", "Transpose", "ReverseV2"};
  constexpr int kMaxSteps = 8;
  const Graph& graph = editor.graph();
  if (graph.type({id, 0}).dtype == DType::kUint8) return true;
  for (int step = 0; step < kMaxSteps; ++step) {
    const std::vector<Use>& users = editor.Users(id);
    if (users.size() != 1) return false;
    const Node& user = graph.node(users[0].node);
    if (ScalesOrShifts(graph, user)) return true;
    if (!kPassive.contains(user.op)) return false;
    id = users[0].node;
  }
  return false;
}

}  // namespace

std::vector<std::string> InputsThatTakePixels(const Graph& graph) {
  Graph copy = graph;  // an editor for its index of users
  const GraphEditor editor(copy);
  std::vector<std::string> names;
  for (NodeId id : graph.inputs()) {
    if (graph.type({id, 0}).shape.rank() == 4 && TakesPixels(editor, id)) names.push_back(graph.node(id).name);
  }
  return names;
}

}  // namespace permafrost
