#include "optimizer/backends/opencv_tf/opencv_graph.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <set>

#include "optimizer/backends/opencv_tf/axes.h"

namespace permafrost {
namespace {

// The layout of ops that know one only, or that take it where they do not say.
std::string LayoutOfOp(const Node& node, int rank) {
  static const std::set<std::string_view> kVolumes = {"Conv3D", "Conv3DBackpropInputV2", "MaxPool3D", "AvgPool3D"};
  static const std::set<std::string_view> kPictures = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic",
                                                       "ResizeArea"};
  if (rank == 5 && kVolumes.contains(node.op)) return "NDHWC";
  return rank == 4 && kPictures.contains(node.op) ? "NHWC" : "";
}

// What a node itself says of the layout of values of this rank; "" if nothing.
std::string OwnLayout(const Graph& graph, const Node& node, int rank) {
  const auto* format = node.attr<std::string>("data_format");
  if (format != nullptr && static_cast<int>(format->size()) == rank) return *format;
  if (format == nullptr && !LayoutOfOp(node, rank).empty()) return LayoutOfOp(node, rank);
  return LayoutOfTranspose(graph, node, /*result=*/true);
}

// The nearest layout above every node, for values of rank 4 and 5.
struct LayoutTable {
  const Graph* graph = nullptr;
  struct Nearest {
    int32_t distance = -1;
    std::string layout;
  };
  std::vector<Nearest> of_rank[2];
};
thread_local LayoutTable known_layouts;

std::string DefaultLayout(int rank) { return rank == 4 ? "NHWC" : ""; }

// Breadth first over the values of the same rank.
std::string FirstLayout(const Graph& graph, const GraphEditor* users_below, Value value) {
  const bool below = users_below != nullptr;
  const int rank = graph.type(value).shape.rank();
  if (rank != 4 && rank != 5) return "";
  std::deque<NodeId> queue = {value.node};
  std::set<NodeId> seen = {value.node};
  const auto visit = [&](NodeId id, Value through) {
    const int its_rank = graph.type(through).shape.rank();
    if ((its_rank == rank || its_rank < 0) && seen.insert(id).second) queue.push_back(id);
  };
  while (!queue.empty()) {
    const NodeId id = queue.front();
    queue.pop_front();
    const Node& node = graph.node(id);
    const bool itself = below && id == value.node;
    const auto* format = node.attr<std::string>("data_format");
    if (format != nullptr && static_cast<int>(format->size()) == rank) return *format;
    if (format == nullptr && !LayoutOfOp(node, rank).empty()) return LayoutOfOp(node, rank);
    if (!itself) {
      if (const std::string layout = LayoutOfTranspose(graph, node, !below); !layout.empty()) return layout;
    }
    // Beyond these the axes mean something else.
    if ((node.op == "Reshape" || node.op == "Transpose") && !itself) continue;
    if (below) {
      for (const Use& use : users_below->Users(id)) visit(use.node, {use.node, 0});
    } else {
      for (Value input : node.inputs) visit(input.node, input);
    }
  }
  return "";
}

std::string OrDefault(std::string layout, const Graph& graph, Value value) {
  return layout.empty() ? DefaultLayout(graph.type(value).shape.rank()) : layout;
}

}  // namespace

KnownLayouts::KnownLayouts(const Graph& graph) {
  const auto order = graph.TopoOrder();
  if (!order.ok()) return;
  for (int rank = 4; rank <= 5; ++rank) {
    std::vector<LayoutTable::Nearest>& table = known_layouts.of_rank[rank - 4];
    table.assign(static_cast<size_t>(graph.next_id()), {});
    for (NodeId id : *order) {
      const Node& node = graph.node(id);
      LayoutTable::Nearest& nearest = table[static_cast<size_t>(id)];
      nearest.layout = OwnLayout(graph, node, rank);
      if (!nearest.layout.empty()) nearest.distance = 0;
      // Beyond these the axes mean something else.
      if (nearest.distance == 0 || node.op == "Reshape" || node.op == "Transpose") continue;
      for (Value input : node.inputs) {
        const int its_rank = graph.type(input).shape.rank();
        const LayoutTable::Nearest& above = table[static_cast<size_t>(input.node)];
        const bool nearer = above.distance >= 0 && (nearest.distance < 0 || above.distance + 1 < nearest.distance);
        if ((its_rank == rank || its_rank < 0) && nearer) nearest = {above.distance + 1, above.layout};
      }
    }
  }
  known_layouts.graph = &graph;
}

KnownLayouts::~KnownLayouts() { known_layouts = {}; }

std::string LayoutOfTranspose(const Graph& graph, const Node& node, bool result) {
  using Axes = std::vector<int64_t>;
  if (node.op != "Transpose") return "";
  const Tensor* order = node.inputs.size() == 2 ? ConstValue(graph, node.inputs[1]) : nullptr;
  if (order == nullptr || order->elements() != 4) return "";
  const Axes axes = order->Values<int64_t>();
  if (axes == Axes{0, 3, 1, 2}) return result ? "NCHW" : "NHWC";
  if (axes == Axes{0, 2, 3, 1}) return result ? "NHWC" : "NCHW";
  return "";
}

std::string SaidLayoutAbove(const Graph& graph, Value value) {
  const int rank = graph.type(value).shape.rank();
  if (known_layouts.graph != &graph || (rank != 4 && rank != 5)) return FirstLayout(graph, nullptr, value);
  const LayoutTable::Nearest& nearest = known_layouts.of_rank[rank - 4][static_cast<size_t>(value.node)];
  return nearest.distance < 0 ? "" : nearest.layout;
}
std::string LayoutAbove(const Graph& graph, Value value) {
  return OrDefault(SaidLayoutAbove(graph, value), graph, value);
}
std::string LayoutBelow(const GraphEditor& editor, Value value) {
  return OrDefault(FirstLayout(editor.graph(), &editor, value), editor.graph(), value);
}

bool TakesBias(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op == "Conv2D" || node.op == "DepthwiseConv2dNative" || node.op == "Conv2DBackpropInput" ||
      node.op == "Conv3D" || node.op == "MatMul") {
    return node.inputs.size() >= 2 && ConstValue(graph, node.inputs[1]) != nullptr;
  }
  return false;
}

bool BatchIsOne(const ValueType& type) {
  return type.shape.has_rank() && type.shape.rank() > 0 && type.shape.dim(0) == 1;
}

bool IsChannelVector(const Tensor& constant) {
  return constant.elements() > 1 && constant.rank() >= 1 && constant.dims().back() == constant.elements();
}

std::optional<Tensor> ConstantAsItLies(const Graph& graph, Value x, const Tensor& constant) {
  constexpr int64_t kMaxElements = int64_t{1} << 24;
  const Shape& shape = graph.type(x).shape;
  const int rank = shape.rank(), behind = rank - constant.rank();
  if (rank < 3 || rank > 5 || behind < 0 || constant.elements() <= 1 || !IsFloating(constant.dtype()))
    return std::nullopt;
  const bool planar = IsPlanar(graph, x), turned = rank == 4 && !planar;
  if (rank == 5 && !planar) return std::nullopt;
  // One value a channel is taken as it is, but not by what has its channels elsewhere.
  const bool taken = IsChannelVector(constant) && (turned || rank == 3);
  if (taken || (behind == 0 && constant.dims()[0] != 1)) return std::nullopt;
  std::vector<int64_t> dims;
  for (int i = 1; i < rank; ++i) dims.push_back(shape.dim(i));
  const int64_t elements = CheckedElements(dims);
  if (elements < 1 || elements > kMaxElements) return std::nullopt;
  const Tensor dense = constant.Dense();
  std::string bytes(static_cast<size_t>(elements * SizeOf(constant.dtype())), '\0');
  const auto size = static_cast<size_t>(SizeOf(constant.dtype()));
  std::vector<int64_t> at(dims.size(), 0);
  for (int64_t i = 0; i < elements; ++i) {
    int64_t from = 0;
    for (int axis = std::max(1, behind); axis < rank; ++axis) {
      const int64_t extent = constant.dims()[static_cast<size_t>(axis - behind)];
      from = from * extent + (extent == 1 ? 0 : at[static_cast<size_t>(axis - 1)]);
    }
    std::memcpy(bytes.data() + static_cast<size_t>(i) * size,
                dense.DenseBytes().data() + static_cast<size_t>(from) * size, size);
    for (size_t axis = dims.size(); axis-- > 0;) {
      if (++at[axis] < dims[axis]) break;
      at[axis] = 0;
    }
  }
  const Tensor spread = Tensor::Buffer(constant.dtype(), dims, std::move(bytes));
  return turned ? spread.Transposed({2, 0, 1}).Dense() : spread;
}

bool SameShape(const ValueType& a, const ValueType& b) { return a.shape.has_rank() && a.shape == b.shape; }

void SetScaleAxis(GraphEditor& editor, NodeId mul) {
  const Node& node = editor.node(mul);
  const Tensor* scale = ConstValue(editor.graph(), node.inputs[1]);
  if (scale == nullptr || !IsChannelVector(*scale) || editor.graph().type(node.inputs[0]).shape.rank() != 3) return;
  if (node.attr<int64_t>("axis") == nullptr) editor.SetAttr(mul, "axis", int64_t{2});
}

Value EmitShift(GraphEditor& editor, std::string_view name, Value x, Tensor shift) {
  const Tensor vector = shift.Reshaped({shift.elements()});
  const std::string one(Tensor::Scalar<float>(1.0F).Cast(shift.dtype()).Dense().DenseBytes());
  const Value ones = EmitConst(editor, StrCat(name, "/ones"), Tensor::Splat(shift.dtype(), vector.dims(), one));
  const Value scaled = Emit(editor, "Mul", StrCat(name, "/scale"), {x, ones});
  SetScaleAxis(editor, scaled.node);
  return Emit(editor, "Add", name, {scaled, EmitConst(editor, StrCat(name, "/shift"), vector)});
}

namespace {

// Takes one number of rows only, though its input does not say how many come.
bool FixesRows(const Graph& graph, NodeId id) {
  const Shape& result = graph.type({id, 0}).shape;
  const std::vector<Value>& inputs = graph.node(id).inputs;
  const bool holds_all = graph.node(id).op == "Reshape" && result.FullyKnown();
  return result.rank() > 0 && (result.dim(0) > 1 || holds_all) && std::any_of(inputs.begin(), inputs.end(), [&](Value input) {
    return graph.type(input).shape.rank() > 0 && graph.type(input).shape.dim(0) < 0;
  });
}

}  // namespace

bool MisreadsInputShapes(const Graph& graph) {
  const std::vector<NodeId> ids = graph.NodeIds();
  const std::set<NodeId> inputs(graph.inputs().begin(), graph.inputs().end());
  bool asks_for_shapes = false, asks_inputs = false, fixes_rows = false;
  for (NodeId id : ids) {
    const Node& node = graph.node(id);
    fixes_rows = fixes_rows || FixesRows(graph, id);
    const bool asks = (node.op == "Mul" || node.op == "RealDiv") &&
                      std::none_of(node.inputs.begin(), node.inputs.end(),
                                   [&](Value input) { return ConstValue(graph, input) != nullptr; });
    asks_for_shapes = asks_for_shapes || asks;
    asks_inputs = asks_inputs || (asks && std::any_of(node.inputs.begin(), node.inputs.end(),
                                                      [&](Value input) { return inputs.contains(input.node); }));
  }
  return asks_for_shapes && (inputs.size() > 1 || asks_inputs || fixes_rows);
}

bool MayBeVector(const GraphEditor& editor, Value scalar) {
  static const std::set<std::string_view> kBroadcasting = {
      "Add",  "AddV2", "Sub",  "Mul",     "RealDiv", "Maximum", "Minimum", "SquaredDifference", "Pow",  "Sqrt", "Rsqrt",
      "Exp",  "Log",   "Neg",  "Abs",     "Relu",    "Sigmoid", "Tanh",    "Square",            "Erf",  "Floor",
      "Ceil", "Round", "Sign", "Softplus", "ClipByValue", "AddN", "Elu",   "Relu6",             "Log1p", "Expm1"};
  constexpr size_t kMostUsers = 64;
  std::vector<Value> work = {scalar};
  for (size_t i = 0; i < work.size(); ++i) {
    if (work.size() > kMostUsers) return false;
    for (const Use& use : editor.Users(work[i])) {
      const Node& user = editor.node(use.node);
      if (user.op == "Reshape" && use.index == 0) continue;
      if (!kBroadcasting.contains(user.op) || use.index > (user.op == "ClipByValue" ? 0 : 1)) return false;
      const Shape& shape = editor.graph().type({use.node, 0}).shape;
      if (!shape.has_rank()) return false;
      if (shape.rank() == 0) work.push_back({use.node, 0});
    }
  }
  return true;
}

Value EmitReshape(GraphEditor& editor, std::string_view name, Value x, const std::vector<int64_t>& dims) {
  const std::vector<int32_t> target(dims.begin(), dims.end());
  return Emit(editor, "Reshape", name, {x, EmitConst(editor, StrCat(name, "/shape"), Tensor::Vector<int32_t>(target))});
}

Value EmitReshapeToNhwc(GraphEditor& editor, std::string_view name, Value x, const std::vector<int64_t>& dims) {
  const int64_t h = dims[1], w = dims[2], c = dims[3];
  Value value = x;
  if (c != 1 && h * w != 1) {
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

}  // namespace permafrost
