#include "optimizer/passes/lowering/batch_setter.h"

#include <algorithm>
#include <set>

#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

// Which input says the shape of the result in numbers; -1: none.
int ShapeOperand(const Node& node) {
  if (node.op == "Reshape" || node.op == "BroadcastTo") return 1;
  return node.op == "Conv2DBackpropInput" || node.op == "Conv3DBackpropInputV2" ? 0 : -1;
}

bool SaysSizes(const Node& node) {
  return node.op == "Shape" || node.op == "ShapeN" || node.op == "Size" || node.op == "Rank";
}

}  // namespace

bool BatchSetter::JoinsInputs(const Node& node) {
  static const std::set<std::string_view> kJoins = {"ConcatV2", "Concat", "Pack", "Select", "AddN", "BatchMatMul"};
  return kJoins.contains(node.op);
}

StatusOr<std::optional<int>> BatchSetter::Grown(const Shape& before, const Shape& now) const {
  std::optional<int> axis;
  if (before.rank() != now.rank()) return Mixes(before, now);
  for (int i = 0; i < now.rank(); ++i) {
    const int64_t a = before.dim(i), b = now.dim(i);
    if (a == b || a < 0 || b < 0) continue;
    if (axis || a % from_ != 0 || b != Grow(a)) return Mixes(before, now);
    axis = i;
  }
  return axis;
}

Status BatchSetter::Mixes(const Shape& before, const Shape& now) const {
  return Unsupported("takes the rows of a batch together or picks some: its shape ", before.ToString(),
                     " does not grow with the batch, but is ", now.ToString(), " when the batch of ", from_,
                     " is made ", to_);
}

Status BatchSetter::Settle(NodeId id) {
  Status status = Compare(id);
  if (!status.ok() && from_ > 1 && !JoinsInputs(graph_.node(id)) && SpreadInputs(id)) status = Compare(id);
  if (status.ok()) return status;
  const int operand = ShapeOperand(graph_.node(id));
  if (operand < 0) return status;
  const Shape out = SourceShape({id, 0});
  const auto at = AxisInResult(id, out);
  if (!at || out.dim(at->axis) < 1) return status;
  ASSIGN_OR_RETURN(const Value sizes, Sizes(id, operand, out, at->axis));
  editor_.SetInput(id, operand, sizes);
  return Compare(id);
}

Status BatchSetter::Compare(NodeId id) {
  RETURN_IF_ERROR(InferNode(editor_, id));
  const Node& node = graph_.node(id);
  const auto& sources = report_.types[static_cast<size_t>(id)];
  const BatchAxis* above = nullptr;
  Value rows;
  for (Value input : node.inputs) {
    if (above == nullptr && (above = Rows(input)) != nullptr) rows = input;
  }
  for (int port = 0; port < static_cast<int>(node.outputs.size()); ++port) {
    const Shape& now = node.outputs[static_cast<size_t>(port)].shape;
    const Shape before =
        static_cast<size_t>(port) < sources.size() ? sources[static_cast<size_t>(port)].shape : Shape();
    if (!before.has_rank() || !now.has_rank()) {
      if (above != nullptr) report_.values[{id, port}] = {};
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<int> axis, Grown(before, now));
    if (axis) {
      report_.values[{id, port}] = {*axis, above != nullptr ? Before(id, rows, *above, *axis, before) : 1};
    } else if (above != nullptr && !SaysSizes(node)) {
      const auto open = std::find(now.dims().begin(), now.dims().end(), kUnknownDim);
      const bool used = !editor_.Users(Value{id, port}).empty() || editor_.IsOutput({id, port});
      if (open == now.dims().end() && used && CheckedElements(now.dims()) != 0) return Mixes(before, now);
      const bool kept = open != now.dims().end() && now.dim(above->axis) < 0;
      if (open != now.dims().end())
        report_.values[{id, port}] = {kept ? above->axis : static_cast<int>(open - now.dims().begin())};
    }
  }
  return OkStatus();
}

int64_t BatchSetter::Before(NodeId id, Value rows, const BatchAxis& above, int axis, const Shape& out) const {
  const Node& node = graph_.node(id);
  const int64_t had = SourceShape(rows).dim(above.axis), has = out.dim(axis);
  if (had == has || had < 1 || has < 1) return above.before;
  const bool joined = node.op == "ConcatV2" || node.op == "SpaceToBatchND" || node.op == "Tile";
  if (joined && has % had == 0 && (above.before == 1 || node.op != "ConcatV2")) return above.before * (has / had);
  const bool split = node.op == "BatchToSpaceND" || node.op == "Split";
  if (split && had % has == 0 && above.before % (had / has) == 0) return above.before / (had / has);
  return 1;
}

bool BatchSetter::SpreadInputs(NodeId id) {
  const std::vector<Value> inputs = graph_.node(id).inputs;
  Value like;
  const BatchAxis* at = nullptr;
  for (Value input : inputs) {
    if (at == nullptr && (at = Rows(input)) != nullptr) like = input;
  }
  if (at == nullptr || at->axis < 0) return false;
  const BatchAxis place = *at;
  const Shape shape = SourceShape(like);
  if (const std::string& op = graph_.node(id).op; op.starts_with("Concat")) {
    const auto along = Ints(id, op == "Concat" ? 0 : static_cast<int>(inputs.size()) - 1);
    if (!along || along->size() != 1) return false;
    const int64_t axis = (*along)[0] < 0 ? (*along)[0] + shape.rank() : (*along)[0];
    if (axis == place.axis) return false;
  }
  bool spread_any = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape other = SourceShape(inputs[i]);
    const bool spreads = shape.rank() <= kMaxRank && Rows(inputs[i]) == nullptr && other.IsRank(shape.rank()) &&
                         other.dim(place.axis) == from_ && shape.dim(place.axis) == from_;
    if (!spreads) continue;
    spread_any = true;
    const Value row = from_ == 1 ? inputs[i] : Row(id, inputs[i], place.axis, 0, true);
    std::vector<Value> counts;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const bool rows = axis == place.axis;
      counts.push_back(rows && change_.to == kUnknownDim ? Count(id, DType::kInt32)
                                                         : Integer(id, DType::kInt32, rows ? to_ : 1));
    }
    const Value multiples = Emit(editor_, "Pack", NewName(id), counts, {{"axis", int64_t{0}}});
    const Value spread = Emit(editor_, "Tile", NewName(id), {row, multiples});
    report_.values[spread] = place;
    report_.origins[spread] = inputs[i];
    editor_.SetInput(id, static_cast<int>(i), spread);
  }
  return spread_any;
}

}  // namespace permafrost
