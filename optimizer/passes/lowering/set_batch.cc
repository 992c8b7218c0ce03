#include "optimizer/passes/lowering/set_batch.h"

#include <algorithm>
#include <set>

#include "optimizer/ops/infer.h"
#include "optimizer/ops/strided_slice.h"
#include "optimizer/passes/lowering/batch_statistics.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

constexpr int kMaxRank = 32;  // of what is taken apart by slices, whose masks have a bit per dim

// Ops that want all their inputs to have the same batch: [1, units] is not spread over the rows.
bool JoinsInputs(const Node& node) {
  static const std::set<std::string_view> kJoins = {"ConcatV2", "Concat", "Pack", "Select", "AddN", "BatchMatMul"};
  return kJoins.contains(node.op);
}

// Which input says the shape of the result in numbers; -1: none.
int ShapeOperand(const Node& node) {
  if (node.op == "Reshape" || node.op == "BroadcastTo") return 1;
  return node.op == "Conv2DBackpropInput" || node.op == "Conv3DBackpropInputV2" ? 0 : -1;
}

bool SaysSizes(const Node& node) {
  return node.op == "Shape" || node.op == "ShapeN" || node.op == "Size" || node.op == "Rank";
}

int64_t Product(const Shape& shape, int count) {
  return CheckedElements({shape.dims().begin(), shape.dims().begin() + count});
}

class BatchSetter {
 public:
  BatchSetter(GraphEditor& editor, const BatchChange& change)
      : editor_(editor), graph_(editor.graph()), change_(change), from_(change.from), to_(ProbeBatch(change)) {}

  StatusOr<BatchReport> Run() {
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

 private:
  Shape SourceShape(Value value) const {
    const auto origin = report_.origins.find(value);
    if (origin != report_.origins.end()) value = origin->second;
    const auto id = static_cast<size_t>(value.node), port = static_cast<size_t>(value.port);
    if (id >= report_.types.size() || port >= report_.types[id].size()) return Shape();
    return report_.types[id][port].shape;
  }
  const BatchAxis* Rows(Value value) const {
    const auto found = report_.values.find(value);
    return found != report_.values.end() ? &found->second : nullptr;
  }
  std::optional<int64_t> Sample(Value value) const {
    const auto found = samples_.find(value);
    return found != samples_.end() ? std::optional<int64_t>(found->second) : std::nullopt;
  }
  Value in(NodeId id, int i) const { return graph_.node(id).inputs[static_cast<size_t>(i)]; }
  std::string NewName(NodeId id) const { return StrCat(graph_.node(id).name, "/batch"); }
  std::optional<std::vector<int64_t>> Ints(NodeId id, int i) const {
    const auto& ints = graph_.type(in(id, i)).ints;
    if (!ints || std::count(ints->begin(), ints->end(), kUnknownInt) > 0) return std::nullopt;
    return ints;
  }

  Status Visit(NodeId id) {
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

  Status VisitInput(NodeId id) {
    Shape shape = graph_.type({id, 0}).shape;
    if (!shape.has_rank() || shape.rank() < 1) return InvalidArgument("has no batch dimension");
    shape.set_dim(0, to_);
    editor_.SetAttr(id, "shape", shape);
    RETURN_IF_ERROR(InferNode(editor_, id));
    report_.values[{id, 0}] = {0, 1};
    if (first_input_ == kNoNode) first_input_ = id;
    return OkStatus();
  }

  static bool Squeezes(const Node& node, int axis, int rank) {
    auto axes = node.attr_or<std::vector<int64_t>>("squeeze_dims", {});
    if (axes.empty()) axes = node.attr_or<std::vector<int64_t>>("axis", {});
    if (axes.empty()) return true;
    return std::any_of(axes.begin(), axes.end(), [&](int64_t a) { return (a < 0 ? a + rank : a) == axis; });
  }

  // Statistics of a batch, unless its rows are the channels, as where Keras makes a layer norm of it.
  Status CheckNorm(NodeId id) {
    const Value x = in(id, 0);
    const BatchAxis* at = Rows(x);
    if (at == nullptr || at->axis == ChannelAxis(graph_.node(id), SourceShape(x).rank())) return OkStatus();
    return Unsupported(
        "takes the statistics of its batch, so that its rows depend on each other; a batch cannot be set");
  }

  // A dim that holds the batch, with the new one; -1 beyond what a dim can be.
  int64_t Grow(int64_t dim) const { return CheckedElements({dim / from_, to_}); }

  // --- what inference says ------------------------------------------------------------------------------------------

  // The dim of `now` that has grown with the batch.
  StatusOr<std::optional<int>> Grown(const Shape& before, const Shape& now) const {
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
  Status Mixes(const Shape& before, const Shape& now) const {
    return Unsupported("takes the rows of a batch together or picks some: its shape ", before.ToString(),
                       " does not grow with the batch, but is ", now.ToString(), " when the batch of ", from_,
                       " is made ", to_);
  }

  // Infers the node and files its outputs, after its shape operand was mended if need be.
  Status Settle(NodeId id) {
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

  Status Compare(NodeId id) {
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

  int64_t Before(NodeId id, Value rows, const BatchAxis& above, int axis, const Shape& out) const {
    const Node& node = graph_.node(id);
    const int64_t had = SourceShape(rows).dim(above.axis), has = out.dim(axis);
    if (had == has || had < 1 || has < 1) return above.before;
    const bool joined = node.op == "ConcatV2" || node.op == "SpaceToBatchND" || node.op == "Tile";
    if (joined && has % had == 0 && (above.before == 1 || node.op != "ConcatV2")) return above.before * (has / had);
    const bool split = node.op == "BatchToSpaceND" || node.op == "Split";
    if (split && had % has == 0 && above.before % (had / has) == 0) return above.before / (had / has);
    return 1;
  }

  // --- shapes in numbers --------------------------------------------------------------------------------------------

  // Where the rows of the first batched input go in a result of shape `out` with the same order of elements.
  std::optional<BatchAxis> AxisInResult(NodeId id, const Shape& out) const {
    const Node& node = graph_.node(id);
    const Value x = node.inputs[node.op == "Reshape" || node.op == "BroadcastTo" ? 0 : node.inputs.size() - 1];
    const BatchAxis* at = Rows(x);
    if (at == nullptr || at->axis < 0 || !out.has_rank()) return std::nullopt;
    if (node.op == "BroadcastTo") return BatchAxis{out.rank() - SourceShape(x).rank() + at->axis, at->before};
    if (node.op != "Reshape") return BatchAxis{0, at->before};
    return AxisAfterReshape(SourceShape(x), *at, out);
  }

  std::optional<BatchAxis> AxisAfterReshape(const Shape& in, const BatchAxis& at, const Shape& out) const {
    const int64_t product = Product(in, at.axis);
    if (product < 1) return std::nullopt;
    const int64_t outer = CheckedElements({product, at.before});
    if (outer < 1) return std::nullopt;
    std::optional<BatchAxis> best;
    int64_t least = 0;
    for (int axis = 0; axis < out.rank(); ++axis) {
      const int64_t upto = Product(out, axis);
      if (upto < 1 || outer % upto != 0) break;
      const int64_t dim = out.dim(axis), before = outer / upto;
      if (dim < 0 && before == 1 && from_ == 1 && !best) return BatchAxis{axis, 1};
      if (dim < 1 || dim % before != 0 || dim / before % from_ != 0) continue;
      const int64_t after = dim / before / from_;
      if (best && (after > least || (after == least && before > best->before))) continue;
      if (best && after == least && before == best->before && axis != at.axis) continue;
      best = BatchAxis{axis, before};
      least = after;
    }
    return best;
  }

  // How many rows there are, as a scalar.
  Value Count(NodeId id, DType dtype) {
    const Value shape = Emit(editor_, "Shape", NewName(id), {{first_input_, 0}}, {{"out_type", dtype}});
    const auto at = [&](int32_t i) { return EmitConst(editor_, NewName(id), Tensor::Vector<int32_t>({i})); };
    return Emit(editor_, "StridedSlice", NewName(id), {shape, at(0), at(1), at(1)}, {{"shrink_axis_mask", int64_t{1}}});
  }

  Value Integer(NodeId id, DType dtype, int64_t value) {
    return EmitConst(editor_, NewName(id), Tensor::Scalar<int64_t>(value).Cast(dtype).Dense());
  }

  // `out` with the new batch in dim `axis`, in place of shape operand `operand`.
  StatusOr<Value> Sizes(NodeId id, int operand, const Shape& out, int axis) {
    const Value old = in(id, operand);
    const ValueType type = graph_.type(old);
    const DType dtype = type.dtype == DType::kInt64 ? DType::kInt64 : DType::kInt32;
    const bool reshapes = graph_.node(id).op == "Reshape";
    std::vector<int64_t> dims = out.dims();
    auto open = std::count(dims.begin(), dims.end(), kUnknownDim);
    const int64_t share = out.dim(axis) / from_;
    dims[static_cast<size_t>(axis)] = Grow(out.dim(axis));
    if (dims[static_cast<size_t>(axis)] < 0)
      return ResourceExhausted("would have more elements than a tensor can have");
    const bool any = change_.to == kUnknownDim;
    if (any && reshapes && open == 0) {
      dims[static_cast<size_t>(axis)] = -1;
      open = 1;
    } else if (any) {
      open += 2;
    }
    if (open == 0 || (open == 1 && reshapes)) {
      return EmitConst(editor_, NewName(id), Tensor::Vector<int64_t>(dims).Cast(dtype).Dense());
    }
    std::vector<Value> parts;
    for (int i = 0; i < out.rank(); ++i) {
      const int64_t dim = dims[static_cast<size_t>(i)];
      if (i == axis && any) {
        const Value count = Count(id, dtype);
        parts.push_back(share == 1 ? count : Emit(editor_, "Mul", NewName(id), {count, Integer(id, dtype, share)}));
      } else if (dim >= 0) {
        parts.push_back(Integer(id, dtype, dim));
      } else if (type.shape.IsRank(1) && type.shape.dim(0) == out.rank()) {
        const auto at = [&](int32_t k) { return EmitConst(editor_, NewName(id), Tensor::Vector<int32_t>({k})); };
        parts.push_back(Emit(editor_, "StridedSlice", NewName(id), {old, at(i), at(i + 1), at(1)},
                             {{"shrink_axis_mask", int64_t{1}}}));
      } else {
        return Unsupported("has the unknown shape ", out.ToString(), "; give --inputs with a shape");
      }
    }
    return Emit(editor_, "Pack", NewName(id), parts, {{"axis", int64_t{0}}});
  }

  Status VisitReshape(NodeId id) {
    const Value x = in(id, 0);
    const BatchAxis* at = Rows(x);
    const Shape out = SourceShape({id, 0}), before = SourceShape(x);
    if (at == nullptr || at->axis < 0 || !out.has_rank()) return Settle(id);
    if (from_ == 1 && at->axis == 0 && before.rank() == out.rank() + 1 && before.dim(0) == 1 &&
        std::equal(out.dims().begin(), out.dims().end(), before.dims().begin() + 1)) {
      report_.dropped = true;
      if (change_.by_sample) return VisitSamples(id);
    }
    // A target that follows the batch says itself where it goes.
    const std::optional<BatchAxis> wanted = AxisAfterReshape(before, *at, out);
    const ValueType* source = nullptr;
    const Value operand = in(id, 1);
    if (static_cast<size_t>(operand.node) < report_.types.size()) {
      source = &report_.types[static_cast<size_t>(operand.node)][static_cast<size_t>(operand.port)];
    }
    const bool follows = source == nullptr || source->ints != graph_.type(operand).ints;
    const Status status = Compare(id);
    const BatchAxis* found = status.ok() ? Rows({id, 0}) : nullptr;
    if (found != nullptr && follows) {
      report_.values[{id, 0}].before = BeforeAt(before, *at, out, found->axis);
      return OkStatus();
    }
    if (!wanted) return status.ok() ? Mixes(before, out) : status;
    if (found == nullptr || found->axis != wanted->axis) {
      if (out.dim(wanted->axis) < 0 && found != nullptr) return OkStatus();
      if (out.dim(wanted->axis) < 1) return status.ok() ? Mixes(before, out) : status;
      ASSIGN_OR_RETURN(const Value sizes, Sizes(id, 1, out, wanted->axis));
      editor_.SetInput(id, 1, sizes);
      RETURN_IF_ERROR(InferNode(editor_, id));
    }
    report_.values[{id, 0}] = *wanted;
    return OkStatus();
  }

  static int64_t BeforeAt(const Shape& in, const BatchAxis& at, const Shape& out, int axis) {
    const int64_t outer = Product(in, at.axis), upto = Product(out, std::max(axis, 0));
    const int64_t all = outer > 0 ? CheckedElements({outer, at.before}) : -1;
    return all > 0 && upto > 0 && all % upto == 0 ? all / upto : 1;
  }

  // --- slices -------------------------------------------------------------------------------------------------------

  // Which element of begin, end and strides is about `axis` of the input; -1: none.
  static int SpecOf(const Node& node, int axis, int rank, int specs) {
    const int64_t ellipsis = node.attr_or<int64_t>("ellipsis_mask", 0),
                  added = node.attr_or<int64_t>("new_axis_mask", 0);
    int covered = 0;
    for (int i = 0; i < specs && i < 62; ++i) covered += ((ellipsis | added) >> i & 1) == 0 ? 1 : 0;
    int at = 0;
    for (int i = 0; i < specs && i < 62; ++i) {
      if ((ellipsis >> i & 1) != 0) {
        at += rank - covered;
        if (at > axis) return -1;
      } else if ((added >> i & 1) == 0) {
        if (at++ == axis) return i;
      }
    }
    return -1;
  }

  Status VisitStridedSlice(NodeId id) {
    const Value x = in(id, 0);
    const BatchAxis* at = Rows(x);
    const Shape before = SourceShape(x);
    const auto begin = Ints(id, 1), end = Ints(id, 2), strides = Ints(id, 3);
    if (at == nullptr || at->axis < 0 || !begin || !end || !strides) return Settle(id);
    const Node& node = graph_.node(id);
    ASSIGN_OR_RETURN(const auto axes, ResolveStridedSlice(node, *begin, *end, *strides, before));
    const auto found =
        std::find_if(axes.begin(), axes.end(), [&](const SliceAxis& axis) { return axis.input_axis == at->axis; });
    const int spec = SpecOf(node, at->axis, before.rank(), static_cast<int>(begin->size()));
    if (found == axes.end() || spec < 0) return Settle(id);
    const int64_t dim = before.dim(at->axis), bit = int64_t{1} << spec;
    const bool whole = found->begin == 0 && found->stride == 1 && found->count == dim;
    if (dim == from_ && from_ > 1 && found->count == 1) return Pick(id, 0, found->begin);
    if (!whole) return Settle(id);
    const bool shrinks = found->shrink;
    report_.dropped = report_.dropped || shrinks;
    if (shrinks && change_.by_sample) return VisitSamples(id);
    editor_.SetAttr(id, "begin_mask", node.attr_or<int64_t>("begin_mask", 0) | bit);
    editor_.SetAttr(id, "end_mask", graph_.node(id).attr_or<int64_t>("end_mask", 0) | bit);
    if (!shrinks) return Settle(id);
    // The slice with its batch, then without it.
    Node slice = graph_.node(id);
    slice.attrs["shrink_axis_mask"] = slice.attr_or<int64_t>("shrink_axis_mask", 0) & ~bit;
    Shape kept = SourceShape({id, 0});
    int axis = 0;  // in the result
    for (const SliceAxis& other : axes) {
      if (other.input_axis == at->axis) break;
      axis += other.shrink ? 0 : 1;
    }
    const BatchAxis place{axis, at->before};
    const Value wide = Emit(editor_, "StridedSlice", NewName(id), slice.inputs, slice.attrs);
    report_.values[wide] = place;
    if (!kept.has_rank()) return Settle(id);
    std::vector<int64_t> dims = kept.dims();
    dims.insert(dims.begin() + axis, 1);
    return DropFrom(id, wide, Shape(dims), place);
  }

  Status WidenSlice(NodeId id) {
    const Value x = in(id, 0);
    const BatchAxis* at = Rows(x);
    const auto begin = Ints(id, 1), size = Ints(id, 2);
    if (at == nullptr || at->axis < 0 || !begin || !size || size->size() <= static_cast<size_t>(at->axis))
      return OkStatus();
    std::vector<int64_t> open = *size;
    int64_t& count = open[static_cast<size_t>(at->axis)];
    if ((*begin)[static_cast<size_t>(at->axis)] != 0 || count != SourceShape(x).dim(at->axis)) return OkStatus();
    count = -1;
    const DType dtype = graph_.type(in(id, 2)).dtype;
    editor_.SetInput(id, 2, EmitConst(editor_, NewName(id), Tensor::Vector<int64_t>(open).Cast(dtype).Dense()));
    return OkStatus();
  }

  // Unpack, Split and Gather along the batch. False: along something else.
  StatusOr<bool> VisitPicks(NodeId id) {
    const Node& node = graph_.node(id);
    const int data = node.op == "Split" ? 1 : 0;
    const Value x = node.inputs[static_cast<size_t>(data)];
    const BatchAxis* at = Rows(x);
    const Shape before = SourceShape(x);
    if (at == nullptr || at->axis < 0 || before.dim(at->axis) != from_) return false;
    const int ports = static_cast<int>(node.outputs.size());
    std::optional<int64_t> axis;
    if (node.op == "Unpack") {
      axis = node.attr_or<int64_t>("axis", 0);
    } else if (const auto ints = Ints(id, node.op == "Split" ? 0 : 2); ints && ints->size() == 1) {
      axis = (*ints)[0];
    }
    if (!axis || (*axis < 0 ? *axis + before.rank() : *axis) != at->axis) return false;
    if (node.op == "GatherV2") {
      const auto which = Ints(id, 1);
      if (!which || which->size() != 1 || !graph_.type(node.inputs[1]).shape.IsRank(0)) return false;
      const int64_t i = (*which)[0];
      RETURN_IF_ERROR(from_ == 1 ? Drop(id, x) : Pick(id, 0, i));
      return true;
    }
    if (ports != from_ || (node.op == "Split" && from_ == 1)) return false;
    if (from_ == 1) {
      RETURN_IF_ERROR(Drop(id, x));
      return true;
    }
    for (int port = 0; port < ports; ++port) RETURN_IF_ERROR(Pick(id, port, port));
    return true;
  }

  // --- samples ------------------------------------------------------------------------------------------------------

  // `id` takes the batch of one, which is dim `axis` of x, away.
  Status Drop(NodeId id, Value x) {
    const BatchAxis at = *Rows(x);
    report_.dropped = true;
    if (change_.by_sample) return VisitSamples(id);
    return DropFrom(id, x, SourceShape(x), at);
  }

  // The rows of x go into a dim beside theirs; an output gets a dim of its own for them.
  Status DropFrom(NodeId id, Value x, const Shape& before, const BatchAxis& at) {
    const Shape out = SourceShape({id, 0});
    if (!out.FullyKnown() || !before.has_rank())
      return Unsupported("drops the batch of a value of unknown shape ", out.ToString());
    std::vector<int64_t> dims = out.dims();
    BatchAxis place;
    if (editor_.Users(id).empty() && Product(before, at.axis) * at.before == 1) {
      dims.insert(dims.begin(), 1);
      place = {0, 1, true};
    } else {
      const auto found = AxisAfterReshape(before, at, out);
      if (!found) return Mixes(before, out);
      place = *found;
    }
    int64_t& dim = dims[static_cast<size_t>(place.axis)];
    const int64_t grown = Grow(dim);
    if (grown < 0) return ResourceExhausted("would have more elements than a tensor can have");
    dim = change_.to == kUnknownDim ? -1 : grown;
    const Value target = EmitConst(editor_, NewName(id), Tensor::Vector<int64_t>(dims));
    const Value flat = Emit(editor_, "Reshape", NewName(id), {x, target});
    editor_.ReplaceUses({id, 0}, flat);
    report_.values[flat] = place;
    report_.origins[flat] = {id, 0};
    return OkStatus();
  }

  Status CheckSamples() const {
    if (change_.to != kUnknownDim) return OkStatus();
    return Unsupported("works on one sample at a time, so that the batch has to be known: give --batch with a number");
  }

  Status Spend() {
    if (++copies_ <= change_.max_nodes) return OkStatus();
    return ResourceExhausted("copies for every sample would add more than ", change_.max_nodes,
                             " nodes (--unroll-nodes)");
  }

  // Row i of the batch: [.., 1, ..], or without that dim.
  Value Row(NodeId id, Value x, int axis, int64_t i, bool keep) {
    const auto rank = static_cast<size_t>(graph_.type(x).shape.rank());
    std::vector<int32_t> begin(rank, 0), end(rank, 0);
    const std::vector<int32_t> strides(rank, 1);
    begin[static_cast<size_t>(axis)] = static_cast<int32_t>(i);
    end[static_cast<size_t>(axis)] = static_cast<int32_t>(i + 1);
    const int64_t bit = int64_t{1} << axis, others = ((int64_t{1} << rank) - 1) & ~bit;
    AttrMap attrs = {{"begin_mask", others}, {"end_mask", others}};
    if (!keep) attrs["shrink_axis_mask"] = bit;
    const auto constant = [&](const std::vector<int32_t>& v) {
      return EmitConst(editor_, NewName(id), Tensor::Vector<int32_t>(v));
    };
    return Emit(editor_, "StridedSlice", NewName(id), {x, constant(begin), constant(end), constant(strides)}, attrs);
  }

  // Output `port` is sample i of a batch of several; the copies start from sample 0.
  Status Pick(NodeId id, int port, int64_t i) {
    RETURN_IF_ERROR(CheckSamples());
    const Node& node = graph_.node(id);
    const Value x = node.inputs[node.op == "Split" ? 1 : 0];
    const BatchAxis at = *Rows(x);
    const Shape before = SourceShape(x), out = SourceShape({id, port});
    if (at.before != 1 || before.rank() > kMaxRank || before.Elements() != out.Elements() * from_)
      return Mixes(before, out);
    samples_[{id, port}] = i;
    if (i != 0) return OkStatus();
    std::vector<Value> rows;
    for (int64_t row = 0; row < to_; ++row) {
      RETURN_IF_ERROR(Spend());
      rows.push_back(Row(id, x, at.axis, row, out.rank() == before.rank()));
    }
    rows_[{id, port}] = rows;
    return OkStatus();
  }

  // The value for every sample.
  StatusOr<std::vector<Value>> RowsOf(NodeId id, Value value) {
    if (const auto found = rows_.find(value); found != rows_.end()) return found->second;
    const BatchAxis* at = Rows(value);
    if (at == nullptr) return std::vector<Value>(static_cast<size_t>(to_), value);
    const BatchAxis place = *at;
    const Shape shape = SourceShape(value);
    if (from_ != 1 || place.axis < 0 || place.before != 1 || shape.dim(place.axis) != 1 || shape.rank() > kMaxRank) {
      return Unsupported("takes samples and rows of a batch together");
    }
    std::vector<Value> rows;
    for (int64_t row = 0; row < to_; ++row) {
      RETURN_IF_ERROR(Spend());
      rows.push_back(Row(id, value, place.axis, row, true));
    }
    rows_[value] = rows;
    return rows;
  }

  // Pack and Concat of all samples, in order, make a batch of them again.
  bool JoinsSamples(const Node& node) const {
    const bool concat = node.op == "ConcatV2";
    if (!concat && node.op != "Pack") return false;
    const size_t count = node.inputs.size() - (concat ? 1 : 0);
    if (static_cast<int64_t>(count) != from_) return false;
    for (size_t i = 0; i < count; ++i) {
      if (Sample(node.inputs[i]) != static_cast<int64_t>(i)) return false;
    }
    return true;
  }

  Status VisitSamples(NodeId id) {
    RETURN_IF_ERROR(CheckSamples());
    const Node original = graph_.node(id);
    if (JoinsSamples(original)) {
      ASSIGN_OR_RETURN(std::vector<Value> rows, RowsOf(id, original.inputs[0]));
      if (original.op == "ConcatV2") rows.push_back(original.inputs.back());
      AttrMap attrs = original.attrs;
      attrs.erase("N");
      const Value joined = Emit(editor_, original.op, NewName(id), rows, attrs);
      return Joined(id, joined);
    }
    std::optional<int64_t> which;
    for (Value input : original.inputs) {
      std::optional<int64_t> sample = Sample(input);
      if (!sample && Rows(input) != nullptr) sample = 0;
      if (!sample) continue;
      if (which && *which != *sample) return Unsupported("takes samples of a batch together");
      which = sample;
    }
    const int ports = static_cast<int>(original.outputs.size());
    for (int port = 0; port < ports; ++port) samples_[{id, port}] = *which;
    if (*which != 0) return OkStatus();
    std::vector<std::vector<Value>> inputs;
    for (Value input : original.inputs) {
      ASSIGN_OR_RETURN(inputs.emplace_back(), RowsOf(id, input));
    }
    for (int64_t row = 0; row < to_; ++row) {
      RETURN_IF_ERROR(Spend());
      std::vector<Value> of_row;
      for (const std::vector<Value>& input : inputs) of_row.push_back(input[static_cast<size_t>(row)]);
      const Value copy = Emit(editor_, original.op, StrCat(original.name, "/sample", row), of_row, original.attrs);
      for (int port = 0; port < ports; ++port) rows_[{id, port}].push_back({copy.node, port});
    }
    // What makes a batch of one of a sample makes one of all.
    static const std::set<std::string_view> kBatches = {"ExpandDims", "Reshape", "Pack"};
    if (from_ != 1 || !kBatches.contains(original.op) || SourceShape({id, 0}).dim(0) != 1) return OkStatus();
    const Value joined = JoinRows(id, 0);
    return Joined(id, joined);
  }

  Value JoinRows(NodeId id, int port) {
    std::vector<Value> rows = rows_[{id, port}];
    if (SourceShape({id, port}).dim(0) != 1) return Emit(editor_, "Pack", NewName(id), rows, {{"axis", int64_t{0}}});
    rows.push_back(EmitConst(editor_, NewName(id), Tensor::Scalar<int32_t>(0)));
    return Emit(editor_, "ConcatV2", NewName(id), rows);
  }

  Status Joined(NodeId id, Value joined) {
    ASSIGN_OR_RETURN(const std::optional<int> axis, Grown(SourceShape({id, 0}), graph_.type(joined).shape));
    if (!axis) return Unsupported("joins samples to a value of unknown shape");
    editor_.ReplaceUses({id, 0}, joined);
    samples_.erase({id, 0});
    report_.values[joined] = {*axis, 1};
    report_.origins[joined] = {id, 0};
    return OkStatus();
  }

  Status JoinOutputs() {
    std::vector<GraphOutput> outputs = graph_.outputs();
    for (GraphOutput& output : outputs) {
      if (!Sample(output.value)) continue;
      if (from_ != 1) return Unsupported("output '", output.name, "': is one sample of the batch of ", from_);
      const Value old = output.value;
      output.value = JoinRows(old.node, old.port);
      report_.values[output.value] = {0, 1, SourceShape(old).dim(0) != 1};
      report_.origins[output.value] = old;
    }
    editor_.SetGraphOutputs(std::move(outputs));
    return OkStatus();
  }

  // Inputs that have rows of their own, whatever the batch holds: the first one, repeated for each. For joins, and
  // where the old batch was no 1, which nothing spreads.
  bool SpreadInputs(NodeId id) {
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

  GraphEditor& editor_;
  const Graph& graph_;
  const BatchChange& change_;
  const int64_t from_, to_;
  BatchReport report_;
  NodeId first_input_ = kNoNode;
  std::map<Value, int64_t> samples_;          // which sample of the batch a value is about
  std::map<Value, std::vector<Value>> rows_;  // the same for every sample of the new batch
  int64_t copies_ = 0;
};

}  // namespace

int64_t ProbeBatch(const BatchChange& change) {
  if (change.to != kUnknownDim) return change.to;
  return change.from == 3 ? 5 : 3;
}

StatusOr<BatchReport> SetBatch(GraphEditor& editor, const BatchChange& change) {
  return BatchSetter(editor, change).Run();
}

}  // namespace permafrost
