#include "optimizer/ops/infer.h"

#include <algorithm>
#include <queue>

#include "optimizer/ir/verify.h"
#include "optimizer/ops/op.h"

namespace permafrost {
namespace {

constexpr size_t kMaxUnknownOutputs = 1 << 16;  // ports come from files

// Producers first. What comes round a while loop is not waited for; should nodes still wait for each other, they follow
// at the end.
std::vector<NodeId> InferenceOrder(const Graph& graph) {
  const std::vector<NodeId> ids = graph.NodeIds();
  if (ids.empty()) return {};
  const auto slots = static_cast<size_t>(ids.back()) + 1;
  std::vector<int64_t> waiting(slots, 0);
  std::vector<std::vector<NodeId>> users(slots);
  for (NodeId id : ids) {
    const Node& node = graph.node(id);
    for (Value input : node.inputs) {
      if (!graph.IsLive(input.node)) continue;
      const std::string& producer = graph.node(input.node).op;
      if (producer == "NextIteration" || producer == "RefNextIteration") continue;
      users[static_cast<size_t>(input.node)].push_back(id);
      ++waiting[static_cast<size_t>(id)];
    }
  }
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  for (NodeId id : ids) {
    if (waiting[static_cast<size_t>(id)] == 0) ready.push(id);
  }
  std::vector<NodeId> order;
  order.reserve(ids.size());
  while (!ready.empty()) {
    const NodeId id = ready.top();
    ready.pop();
    order.push_back(id);
    for (NodeId user : users[static_cast<size_t>(id)]) {
      if (--waiting[static_cast<size_t>(user)] == 0) ready.push(user);
    }
  }
  for (NodeId id : ids) {
    if (waiting[static_cast<size_t>(id)] > 0) order.push_back(id);
  }
  return order;
}

// Outputs of a node about which nothing is said: as many as the table names or anything uses.
size_t OutputsInUse(const GraphEditor& editor, NodeId id, const OpDef* op) {
  size_t count = std::max<size_t>(1, op == nullptr ? 0 : op->output_names.size());
  const auto use = [&](Value value) {
    if (value.node == id && value.port >= 0) count = std::max(count, static_cast<size_t>(value.port) + 1);
  };
  for (const Use& user : editor.Users(id)) use(editor.node(user.node).inputs[static_cast<size_t>(user.index)]);
  for (const GraphOutput& output : editor.graph().outputs()) use(output.value);
  return std::min<size_t>(count, kMaxUnknownOutputs);
}

}  // namespace

Status InferNode(GraphEditor& editor, NodeId id) {
  const Graph& graph = editor.graph();
  if (!graph.IsLive(id)) return Internal("inference of a node that does not exist (id ", id, ")");
  const Node& node = graph.node(id);
  RETURN_IF_ERROR(CheckInputs(graph, id));
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || op->infer == nullptr) {
    if (node.outputs.empty()) editor.SetOutputTypes(id, std::vector<ValueType>(OutputsInUse(editor, id, op)));
    return op == nullptr ? OkStatus() : CheckNode(node);
  }
  RETURN_IF_ERROR(CheckNode(node));
  std::vector<ValueType> outputs;
  if (Status status = op->infer(InferContext(graph, id), outputs); !status.ok()) {
    return WithContext(status, StrCat("node '", node.name, "' (", node.op, ")"));
  }
  for (ValueType& output : outputs) {
    // Only what the rest of inference may rely on: known elements match a known shape.
    if (output.ints.has_value() && output.shape.has_rank() &&
        output.shape.Elements() != static_cast<int64_t>(output.ints->size())) {
      output.ints.reset();
    }
  }
  editor.SetOutputTypes(id, std::move(outputs));
  return OkStatus();
}

Status InferTypes(GraphEditor& editor) {
  const std::vector<NodeId> order = InferenceOrder(editor.graph());
  for (NodeId id : order) {
    const OpDef* op = FindOp(editor.node(id).op);
    if (op != nullptr && op->infer != nullptr) editor.SetOutputTypes(id, {});
  }
  for (NodeId id : order) RETURN_IF_ERROR(InferNode(editor, id));
  return OkStatus();
}

StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank()) return Shape();
  std::vector<int64_t> dims(static_cast<size_t>(std::max(a.rank(), b.rank())));
  for (int i = 1; i <= static_cast<int>(dims.size()); ++i) {
    const int64_t left = i <= a.rank() ? a.dim(-i) : 1, right = i <= b.rank() ? b.dim(-i) : 1;
    int64_t& dim = dims[dims.size() - static_cast<size_t>(i)];
    if (left == 1) {
      dim = right;
    } else if (right == 1 || left == right) {
      dim = left;
    } else if (left < 0 || right < 0) {
      dim = left < 0 ? right : left;  // the unknown one is 1 or the same
    } else {
      return InvalidArgument("cannot broadcast ", a.ToString(), " with ", b.ToString(), ": dims ", left, " and ", right,
                             " differ and neither is 1");
    }
  }
  return Shape(std::move(dims));
}

}  // namespace permafrost
