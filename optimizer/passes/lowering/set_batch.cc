#include "optimizer/passes/lowering/set_batch.h"

#include <algorithm>

#include "optimizer/ops/infer.h"
#include "optimizer/passes/lowering/batch_setter.h"
#include "optimizer/passes/lowering/batch_statistics.h"

namespace permafrost {

StatusOr<BatchReport> BatchSetter::Run() {
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, graph_.TopoOrder());
  report_.types.resize(static_cast<size_t>(graph_.next_id()));
  for (NodeId id : order) report_.types[static_cast<size_t>(id)] = graph_.node(id).outputs;
  for (NodeId id : order) {
    if (const Status status = Visit(id); !status.ok()) {
      if (Message(status).starts_with("node '")) return status;  // said by inference
      return WithContext(status, StrCat("node '", graph_.node(id).name, "' (", graph_.node(id).op, ")"));
    }
  }
  RETURN_IF_ERROR(JoinOutputs());
  editor_.PruneDead();
  return std::move(report_);
}

Status BatchSetter::Visit(NodeId id) {
  if (std::find(change_.inputs.begin(), change_.inputs.end(), id) != change_.inputs.end()) return VisitInput(id);
  bool rows = false, samples = false;
  for (Value input : graph_.node(id).inputs) {
    rows = rows || Rows(input) != nullptr;
    samples = samples || Sample(input);
  }
  if (samples) return VisitSamples(id);
  if (!rows) return Settle(id);
  const Node& node = graph_.node(id);
  if (IsTrainingNorm(node)) RETURN_IF_ERROR(CheckNorm(id));
  if (node.op == "Reshape") return VisitReshape(id);
  if (node.op == "StridedSlice") return VisitStridedSlice(id);
  if (node.op == "Slice") RETURN_IF_ERROR(WidenSlice(id));
  if (node.op == "Squeeze") {
    const BatchAxis* at = Rows(in(id, 0));
    const Shape shape = SourceShape(in(id, 0));
    const bool goes = at != nullptr && at->axis >= 0 && shape.dim(at->axis) == 1 &&
                      SourceShape({id, 0}).rank() < shape.rank() && Squeezes(node, at->axis, shape.rank());
    if (goes) return Drop(id, in(id, 0));
  }
  if (node.op == "Unpack" || node.op == "Split" || node.op == "GatherV2") {
    ASSIGN_OR_RETURN(const bool done, VisitPicks(id));
    if (done) return OkStatus();
  }
  if (node.op == "EnsureShape" || node.op == "PlaceholderWithDefault") {
    const Shape* shape = node.attr<Shape>("shape");
    const BatchAxis* at = Rows(in(id, 0));
    if (shape != nullptr && at->axis >= 0 && shape->dim(at->axis) > 0) {
      Shape wider = *shape;
      wider.set_dim(at->axis, kUnknownDim);
      editor_.SetAttr(id, "shape", wider);
    }
  }
  if (JoinsInputs(node)) SpreadInputs(id);
  return Settle(id);
}

Status BatchSetter::VisitInput(NodeId id) {
  Shape shape = graph_.type({id, 0}).shape;
  if (!shape.has_rank() || shape.rank() < 1) return InvalidArgument("has no batch dimension");
  shape.set_dim(0, to_);
  editor_.SetAttr(id, "shape", shape);
  RETURN_IF_ERROR(InferNode(editor_, id));
  report_.values[{id, 0}] = {0, 1};
  if (first_input_ == kNoNode) first_input_ = id;
  return OkStatus();
}

bool BatchSetter::Squeezes(const Node& node, int axis, int rank) {
  auto axes = node.attr_or<std::vector<int64_t>>("squeeze_dims", {});
  if (axes.empty()) axes = node.attr_or<std::vector<int64_t>>("axis", {});
  if (axes.empty()) return true;
  return std::any_of(axes.begin(), axes.end(), [&](int64_t a) { return (a < 0 ? a + rank : a) == axis; });
}

Status BatchSetter::CheckNorm(NodeId id) {
  const Value x = in(id, 0);
  const BatchAxis* at = Rows(x);
  if (at == nullptr || at->axis == ChannelAxis(graph_.node(id), SourceShape(x).rank())) return OkStatus();
  return Unsupported(
      "takes the statistics of its batch, so that its rows depend on each other; a batch cannot be set");
}

int64_t ProbeBatch(const BatchChange& change) {
  if (change.to != kUnknownDim) return change.to;
  return change.from == 3 ? 5 : 3;
}

StatusOr<BatchReport> SetBatch(GraphEditor& editor, const BatchChange& change) {
  return BatchSetter(editor, change).Run();
}

}  // namespace permafrost
