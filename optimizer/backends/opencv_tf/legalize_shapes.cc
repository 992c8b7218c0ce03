#include <algorithm>
#include <limits>

#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ops/strided_slice.h"

namespace permafrost {
namespace {

std::string NewName(const GraphEditor& editor, NodeId id) { return StrCat(editor.node(id).name, "/opencv"); }

// The dims of a Reshape that gives `shape`: at most one unknown, spelled -1.
std::optional<std::vector<int64_t>> TargetDims(const Shape& shape) {
  if (!shape.has_rank()) return std::nullopt;
  const auto unknown = std::count_if(shape.dims().begin(), shape.dims().end(), [](int64_t dim) { return dim < 0; });
  if (unknown > 1) return std::nullopt;
  return shape.dims();
}

Value EmitReshape(GraphEditor& editor, std::string_view name, Value x, const std::vector<int64_t>& dims) {
  const std::vector<int32_t> target(dims.begin(), dims.end());
  return Emit(editor, "Reshape", name, {x, EmitConst(editor, StrCat(name, "/shape"), Tensor::Vector<int32_t>(target))});
}

// Any rank -> NHWC. The importer lays 4-D data out as NCHW but a plain Reshape does not move them; this chain does, in
// every release.
Value EmitReshapeToNhwc(GraphEditor& editor, std::string_view name, Value x, const std::vector<int64_t>& dims) {
  const int64_t h = dims[1], w = dims[2], c = dims[3];
  Value value = x;
  if (c != 1) {
    value = EmitReshape(editor, name, value, {dims[0], h * w, c});
    const Value order = EmitConst(editor, StrCat(name, "/order"), Tensor::Vector<int32_t>({0, 2, 1}));
    value = Emit(editor, "Transpose", name, {value, order});
  }
  value = EmitReshape(editor, name, value, {dims[0], c, h, w, 1});
  value = Emit(editor, "Squeeze", name, {value},
               {{"squeeze_dims", std::vector<int64_t>{4}}, {"data_format", std::string("NCHW")}});
  const Value order = EmitConst(editor, StrCat(name, "/order"), Tensor::Vector<int32_t>({0, 2, 3, 1}));
  return Emit(editor, "Transpose", name, {value, order});
}

bool Reshape(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Node& node = editor.node(id);
  const Value x = node.inputs[0];
  const Shape out = graph.type({id, 0}).shape;
  const auto dims = TargetDims(out);
  if (!dims) {
    context.Decline(node, StrCat("its result has shape ", out.ToString(), ", more than one dim is unknown"));
    return false;
  }
  const int from_rank = graph.type(x).shape.rank();
  const std::string name = NewName(editor, id);
  const bool unit = dims->size() == 4 && (*dims)[1] == 1 && (*dims)[2] == 1;
  if (dims->size() == 4 && !unit) {
    if ((*dims)[1] < 0 || (*dims)[2] < 0 || (*dims)[3] < 0) {
      context.Decline(node, StrCat("a Reshape to 4-D with unknown height, width or channels: ", out.ToString()));
      return false;
    }
    if (from_rank == 4 || from_rank < 0) {
      // Through 2-D, so that the importer puts the data in TensorFlow's order first.
      const int64_t rest = (*dims)[1] * (*dims)[2] * (*dims)[3];
      editor.ReplaceUses({id, 0},
                         EmitReshapeToNhwc(editor, name, EmitReshape(editor, name, x, {(*dims)[0], rest}), *dims));
    } else {
      editor.ReplaceUses({id, 0}, EmitReshapeToNhwc(editor, name, x, *dims));
    }
    return true;
  }
  const Tensor* shape = ConstValue(graph, node.inputs[1]);
  const bool plain = shape != nullptr && shape->dtype() == DType::kInt32;
  if (plain) return false;
  editor.ReplaceUses({id, 0}, EmitReshape(editor, name, x, *dims));
  return true;
}

// ExpandDims and odd Squeezes are Reshapes whose result is known.
void AsReshape(GraphEditor& editor, NodeId id, PassContext& context) {
  const auto dims = TargetDims(editor.graph().type({id, 0}).shape);
  if (!dims) {
    context.Decline(editor.node(id), "its result has more than one unknown dim");
    return;
  }
  const Value reshaped = EmitReshape(editor, NewName(editor, id), editor.node(id).inputs[0], *dims);
  editor.ReplaceUses({id, 0}, reshaped);
  Reshape(editor, reshaped.node, context);
}

void Squeeze(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Shape in = graph.type(editor.node(id).inputs[0]).shape;
  std::vector<int64_t> axes = editor.node(id).attr_or<std::vector<int64_t>>("squeeze_dims", {});
  if (!in.has_rank()) return;
  for (int64_t& axis : axes) axis = axis < 0 ? axis + in.rank() : axis;
  if (axes.empty()) {
    for (int i = 0; i < in.rank(); ++i) {
      if (in.dim(i) == 1) axes.push_back(i);
    }
  }
  std::sort(axes.begin(), axes.end());
  bool consecutive = !axes.empty();
  for (size_t i = 1; i < axes.size(); ++i) consecutive = consecutive && axes[i] == axes[i - 1] + 1;
  // What the importer squeezes right from NHWC: [1,2], [3] (and [0] of a batch of one).
  if (consecutive && axes[0] != 0) {
    editor.SetAttr(id, "squeeze_dims", axes);
    return;
  }
  AsReshape(editor, id, context);
}

// A StridedSlice with masks as a plain Slice, plus a Reshape where axes are dropped.
void StridedSlice(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Node& node = editor.node(id);
  if (node.inputs.size() != 4) return;
  const Shape in = graph.type(node.inputs[0]).shape;
  const Tensor* begin = ConstValue(graph, node.inputs[1]);
  const Tensor* end = ConstValue(graph, node.inputs[2]);
  const Tensor* strides = ConstValue(graph, node.inputs[3]);
  if (begin == nullptr || end == nullptr || strides == nullptr || !in.has_rank()) {
    context.Decline(node, "its bounds are not constants or its rank is unknown");
    return;
  }
  // An unknown dim counts as the largest there is: what runs up to it runs to the end.
  constexpr int64_t kOpen = std::numeric_limits<int32_t>::max();
  Shape shape = in;
  for (int i = 0; i < in.rank(); ++i) shape.set_dim(i, in.dim(i) < 0 ? kOpen : in.dim(i));
  const auto axes =
      ResolveStridedSlice(node, begin->Values<int64_t>(), end->Values<int64_t>(), strides->Values<int64_t>(), shape);
  if (!axes.ok()) return context.Decline(node, Message(axes.status()));
  std::vector<int32_t> starts, sizes;
  bool whole = true, same_rank = true;
  for (const SliceAxis& axis : *axes) {
    same_rank = same_rank && axis.input_axis >= 0 && !axis.shrink;
    if (axis.input_axis < 0) continue;
    if (axis.count < 1 || (axis.stride != 1 && axis.count > 1)) {
      return context.Decline(node, "strides other than 1, or nothing is left");
    }
    const int64_t dim = shape.dim(axis.input_axis), stop = axis.begin + axis.count;
    if (in.dim(axis.input_axis) < 0 && (axis.begin > kOpen / 2 || (stop > kOpen / 2 && stop != kOpen))) {
      return context.Decline(node, "counts from the end of an unknown dim");
    }
    starts.push_back(static_cast<int32_t>(axis.begin));
    sizes.push_back(stop == dim ? -1 : static_cast<int32_t>(axis.count));
    whole = whole && axis.begin == 0 && stop == dim;
  }
  const auto dims = TargetDims(graph.type({id, 0}).shape);
  if (!same_rank && !dims) return context.Decline(node, "its result has more than one unknown dim");
  const std::string name = NewName(editor, id);
  Value value = node.inputs[0];
  if (!whole) {
    const Value from = EmitConst(editor, StrCat(name, "/begin"), Tensor::Vector<int32_t>(starts));
    const Value size = EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(sizes));
    value = Emit(editor, "Slice", name, {value, from, size});
  }
  if (!same_rank) value = EmitReshape(editor, name, value, *dims);
  editor.ReplaceUses({id, 0}, value);
  if (!same_rank) Reshape(editor, value.node, context);
}

// Pack along any axis but the first: each part gets the new axis, then they are joined.
void Pack(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Shape out = graph.type({id, 0}).shape;
  int64_t axis = editor.node(id).attr_or<int64_t>("axis", 0);
  if (!out.has_rank() || axis == 0) return;
  if (axis < 0) axis += out.rank();
  const std::string name = NewName(editor, id);
  std::vector<Value> parts;
  Shape part = out;
  part.set_dim(static_cast<int>(axis), 1);
  const auto dims = TargetDims(part);
  if (!dims) return;
  for (Value input : std::vector<Value>(editor.node(id).inputs)) {
    const Value reshaped = EmitReshape(editor, name, input, *dims);
    parts.push_back(reshaped);
  }
  std::vector<Value> joined = parts;
  joined.push_back(EmitConst(editor, StrCat(name, "/axis"), Tensor::Scalar<int32_t>(static_cast<int32_t>(axis))));
  editor.ReplaceUses({id, 0}, Emit(editor, "ConcatV2", name, joined));
  for (Value value : parts) Reshape(editor, value.node, context);
}

// SplitV as slices.
void SplitV(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Node& node = editor.node(id);
  if (node.inputs.size() != 3) return;
  const Shape in = graph.type(node.inputs[0]).shape;
  const Tensor* axis_tensor = ConstValue(graph, node.inputs[2]);
  if (!in.has_rank() || axis_tensor == nullptr || !axis_tensor->SingleValue()) {
    context.Decline(node, "its axis is no constant or its rank is unknown");
    return;
  }
  int64_t axis = static_cast<int64_t>(*axis_tensor->SingleValue());
  if (axis < 0) axis += in.rank();
  const auto ports = static_cast<int>(node.outputs.size());
  int64_t start = 0;
  for (int port = 0; port < ports; ++port) {
    const int64_t length = graph.type({id, port}).shape.dim(static_cast<int>(axis));
    if (axis < 0 || axis >= in.rank() || length < 1) {
      context.Decline(editor.node(id), "the sizes of its parts are unknown or 0");
      return;
    }
  }
  const std::string name = NewName(editor, id);
  for (int port = 0; port < ports; ++port) {
    const int64_t length = graph.type({id, port}).shape.dim(static_cast<int>(axis));
    std::vector<int32_t> starts(static_cast<size_t>(in.rank()), 0), sizes(static_cast<size_t>(in.rank()), -1);
    starts[static_cast<size_t>(axis)] = static_cast<int32_t>(start);
    sizes[static_cast<size_t>(axis)] = static_cast<int32_t>(length);
    start += length;
    if (editor.Users(Value{id, port}).empty() && !editor.IsOutput({id, port})) continue;
    const Value from = EmitConst(editor, StrCat(name, "/begin"), Tensor::Vector<int32_t>(starts));
    const Value size = EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(sizes));
    editor.ReplaceUses({id, port}, Emit(editor, "Slice", name, {editor.node(id).inputs[0], from, size}));
  }
}

// Unpack as slices.
void Unpack(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Shape in = graph.type(editor.node(id).inputs[0]).shape;
  int64_t axis = editor.node(id).attr_or<int64_t>("axis", 0);
  if (!in.has_rank()) return;
  if (axis < 0) axis += in.rank();
  const std::string name = NewName(editor, id);
  const auto ports = static_cast<int>(editor.node(id).outputs.size());
  for (int port = 0; port < ports; ++port) {
    if (editor.Users(Value{id, port}).empty() && !editor.IsOutput({id, port})) continue;
    std::vector<int32_t> starts(static_cast<size_t>(in.rank()), 0), sizes(static_cast<size_t>(in.rank()), -1);
    starts[static_cast<size_t>(axis)] = port;
    sizes[static_cast<size_t>(axis)] = 1;
    const Value from = EmitConst(editor, StrCat(name, "/begin"), Tensor::Vector<int32_t>(starts));
    const Value size = EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(sizes));
    const Value sliced = Emit(editor, "Slice", name, {editor.node(id).inputs[0], from, size});
    const auto dims = TargetDims(graph.type({id, port}).shape);
    if (!dims) return;
    const Value reshaped = EmitReshape(editor, name, sliced, *dims);
    editor.ReplaceUses({id, port}, reshaped);
    Reshape(editor, reshaped.node, context);
  }
}

Status Run(GraphEditor& editor, PassContext& context) {
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, editor.graph().TopoOrder());
  for (NodeId id : order) {
    const std::string op = editor.node(id).op;
    if (op == "Reshape") Reshape(editor, id, context);
    if (op == "ExpandDims") AsReshape(editor, id, context);
    if (op == "Squeeze" && editor.node(id).attr<std::string>("data_format") == nullptr) Squeeze(editor, id, context);
    if (op == "StridedSlice") StridedSlice(editor, id, context);
    if (op == "Pack") Pack(editor, id, context);
    if (op == "SplitV") SplitV(editor, id, context);
    if (op == "Unpack") Unpack(editor, id, context);
  }
  return OkStatus();
}

}  // namespace

const PassInfo kLegalizeShapes{
    .name = "legalize-shapes",
    .summary = "spell changes of shape as OpenCV takes them",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
