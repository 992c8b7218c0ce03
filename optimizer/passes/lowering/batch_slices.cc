#include "optimizer/passes/lowering/batch_setter.h"

#include <algorithm>

#include "optimizer/ops/strided_slice.h"

namespace permafrost {

int BatchSetter::SpecOf(const Node& node, int axis, int rank, int specs) {
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

Status BatchSetter::VisitStridedSlice(NodeId id) {
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

Status BatchSetter::WidenSlice(NodeId id) {
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

StatusOr<bool> BatchSetter::VisitPicks(NodeId id) {
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

}  // namespace permafrost
