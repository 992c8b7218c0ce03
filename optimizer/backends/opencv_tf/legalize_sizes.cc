#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "optimizer/backends/opencv_tf/native_sizes.h"
#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/backends/opencv_tf/symbolic_sizes.h"

// Ops whose result has another height or width, where those are unknown, and the spellings of dilation.
namespace permafrost {
namespace {

std::string NewName(const GraphEditor& editor, NodeId id) { return StrCat(editor.node(id).name, "/opencv"); }

// A dim as a multiple of the dim of a value further up.
struct Extent {
  Value root;
  int64_t scale = 1;
};

// Ops that keep height and width; the first live input of the same rank says what they are.
bool KeepsSize(const Node& node) {
  static const std::set<std::string_view> kKeep = {"Relu",
                                                   "Relu6",
                                                   "Elu",
                                                   "Selu",
                                                   "LeakyRelu",
                                                   "Sigmoid",
                                                   "Tanh",
                                                   "Exp",
                                                   "Softplus",
                                                   "Abs",
                                                   "Sqrt",
                                                   "Square",
                                                   "Neg",
                                                   "Rsqrt",
                                                   "Identity",
                                                   "BiasAdd",
                                                   "Add",
                                                   "AddV2",
                                                   "AddN",
                                                   "Sub",
                                                   "Mul",
                                                   "RealDiv",
                                                   "Maximum",
                                                   "Minimum",
                                                   "Softmax",
                                                   "LRN",
                                                   "ConcatV2",
                                                   "FusedBatchNorm",
                                                   "FusedBatchNormV2",
                                                   "FusedBatchNormV3"};
  if (kKeep.contains(node.op)) return true;
  static const std::set<std::string_view> kWindows = {"Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"};
  if (!kWindows.contains(node.op) || node.attr_or<std::string>("padding", "") != "SAME") return false;
  const auto strides = node.attr_or<std::vector<int64_t>>("strides", {});
  return std::all_of(strides.begin(), strides.end(), [](int64_t stride) { return stride == 1; });
}

Extent ExtentOf(const Graph& graph, Value value, int axis) {
  Extent extent{value, 1};
  for (int hops = 0; hops < 256; ++hops) {
    const Node& node = graph.node(extent.root.node);
    std::optional<Value> above;
    if (KeepsSize(node)) {
      for (Value input : node.inputs) {
        const Shape& shape = graph.type(input).shape;
        if (!above && shape.rank() == 4 && shape.dim(axis) < 0) above = input;
      }
    } else if (node.op.starts_with("Resize") || node.op == "Conv2DBackpropInput") {
      const bool resizes = node.op.starts_with("Resize");
      const auto sizes = SymbolicSizes(graph, node.inputs[resizes ? 1 : 0]);
      const auto i = static_cast<size_t>(resizes ? axis - 1 : axis);
      const bool known = i < sizes.size() && sizes[i].known && sizes[i].scale > 0 && sizes[i].offset == 0;
      if (known && sizes[i].axis == axis && graph.type(sizes[i].source).shape.rank() == 4) {
        above = sizes[i].source;
        extent.scale *= sizes[i].scale;
      }
    } else if (node.op == "DepthToSpace") {
      above = node.inputs[0];
      extent.scale *= node.attr_or<int64_t>("block_size", 1);
    }
    if (!above || extent.scale < 1 || extent.scale > 4096) break;
    extent.root = *above;
  }
  return extent;
}

// By how much `size` is larger than the dim of x, when that is a whole number whatever the dim is.
std::optional<int64_t> FactorOver(const Graph& graph, const SymbolicSize& size, Value x, int axis) {
  if (!size.known || size.scale < 1 || size.offset != 0 || size.axis != axis) return std::nullopt;
  if (size.source == x) return size.scale;
  if (graph.type(size.source).shape.rank() != 4) return std::nullopt;
  const Extent wanted = ExtentOf(graph, size.source, axis), have = ExtentOf(graph, x, axis);
  if (wanted.root != have.root || (wanted.scale * size.scale) % have.scale != 0) return std::nullopt;
  return wanted.scale * size.scale / have.scale;
}

// Rows and columns of one pixel that are spread over another picture: added to zeros of that size.
std::optional<Value> SpreadPixel(GraphEditor& editor, NodeId id, Value x, const std::vector<SymbolicSize>& sizes) {
  const Graph& graph = editor.graph();
  const Shape shape = graph.type(x).shape;
  const Value over = sizes[0].source;
  const ValueType over_type = sizes[0].known && sizes[0].scale == 1 ? graph.type(over) : ValueType();
  const bool whole = sizes[0].IsDimOf(over, 1) && sizes[1].IsDimOf(over, 2) && sizes[1].scale == 1 &&
                     sizes[0].offset == 0 && sizes[1].offset == 0;
  const int64_t from = over_type.shape.dim(3), to = shape.dim(3);
  if (!whole || shape.dim(1) != 1 || shape.dim(2) != 1 || from < 1 || to < 1 || from * to > (1 << 22)) return {};
  if (over_type.dtype != DType::kFloat32 || graph.type(x).dtype != DType::kFloat32) return {};
  const std::string name = NewName(editor, id);
  const std::string zero(sizeof(float), '\0');
  const Value kernel =
      EmitConst(editor, StrCat(name, "/zeros"), Tensor::Splat(DType::kFloat32, {1, 1, from, to}, zero));
  const Value zeros = Emit(editor, "Conv2D", name, {over, kernel},
                           {{"strides", std::vector<int64_t>{1, 1, 1, 1}}, {"padding", std::string("VALID")}});
  return Emit(editor, "Add", name, {zeros, x});
}

void Resize(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  if (editor.node(id).inputs.size() != 2 || ConstValue(graph, editor.node(id).inputs[1]) != nullptr) return;
  const Value x = editor.node(id).inputs[0];
  const Shape out = graph.type({id, 0}).shape;
  const std::string name = NewName(editor, id);
  if (out.IsRank(4) && out.dim(1) > 0 && out.dim(2) > 0) {
    const std::vector<int32_t> size = {static_cast<int32_t>(out.dim(1)), static_cast<int32_t>(out.dim(2))};
    editor.SetInput(id, 1, EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(size)));
    return;
  }
  const auto sizes = SymbolicSizes(graph, editor.node(id).inputs[1]);
  if (sizes.size() != 2 || graph.type(x).shape.rank() != 4) {
    return context.Decline(editor.node(id), "its size is worked out in a way that is not followed");
  }
  if (const auto spread = SpreadPixel(editor, id, x, sizes)) return editor.ReplaceUses({id, 0}, *spread);
  const auto height = FactorOver(graph, sizes[0], x, 1), width = FactorOver(graph, sizes[1], x, 2);
  if (!height || !width || *height > 4096 || *width > 4096) {
    return context.Decline(editor.node(id), "its size is no fixed multiple of its input's: give --inputs with a shape");
  }
  if (*height == 1 && *width == 1) return editor.ReplaceUses({id, 0}, x);
  editor.SetInput(id, 1, EmitResizeFactors(editor, name, x, *height, *width));
}

// SAME is a part of VALID, whose size the importer works out for any batch.
bool CutFromValid(GraphEditor& editor, NodeId id, Value x, Tensor kernel, std::vector<int64_t> strides, Shape out) {
  const Shape in = editor.graph().type(x).shape;
  std::vector<int32_t> begins = {0, 0, 0, 0}, sizes = {-1, 0, 0, -1};
  for (int axis = 1; axis <= 2; ++axis) {
    const auto i = static_cast<size_t>(axis);
    const int64_t extent = kernel.dims()[i - 1];
    if (in.dim(axis) < 1 || out.dim(axis) < 1 || extent < strides[i]) return false;
    const int64_t total = std::max<int64_t>((in.dim(axis) - 1) * strides[i] + extent - out.dim(axis), 0);
    if (out.dim(axis) + total != (in.dim(axis) - 1) * strides[i] + extent) return false;
    begins[i] = static_cast<int32_t>(total / 2);
    sizes[i] = static_cast<int32_t>(out.dim(axis));
  }
  const std::string name = NewName(editor, id);
  const std::vector<Value> inputs = editor.node(id).inputs;
  AttrMap attrs = editor.node(id).attrs;
  attrs["padding"] = std::string("VALID");
  const Value size = EmitDeconvolutionShape(
      editor, name, x, {strides[1], strides[2], kernel.dims()[0], kernel.dims()[1], kernel.dims()[2], false});
  const Value whole = Emit(editor, "Conv2DBackpropInput", name, {size, inputs[1], inputs[2]}, attrs);
  const Value from = EmitConst(editor, StrCat(name, "/begin"), Tensor::Vector<int32_t>(begins));
  const Value extent = EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(sizes));
  editor.ReplaceUses({id, 0}, Emit(editor, "Slice", name, {whole, from, extent}));
  return true;
}

// The size of a deconvolution: a constant, or the importer's spelling of a multiple. Its batch is not read from there,
// but TensorFlow compares it.
void Deconvolution(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Node& node = editor.node(id);
  if (node.inputs.size() != 3 || ConstValue(graph, node.inputs[0]) != nullptr || IsNchw(node)) return;
  const std::string name = NewName(editor, id);
  const Shape out = graph.type({id, 0}).shape;
  const auto constant = [&](std::vector<int64_t> dims) {
    const std::vector<int32_t> narrow(dims.begin(), dims.end());
    editor.SetInput(id, 0, EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(narrow)));
  };
  if (out.IsRank(4) && out.FullyKnown()) return constant(out.dims());
  const Value x = node.inputs[2];
  const Tensor* kernel = ConstValue(graph, node.inputs[1]);
  const auto strides = node.attr_or<std::vector<int64_t>>("strides", {});
  const std::string padding = node.attr_or<std::string>("padding", "");
  const auto sizes = SymbolicSizes(graph, node.inputs[0]);
  if (kernel == nullptr || kernel->rank() != 4 || strides.size() != 4 || sizes.size() != 4 ||
      (padding != "SAME" && padding != "VALID")) {
    return context.Decline(node, StrCat("a deconvolution to the unknown shape ", out.ToString()));
  }
  const bool same = padding == "SAME";
  bool native = true;
  for (int axis = 1; axis <= 2; ++axis) {
    const auto i = static_cast<size_t>(axis);
    SymbolicSize size = sizes[i];
    const int64_t rest = same ? 0 : kernel->dims()[i - 1] - strides[i], have = graph.type(x).shape.dim(axis);
    native = native && rest >= 0 && size.known;
    if (!native) break;
    if (size.scale == 0) {
      native = have > 0 && size.offset == have * strides[i] + rest;
      continue;
    }
    size.offset -= rest;
    const auto factor = FactorOver(graph, size, x, axis);
    native = factor && *factor == strides[i];
  }
  if (native) {
    const DeconvolutionSizes of = {strides[1],        strides[2],        kernel->dims()[0],
                                   kernel->dims()[1], kernel->dims()[2], same};
    editor.SetInput(id, 0, EmitDeconvolutionShape(editor, name, x, of));
  } else if (same && out.IsRank(4) && CutFromValid(editor, id, x, *kernel, strides, out)) {
    return;
  } else {
    context.Decline(node, StrCat("a deconvolution to the unknown shape ", out.ToString()));
  }
}

// Blocks of channels to blocks of pixels or back: a (de)convolution whose kernel [b,b,C,b*b*C] is one-hot.
void Blocks(GraphEditor& editor, NodeId id, PassContext& context) {
  constexpr int64_t kLargestKernel = int64_t{1} << 22;
  const Graph& graph = editor.graph();
  if (editor.node(id).attr_or<std::string>("data_format", "NHWC") == "NCHW") {
    // As NHWC, which is only another name for the data.
    const std::string name = NewName(editor, id), op = editor.node(id).op;
    const auto turned = [&](Value value, const std::vector<int32_t>& order) {
      return Emit(editor, "Transpose", name,
                  {value, EmitConst(editor, StrCat(name, "/order"), Tensor::Vector<int32_t>(order))});
    };
    const AttrMap attrs = {{"block_size", editor.node(id).attr_or<int64_t>("block_size", 0)},
                           {"data_format", std::string("NHWC")}};
    const Value blocks = Emit(editor, op, name, {turned(editor.node(id).inputs[0], {0, 2, 3, 1})}, attrs);
    editor.ReplaceUses({id, 0}, turned(blocks, {0, 3, 1, 2}));
    return Blocks(editor, blocks.node, context);
  }
  const Node& node = editor.node(id);
  const Value x = node.inputs[0];
  const bool to_space = node.op == "DepthToSpace";
  const int64_t b = node.attr_or<int64_t>("block_size", 0);
  const Shape out = graph.type({id, 0}).shape;
  const int64_t channels = (to_space ? out : graph.type(x).shape).dim(3);
  const bool sized = out.IsRank(4) && channels > 0 && b > 0;
  const int64_t elements = sized ? CheckedElements({b, b, channels, b, b, channels}) : -1;
  if (elements < 0 || elements > kLargestKernel || node.attr_or<std::string>("data_format", "NHWC") != "NHWC" ||
      graph.type({id, 0}).dtype != DType::kFloat32) {
    context.Decline(node, StrCat("blocks of other than NHWC float32, or of unknown or large depth: ", out.ToString()));
    return;
  }
  const int64_t deep = b * b * channels;
  std::vector<float> weights(static_cast<size_t>(elements), 0.0F);
  for (int64_t k = 0; k < deep; ++k) weights[static_cast<size_t>(k * deep + k)] = 1;
  const std::string name = NewName(editor, id);
  const Value kernel = EmitConst(editor, StrCat(name, "/kernel"), Tensor::Of<float>({b, b, channels, deep}, weights));
  const AttrMap attrs = {{"strides", std::vector<int64_t>{1, b, b, 1}},
                         {"padding", std::string("VALID")},
                         {"data_format", std::string("NHWC")}};
  if (!to_space) {
    editor.ReplaceUses({id, 0}, Emit(editor, "Conv2D", name, {x, kernel}, attrs));
    return;
  }
  Value size;
  if (out.FullyKnown()) {
    const std::vector<int32_t> dims(out.dims().begin(), out.dims().end());
    size = EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(dims));
  } else {
    size = EmitDeconvolutionShape(editor, name, x, {b, b, b, b, channels, false});
  }
  editor.ReplaceUses({id, 0}, Emit(editor, "Conv2DBackpropInput", name, {size, kernel, x}, attrs));
}

// What SpaceToBatchND, a convolution and BatchToSpaceND do together, along each of the blocked axes.
struct Blocked {
  NodeId conv = kNoNode, expand = kNoNode, squeeze = kNoNode, bias = kNoNode, back = kNoNode;
  std::vector<int64_t> dilations, before, after;
};

std::optional<NodeId> OnlyUser(const GraphEditor& editor, NodeId id) {
  const std::vector<Use>& users = editor.Users(id);
  if (users.size() != 1 || users[0].index != 0 || editor.IsOutput({id, 0})) return std::nullopt;
  return users[0].node;
}

std::optional<Blocked> MatchBlocked(const GraphEditor& editor, NodeId id) {
  const Graph& graph = editor.graph();
  Blocked found;
  std::optional<NodeId> next = OnlyUser(editor, id);
  if (next && graph.node(*next).op == "ExpandDims") {
    found.expand = *next;
    next = OnlyUser(editor, *next);
  }
  if (!next || (graph.node(*next).op != "Conv2D" && graph.node(*next).op != "DepthwiseConv2dNative")) return {};
  const Node& conv = graph.node(found.conv = *next);
  const auto ones = [&](const char* attr) {
    const auto values = conv.attr_or<std::vector<int64_t>>(attr, {1});
    return std::all_of(values.begin(), values.end(), [](int64_t value) { return value == 1; });
  };
  if (conv.attr_or<std::string>("padding", "") != "VALID" || !ones("strides") || !ones("dilations") || IsNchw(conv)) {
    return {};
  }
  next = OnlyUser(editor, *next);
  if (found.expand != kNoNode) {
    if (!next || graph.node(*next).op != "Squeeze") return {};
    found.squeeze = *next;
    next = OnlyUser(editor, *next);
  }
  if (next && graph.node(*next).op == "BiasAdd") {
    found.bias = *next;
    next = OnlyUser(editor, *next);
  }
  if (!next || graph.node(*next).op != "BatchToSpaceND") return {};
  const Node& back = graph.node(found.back = *next);
  const Node& split = graph.node(id);
  const Tensor* block = ConstValue(graph, split.inputs[1]);
  const Tensor* back_block = ConstValue(graph, back.inputs[1]);
  if (block == nullptr || back_block == nullptr || block->elements() > 2) return {};
  found.dilations = block->Values<int64_t>();
  if (found.dilations != back_block->Values<int64_t>()) return {};
  const size_t axes = found.dilations.size();
  const auto pads = SymbolicSizes(graph, split.inputs[2]), crops = SymbolicSizes(graph, back.inputs[2]);
  if (pads.size() != 2 * axes || crops.size() != 2 * axes || axes < 1) return {};
  if ((found.expand == kNoNode) != (axes == 2)) return {};
  for (size_t i = 0; i < axes; ++i) {
    const SymbolicSize &before = pads[2 * i], &after = pads[2 * i + 1], &cut = crops[2 * i + 1];
    const bool fits = before.known && before.scale == 0 && crops[2 * i].IsNumber(0) && after.known && cut.known &&
                      after.scale == cut.scale && after.source == cut.source && after.axis == cut.axis;
    if (!fits || found.dilations[i] < 1 || before.offset < 0 || after.offset < cut.offset) return {};
    found.before.push_back(before.offset);
    found.after.push_back(after.offset - cut.offset);
  }
  return found;
}

// SpaceToBatchND or BatchToSpaceND without a convolution: blocks are axes of their own that change places.
void Alone(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  const Node& node = editor.node(id);
  const Tensor *block = ConstValue(graph, node.inputs[1]), *margins = ConstValue(graph, node.inputs[2]);
  const Shape shape = graph.type(node.inputs[0]).shape, to = graph.type({id, 0}).shape;
  const bool known = block != nullptr && margins != nullptr && shape.has_rank() && shape.rank() > 1 && to.has_rank();
  const auto is_open = [](const Shape& s) {
    return std::any_of(s.dims().begin() + 1, s.dims().end(), [](int64_t dim) { return dim < 1; });
  };
  if (!known || is_open(shape) || is_open(to)) {
    return context.Decline(node, "blocks of unknown size, or of data whose height and width are unknown");
  }
  const std::vector<int64_t> blocks = block->Values<int64_t>(), sides = margins->Values<int64_t>();
  const auto axes = blocks.size();
  const auto rank = static_cast<size_t>(shape.rank());
  if (sides.size() != 2 * axes || axes + 1 > rank) return;
  const std::string name = NewName(editor, id);
  const auto ints = [&](const std::vector<int64_t>& values) {
    return EmitConst(editor, StrCat(name, "/c"),
                     Tensor::Vector<int32_t>(std::vector<int32_t>(values.begin(), values.end())));
  };
  const bool to_batch = node.op == "SpaceToBatchND";
  const int64_t count = CheckedElements(blocks), batch = shape.dim(0);
  const std::vector<int64_t> rest(shape.dims().begin() + static_cast<std::ptrdiff_t>(axes) + 1, shape.dims().end());
  const int64_t behind = CheckedElements(rest);
  if (count < 1 || behind < 1 || (!to_batch && batch > 0 && batch % count != 0)) return;
  Value value = node.inputs[0];
  std::vector<int64_t> split, order, dims = to.dims();
  if (to_batch) {
    std::vector<int32_t> padding(2 * rank, 0);
    for (size_t i = 0; i < sides.size(); ++i) padding[i + 2] = static_cast<int32_t>(sides[i]);
    if (std::any_of(sides.begin(), sides.end(), [](int64_t side) { return side != 0; })) {
      const Tensor tensor = Tensor::Of<int32_t>({shape.rank(), 2}, padding);
      value = Emit(editor, "Pad", name, {value, EmitConst(editor, StrCat(name, "/paddings"), tensor)});
    }
    split.push_back(batch);
    for (size_t i = 0; i < axes; ++i) {
      split.insert(split.end(), {to.dim(static_cast<int>(i) + 1), blocks[i]});
      order.push_back(static_cast<int64_t>(2 * i + 2));
    }
    order.push_back(0);
    for (size_t i = 0; i < axes; ++i) order.push_back(static_cast<int64_t>(2 * i + 1));
  } else {
    split = blocks;
    split.push_back(batch < 0 ? -1 : batch / count);
    order.push_back(static_cast<int64_t>(axes));
    for (size_t i = 0; i < axes; ++i) {
      split.push_back(shape.dim(static_cast<int>(i) + 1));
      order.insert(order.end(), {static_cast<int64_t>(axes + 1 + i), static_cast<int64_t>(i)});
      dims[i + 1] = shape.dim(static_cast<int>(i) + 1) * blocks[i];
    }
  }
  split.push_back(behind);
  order.push_back(static_cast<int64_t>(2 * axes + 1));
  value = Emit(editor, "Transpose", name, {EmitReshape(editor, name, value, split), ints(order)});
  value = EmitReshape(editor, name, value, dims);
  if (!to_batch && dims != to.dims()) {
    std::vector<int64_t> begins(rank, 0), sizes(rank, -1);
    for (size_t i = 0; i < axes; ++i) {
      begins[i + 1] = sides[2 * i];
      sizes[i + 1] = to.dim(static_cast<int>(i) + 1);
    }
    value = Emit(editor, "Slice", name, {value, ints(begins), ints(sizes)});
  }
  editor.ReplaceUses({id, 0}, value);
}

// before:  SpaceToBatchND -> Conv2D -> BatchToSpaceND      after:  Conv2D with dilations
void Unblocked(GraphEditor& editor, NodeId id, PassContext& context) {
  const Graph& graph = editor.graph();
  if (editor.node(id).inputs.size() != 3) return;
  const auto found = MatchBlocked(editor, id);
  const Tensor* kernel = found ? ConstValue(graph, editor.node(found->conv).inputs[1]) : nullptr;
  const int rank = graph.type(editor.node(id).inputs[0]).shape.rank();
  const size_t axes = found ? found->dilations.size() : 0;
  if (kernel == nullptr || kernel->rank() != 4 || rank != static_cast<int>(axes) + 2) return Alone(editor, id, context);
  // Sequences lie along the width of a picture of one row, or along the height of one of one column.
  int sequence_axis = 2;
  if (found->expand != kNoNode) {
    const auto at = ScalarBehind(graph, editor.node(found->expand).inputs[1]);
    const auto axis = at ? static_cast<int>(*at) : 0;
    if (axis == 2 || axis == -2) sequence_axis = 1;
    if (axis != 1 && axis != -3 && axis != 2 && axis != -2) return;
  }
  std::vector<int64_t> dilations = {1, 1, 1, 1};
  bool same = true, valid = true;
  std::vector<int32_t> sides(static_cast<size_t>(2 * rank), 0);
  for (size_t i = 0; i < axes; ++i) {
    const size_t axis = axes == 2 ? i + 1 : static_cast<size_t>(sequence_axis);
    dilations[axis] = found->dilations[i];
    const int64_t reach = (kernel->dims()[axis - 1] - 1) * found->dilations[i];
    same = same && found->before[i] == reach / 2 && found->after[i] == reach - reach / 2;
    valid = valid && found->before[i] == 0 && found->after[i] == 0;
    sides[2 * i + 2] = static_cast<int32_t>(found->before[i]);
    sides[2 * i + 3] = static_cast<int32_t>(found->after[i]);
  }
  const std::string name = NewName(editor, id);
  Value x = editor.node(id).inputs[0];
  if (!same && !valid) {
    x = Emit(editor, "Pad", name,
             {x, EmitConst(editor, StrCat(name, "/sides"), Tensor::Of<int32_t>({rank, 2}, sides))});
  }
  const auto again = [&](NodeId node, Value input) {
    std::vector<Value> inputs = editor.node(node).inputs;
    inputs[0] = input;
    return Emit(editor, std::string(editor.node(node).op), editor.node(node).name, inputs,
                AttrMap(editor.node(node).attrs));
  };
  if (found->expand != kNoNode) x = again(found->expand, x);
  x = again(found->conv, x);
  editor.SetAttr(x.node, "padding", std::string(same && !valid ? "SAME" : "VALID"));
  editor.SetAttr(x.node, "dilations", dilations);
  if (found->squeeze != kNoNode) x = again(found->squeeze, x);
  if (found->bias != kNoNode) x = again(found->bias, x);
  editor.ReplaceUses({found->back, 0}, x);
}

// Strided convolutions pad by the size of their input, which cv::dnn looks at only once.
void NotePaddingOfFirstSize(const Graph& graph, PassContext& context) {
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.op != "Conv2D" && node.op != "DepthwiseConv2dNative") continue;
    const auto strides = node.attr_or<std::vector<int64_t>>("strides", {});
    const bool strided = std::any_of(strides.begin(), strides.end(), [](int64_t stride) { return stride > 1; });
    const Shape& in = graph.type(node.inputs[0]).shape;
    const int height = IsNchw(node) ? 2 : 1;
    const bool open = in.rank() == 4 && (in.dim(height) < 0 || in.dim(height + 1) < 0);
    if (!strided || !open || node.attr_or<std::string>("padding", "") != "SAME") continue;
    return context.Note(StrCat("convolution '", node.name, "' pads by the size of its input: OpenCV 4.8 and later keep the ",
                               "padding of the first size that a net runs at; read the file again for another size"));
  }
}

Status Run(GraphEditor& editor, PassContext& context) {
  NotePaddingOfFirstSize(editor.graph(), context);
  for (NodeId id : editor.graph().NodeIds()) {
    const std::string op = editor.node(id).op;
    if (op == "SpaceToBatchND") Unblocked(editor, id, context);
  }
  for (NodeId id : editor.graph().NodeIds()) {
    const bool used = !editor.Users(id).empty() || editor.IsOutput({id, 0});
    if (used && editor.node(id).op == "BatchToSpaceND") Alone(editor, id, context);
  }
  const std::set<NodeId> done = NativeSizeNodes(editor.graph());
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, editor.graph().TopoOrder());
  for (NodeId id : order) {
    if (done.contains(id)) continue;
    const std::string op = editor.node(id).op;
    if (op == "ResizeBilinear" || op == "ResizeNearestNeighbor") Resize(editor, id, context);
    if (op == "Conv2DBackpropInput") Deconvolution(editor, id, context);
    if (op == "DepthToSpace" || op == "SpaceToDepth") Blocks(editor, id, context);
  }
  return OkStatus();
}

}  // namespace

const PassInfo kLegalizeSizes{
    .name = "legalize-sizes",
    .summary = "spell unknown sizes, blocks and dilations as OpenCV takes them",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
