#include "optimizer/pipeline/picture_size.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "optimizer/passes/lowering/cone.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

constexpr int64_t kLeastSide = 8;  // of a picture; smaller numbers beside sizes are offsets

bool IsResize(const Node& node) {
  static const std::set<std::string_view> kOps = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"};
  return kOps.contains(node.op) && node.inputs.size() == 2;
}
bool IsPad(const Node& node) { return (node.op == "Pad" || node.op == "PadV2") && node.inputs.size() >= 2; }

// The elements of small whole numbers that were packed and reshaped, in order.
void CollectElements(const Graph& graph, Value value, int depth, std::vector<Value>& elements) {
  constexpr int kMostDepth = 20;
  constexpr size_t kMostElements = 16;
  if (depth > kMostDepth || elements.size() > kMostElements) return;
  const Node& node = graph.node(value.node);
  const bool hands_on = node.op == "Reshape" || node.op == "Identity" || node.op == "Cast";
  if (node.op == "Pack" || node.op == "ConcatV2") {
    const size_t parts = node.inputs.size() - (node.op == "ConcatV2" && !node.inputs.empty() ? 1 : 0);
    for (size_t i = 0; i < parts; ++i) CollectElements(graph, node.inputs[i], depth + 1, elements);
  } else if (hands_on && !node.inputs.empty()) {
    CollectElements(graph, node.inputs[0], depth + 1, elements);
  } else {
    elements.push_back(value);
  }
}

// Height and width of pictures padded by what they lack: [[0, H - height], [0, W - width]].
std::optional<std::vector<int64_t>> PaddedTo(const Graph& graph, const Node& pad) {
  std::vector<Value> elements;
  CollectElements(graph, pad.inputs[1], 0, elements);
  std::vector<int64_t> sides;
  for (Value element : elements) {
    const Node& node = graph.node(element.node);
    if (node.op != "Sub" || node.inputs.size() != 2) continue;
    const Tensor* whole = ConstantBehind(graph, node.inputs[0]);
    if (whole == nullptr || whole->elements() != 1 || IsFloating(whole->dtype())) continue;
    const int64_t side = whole->Values<int64_t>()[0];
    if (side >= kLeastSide) sides.push_back(side);
  }
  return sides.size() == 2 ? std::optional(sides) : std::nullopt;
}

std::optional<std::vector<int64_t>> ResizedTo(const Graph& graph, const Node& resize) {
  const Tensor* size = ConstantBehind(graph, resize.inputs[1]);
  if (size == nullptr || size->elements() != 2) return std::nullopt;
  return size->Values<int64_t>();
}

}  // namespace

std::optional<std::vector<int64_t>> SizeOfPictures(const Graph& graph, const std::vector<Value>& wanted) {
  for (NodeId id : ConeOf(graph, wanted)) {
    const Node& node = graph.node(id);
    if (!IsResize(node) && !IsPad(node)) continue;
    const auto pixels = IsPad(node) ? PaddedTo(graph, node) : ResizedTo(graph, node);
    if (!pixels || (*pixels)[0] < 1 || (*pixels)[1] < 1) continue;
    const std::vector<NodeId> above = ConeOf(graph, {node.inputs[0]});
    if (std::none_of(above.begin(), above.end(), [&](NodeId other) { return graph.node(other).op == "Conv2D"; })) return pixels;
  }
  return std::nullopt;
}

void FixPictures(GraphEditor& editor, const std::optional<std::vector<int64_t>>& size, std::vector<std::string>& notes) {
  const Graph& graph = editor.graph();
  for (NodeId id : graph.inputs()) {
    Shape shape = graph.type({id, 0}).shape;
    if (!shape.IsRank(4) || shape.FullyKnown()) continue;
    if (shape.dim(0) < 0) shape.set_dim(0, 1);
    for (int axis : {1, 2}) {
      if (size && shape.dim(axis) < 0) shape.set_dim(axis, (*size)[static_cast<size_t>(axis) - 1]);
    }
    editor.SetAttr(id, "shape", shape);
    notes.push_back(StrCat("input '", graph.node(id).name, "' takes ", shape.ToString(),
                           size ? ", the size that the graph would bring pictures to (--inputs names another)" : ""));
  }
}

}  // namespace permafrost
