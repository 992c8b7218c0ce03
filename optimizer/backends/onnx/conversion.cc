#include "optimizer/backends/onnx/conversion.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <set>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/evaluate_by_table.h"

namespace permafrost {
namespace {

constexpr int64_t kSmall = 64;  // constants up to so many elements are compared by content

std::vector<int64_t> ToInts(const AxisOrder& order) { return {order.begin(), order.end()}; }

Tensor Reordered(const Tensor& tensor, const AxisOrder& order) {
  return IsPlainOrder(order) ? tensor : tensor.Transposed(order);
}

bool IsNumber(DType dtype) { return IsFloating(dtype) || IsInteger(dtype) || dtype == DType::kBool; }

const std::set<std::string_view> kChannelsLastOps = {"Conv2D",
                                                     "DepthwiseConv2dNative",
                                                     "Conv2DBackpropInput",
                                                     "MaxPool",
                                                     "AvgPool",
                                                     "FusedBatchNorm",
                                                     "FusedBatchNormV2",
                                                     "FusedBatchNormV3",
                                                     "BiasAdd",
                                                     "DepthToSpace",
                                                     "SpaceToDepth",
                                                     "ResizeBilinear",
                                                     "ResizeBicubic",
                                                     "ResizeNearestNeighbor",
                                                     "Conv3D",
                                                     "Conv3DBackpropInputV2",
                                                     "MaxPool3D",
                                                     "AvgPool3D",
                                                     "LRN",
                                                     "SpaceToBatchND",
                                                     "ResizeArea"};

// What a Cast or Dequantize of stored weights gives, worked out when it is written if it can be.
std::optional<Tensor> Widened(const Node& node, const std::vector<Tensor>& inputs) {
  if (node.op == "Cast") {
    const bool widens = inputs[0].dtype() == DType::kHalf && node.attr_or<DType>("DstT", DType::kInvalid) == DType::kFloat32;
    return widens ? std::optional(inputs[0].Cast(DType::kFloat32)) : std::nullopt;
  }
  if (auto recipe = EvaluateByTable(node, inputs)) return recipe;
  const auto result = EvaluateNode(node, inputs);
  if (!result.ok() || result->empty() || result->front().dtype() != DType::kFloat32) return std::nullopt;
  return result->front();
}

}  // namespace

AxisOrder PlainOrder(int rank) {
  AxisOrder order(static_cast<size_t>(std::max(0, rank)));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

AxisOrder PlanarOrder(int rank) {
  AxisOrder order = PlainOrder(rank);
  if (rank >= 3) std::rotate(order.begin() + 1, order.end() - 1, order.end());
  return order;
}

Tensor ChannelsInFront(const Tensor& tensor) {
  AxisOrder order = PlainOrder(tensor.rank());
  std::rotate(order.begin(), order.end() - 1, order.end());
  return tensor.Transposed(order);
}

bool IsPlainOrder(const AxisOrder& order) { return std::is_sorted(order.begin(), order.end()); }

int PositionOf(const AxisOrder& order, int axis) {
  return static_cast<int>(std::find(order.begin(), order.end(), axis) - order.begin());
}

OnnxConversion::OnnxConversion(const Graph& graph, const GraphEditor& users, const OnnxOptions& options)
    : graph_(graph), users_(users), options_(options) {
  out_.opset = options.opset;
}

const Tensor* OnnxConversion::constant(Value value) const {
  const Node& node = graph_.node(value.node);
  const bool widens = node.op == "Cast" || node.op == "Dequantize";
  if (!widens || node.inputs.empty()) return ConstValue(graph_, value);
  const auto [found, is_new] = widened_.try_emplace(value.node);
  if (is_new) {
    std::vector<Tensor> inputs;
    for (Value input : node.inputs) {
      const Tensor* stored = ConstValue(graph_, input);
      if (stored == nullptr) return nullptr;
      inputs.push_back(*stored);
    }
    found->second = Widened(node, inputs);
  }
  return found->second ? &*found->second : nullptr;
}

std::optional<std::vector<int64_t>> OnnxConversion::Ints(Value value) const {
  if (const Tensor* tensor = constant(value)) {
    if (!IsInteger(tensor->dtype()) || tensor->elements() > kSmall * 16) return std::nullopt;
    return tensor->Values<int64_t>();
  }
  const auto& ints = type(value).ints;
  if (!ints || std::find(ints->begin(), ints->end(), kUnknownInt) != ints->end()) return std::nullopt;
  return ints;
}

bool OnnxConversion::WantsChannelsFirst(Value value) const {
  const int wanted_rank = rank(value);
  std::deque<NodeId> queue;
  std::set<NodeId> seen;
  const auto visit_users = [&](NodeId id) {
    for (const Use& use : users_.Users(id)) {
      if (seen.insert(use.node).second) queue.push_back(use.node);
    }
  };
  visit_users(value.node);
  while (!queue.empty()) {
    const Node& node = graph_.node(queue.front());
    const NodeId id = queue.front();
    queue.pop_front();
    if (node.op == "Transpose") {
      const auto order = Ints(node.inputs[1]);
      if (order && *order == ToInts(PlanarOrder(wanted_rank))) return true;
      continue;
    }
    if (kChannelsLastOps.contains(node.op)) return node.attr_or<std::string>("data_format", "NHWC").back() == 'C';
    if (node.op == "Reshape" || node.op == "Shape") continue;
    if (rank({id, 0}) == wanted_rank) visit_users(id);
  }
  return false;
}

AxisOrder OnnxConversion::OrderOf(Value value) const {
  const AxisOrder plain = PlainOrder(rank(value));
  const auto found = renderings_.find(value);
  if (constant(value) != nullptr || found == renderings_.end() || found->second.forms.empty()) return plain;
  const AxisOrder planar = PlanarOrder(rank(value));
  for (const auto& form : found->second.forms) {
    if (form.first == planar) return planar;
  }
  return found->second.forms.front().first;
}

AxisOrder OnnxConversion::CommonOrder(const std::vector<Value>& values, int rank) const {
  const AxisOrder planar = PlanarOrder(rank);
  std::optional<AxisOrder> first;
  for (Value value : values) {
    if (constant(value) != nullptr || this->rank(value) != rank) continue;
    const AxisOrder order = OrderOf(value);
    if (order == planar) return order;
    if (!first) first = order;
  }
  return first.value_or(PlainOrder(rank));
}

const OnnxConversion::Flattened* OnnxConversion::FlattenedIn(Value value) const {
  const auto found = renderings_.find(value);
  const bool is = found != renderings_.end() && found->second.flat && found->second.forms.empty();
  return is ? &*found->second.flat : nullptr;
}

int OnnxConversion::In(Value value, const AxisOrder& order) {
  if (const Tensor* tensor = constant(value)) {
    const auto [found, is_new] = operands_.try_emplace({value, order}, 0);
    if (is_new) {
      found->second = Constant(Reordered(*tensor, order));
      out_.value(found->second).name = ToString(graph_, value);
    }
    return found->second;
  }
  Rendering& rendering = renderings_[value];
  if (rendering.forms.empty() && rendering.flat) {
    const std::vector<int64_t>& dims = rendering.flat->dims;
    std::vector<int64_t> planar = {-1, dims.back()};
    planar.insert(planar.end(), dims.begin(), dims.end() - 1);
    const int rank = static_cast<int>(planar.size());
    AxisOrder to_plain = PlainOrder(rank);
    std::rotate(to_plain.begin() + 1, to_plain.begin() + 2, to_plain.end());
    const int apart = rendering.flat->planar;
    const int pixels = Transpose(apart != OnnxNode::kAbsent ? apart : Reshape(rendering.flat->id, planar), to_plain);
    const int flat = Reshape(pixels, {-1, CheckedElements(dims)});
    rendering.forms.push_back({PlainOrder(2), flat});
  }
  for (const auto& [form, id] : rendering.forms) {
    if (form == order) return id;
  }
  if (rendering.forms.empty() || rendering.forms.front().first.size() != order.size()) {
    status_ = Unsupported("its input '", ToString(graph_, value), "' has no form in ONNX here");
    return Number(DType::kFloat32, 0);
  }
  const auto [from, id] = rendering.forms.front();
  AxisOrder permutation;
  for (int axis : order) permutation.push_back(PositionOf(from, axis));
  // Axes of size 1 may move without the data.
  std::vector<int64_t> dims;
  AxisOrder moving_before, moving_after;
  for (size_t i = 0; i < order.size(); ++i) {
    dims.push_back(shape(value).dim(order[i]));
    if (dims.back() != 1) moving_after.push_back(order[i]);
    if (shape(value).dim(from[i]) != 1) moving_before.push_back(from[i]);
  }
  for (size_t i = 0; i < order.size() && std::count(dims.begin(), dims.end(), kUnknownDim) > 1; ++i) {
    if (dims[i] == kUnknownDim && order[i] == from[i]) dims[i] = 0;  // copied
  }
  const bool lies_the_same = moving_before == moving_after && std::count(dims.begin(), dims.end(), kUnknownDim) <= 1;
  const int turned = lies_the_same ? Reshape(id, dims) : Transpose(id, permutation);
  rendering.forms.push_back({order, turned});
  return turned;
}

// OpenCV before 4.10 lays a constant over the axes from the first behind the batch on, whatever its dims say: it gets
// all of them up to the last that the constant has. Nothing: the constant cannot be brought there.
std::optional<Tensor> FromTheSecondAxis(const Tensor& tensor, const AxisOrder& order, const Shape& against) {
  constexpr int64_t kMost = int64_t{1} << 18;
  const auto rank = order.size();
  if (rank < 3 || against.rank() != static_cast<int>(rank) || tensor.rank() != static_cast<int>(rank))
    return std::nullopt;
  size_t last = rank - 1;
  while (last > 0 && tensor.dims()[last] == 1) --last;
  if (last == 0 || tensor.dims()[0] != 1) return std::nullopt;
  std::vector<int64_t> dims = {1};
  for (size_t i = 1; i < rank; ++i) dims.push_back(i <= last ? against.dim(order[i]) : 1);
  const int64_t elements = CheckedElements(dims);  // below 0: a dim is unknown, or there are too many to count
  if (elements < 0 || elements > kMost) return std::nullopt;
  for (size_t i = 1; i < rank; ++i) {
    if (tensor.dims()[i] != 1 && tensor.dims()[i] != dims[i]) return std::nullopt;
  }
  const std::vector<int64_t> without_batch(dims.begin() + 1, dims.end());
  if (dims == tensor.dims()) return tensor.Reshaped(without_batch);
  if (!IsFloating(tensor.dtype())) return std::nullopt;
  const std::vector<double> values = tensor.Dense().Values<double>();
  std::vector<double> spread(static_cast<size_t>(elements));
  std::vector<int64_t> at(rank, 0);
  for (double& value : spread) {
    int64_t from = 0;
    for (size_t i = 0; i < rank; ++i) from = from * tensor.dims()[i] + (tensor.dims()[i] == 1 ? 0 : at[i]);
    value = values[static_cast<size_t>(from)];
    for (size_t i = rank; i-- > 0;) {
      if (++at[i] < dims[i]) break;
      at[i] = 0;
    }
  }
  return Tensor::Of<double>(without_batch, spread).Cast(tensor.dtype()).Dense();
}

int OnnxConversion::Operand(Value value, const AxisOrder& order, const Shape* against) {
  const int to = static_cast<int>(order.size()), own = rank(value);
  if (const Tensor* tensor = constant(value)) {
    if (tensor->elements() == 1 && own <= to) return Constant(tensor->Reshaped({}));
    if (own > to || own <= 0) return Plain(value);
    if (against != nullptr && runtime().MayBeOldOpenCv()) {
      std::vector<int64_t> dims(static_cast<size_t>(to - own), 1);
      dims.insert(dims.end(), tensor->dims().begin(), tensor->dims().end());
      const auto spread = FromTheSecondAxis(Reordered(tensor->Reshaped(dims), order), order, *against);
      if (spread) return Constant(*spread);
    }
    const auto [found, is_new] = operands_.try_emplace({value, order}, 0);
    if (is_new) {
      std::vector<int64_t> dims(static_cast<size_t>(to - own), 1);
      dims.insert(dims.end(), tensor->dims().begin(), tensor->dims().end());
      const Tensor full = IsPlainOrder(order) ? *tensor : Reordered(tensor->Reshaped(dims), order);
      found->second = Constant(full);
      if (out_.value(found->second).name.empty()) out_.value(found->second).name = ToString(graph_, value);
    }
    return found->second;
  }
  if (own >= to || own <= 0) return own == to ? In(value, order) : Plain(value);
  if (IsPlainOrder(order)) return Plain(value);
  AxisOrder tail;  // its own axes in the wanted order
  std::vector<int64_t> added;
  for (int i = 0; i < to; ++i) {
    const int axis = order[static_cast<size_t>(i)] - (to - own);
    if (axis >= 0) {
      tail.push_back(axis);
    } else {
      added.push_back(i);
    }
  }
  return Unsqueeze(In(value, tail), added);
}

int OnnxConversion::Copied(int id) {
  const int copy = NewValue(out_.value(id).name, dtype(id));
  out_.value(copy).constant = out_.value(id).constant;
  return copy;
}

int OnnxConversion::AsInt64(int id) { return Cast(id, DType::kInt64); }

int OnnxConversion::NewValue(std::string_view name, DType dtype) {
  OnnxValue value;
  value.name = std::string(name);
  value.dtype = dtype;
  out_.values.push_back(std::move(value));
  return static_cast<int>(out_.values.size()) - 1;
}

int OnnxConversion::Constant(const Tensor& tensor) {
  const auto add = [&](const Tensor& content) {
    const int id = NewValue("", content.dtype());
    out_.value(id).constant = content;
    return id;
  };
  if (tensor.elements() > kSmall || tensor.dtype() == DType::kString) return add(tensor);
  const Tensor dense = tensor.Dense();
  const auto [found, is_new] =
      small_constants_.try_emplace({dense.dtype(), dense.dims(), std::string(dense.DenseBytes())}, 0);
  if (is_new) found->second = add(dense);
  return found->second;
}

int OnnxConversion::Number(DType dtype, double value) {
  if (!IsNumber(dtype)) {
    status_ = Unsupported("its input has the type ", NameOf(dtype));
    dtype = DType::kFloat32;
  }
  return Constant(Tensor::Scalar<double>(value).Cast(dtype).Dense());
}

int OnnxConversion::Emit(std::string_view op, std::vector<int> inputs, AttrMap attrs, DType dtype) {
  const int id = EmitMany(op, std::move(inputs), 1, std::move(attrs)).front();
  if (dtype != DType::kInvalid) out_.value(id).dtype = dtype;
  return id;
}

std::vector<int> OnnxConversion::EmitMany(std::string_view op, std::vector<int> inputs, size_t outputs, AttrMap attrs) {
  OnnxNode node;
  node.op = std::string(op);
  node.name = current_ == kNoNode ? "" : graph_.node(current_).name;
  const DType dtype = inputs.empty() ? DType::kInvalid : out_.value(inputs.front()).dtype;
  for (size_t i = 0; i < outputs; ++i) {
    node.outputs.push_back(NewValue(StrCat(node.name, "/", op), dtype));
    producers_[node.outputs.back()] = out_.nodes.size();
  }
  node.inputs = std::move(inputs);
  node.attrs = std::move(attrs);
  // OpenCV before 4.8 writes the reciprocal over a constant that it divides by, whoever else uses it.
  for (int& id : node.inputs) {
    if (op == "Div" && runtime().MayBeOldOpenCv() && IsConstant(id) && ConstantOf(id).elements() > 1) id = Copied(id);
  }
  std::vector<int> ids = node.outputs;
  out_.nodes.push_back(std::move(node));
  return ids;
}

OnnxNode* OnnxConversion::Producer(int id) {
  const auto found = producers_.find(id);
  return found == producers_.end() ? nullptr : &out_.nodes[found->second];
}

int OnnxConversion::Transpose(int id, const AxisOrder& permutation) {
  if (out_.IsConstant(id)) return Constant(Reordered(out_.value(id).constant, permutation));
  AxisOrder order = permutation;
  if (const OnnxNode* before = Producer(id); before != nullptr && before->op == "Transpose") {
    const auto& first = *GetAttr<std::vector<int64_t>>(before->attrs, "perm");
    for (int& axis : order) axis = static_cast<int>(first[static_cast<size_t>(axis)]);
    id = before->inputs[0];
  }
  if (IsPlainOrder(order)) return id;
  return Emit("Transpose", {id}, {{"perm", ToInts(order)}});
}

int OnnxConversion::Reshape(int id, const std::vector<int64_t>& dims) {
  // A zero copies the dim of the value that is reshaped, so it has to stay that value.
  const bool copies = std::find(dims.begin(), dims.end(), 0) != dims.end();
  const OnnxNode* before = Producer(id);
  if (!copies && before != nullptr && before->op == "Reshape") id = before->inputs[0];
  return Emit("Reshape", {id, Ints64(dims)});
}

int OnnxConversion::Cast(int id, DType dtype) {
  if (this->dtype(id) == dtype) return id;
  if (!IsNumber(dtype) || !IsNumber(this->dtype(id))) {
    status_ = Unsupported("a cast from ", NameOf(this->dtype(id)), " to ", NameOf(dtype));
    return id;
  }
  if (out_.IsConstant(id)) return Constant(out_.value(id).constant.Cast(dtype));
  static const std::map<DType, int64_t> kTypes = {
      {DType::kFloat32, 1}, {DType::kUint8, 2},   {DType::kInt8, 3},     {DType::kUint16, 4}, {DType::kInt16, 5},
      {DType::kInt32, 6},   {DType::kInt64, 7},   {DType::kBool, 9},     {DType::kHalf, 10},  {DType::kFloat64, 11},
      {DType::kUint32, 12}, {DType::kUint64, 13}, {DType::kBFloat16, 16}};
  const auto found = kTypes.find(dtype);
  return Emit("Cast", {id}, {{"to", found == kTypes.end() ? int64_t{0} : found->second}}, dtype);
}

int OnnxConversion::Unsqueeze(int id, const std::vector<int64_t>& axes) {
  if (axes.empty()) return id;
  if (axes.size() > 1 && runtime().MayBeOldOpenCv()) {  // which adds one at a time
    for (const int64_t axis : axes) id = Unsqueeze(id, {axis});
    return id;
  }
  if (opset() >= 13) return Emit("Unsqueeze", {id, Ints64(axes)});
  return Emit("Unsqueeze", {id}, {{"axes", axes}});
}

int OnnxConversion::Squeeze(int id, const std::vector<int64_t>& axes) {
  if (axes.empty()) return id;
  if (opset() >= 13) return Emit("Squeeze", {id, Ints64(axes)});
  return Emit("Squeeze", {id}, {{"axes", axes}});
}

int OnnxConversion::SpreadOver(int id, int as) {
  const int ones = Emit("Add", {Emit("Mul", {as, Number(dtype(as), 0)}), Number(dtype(as), 1)});
  return Emit("Mul", {ones, id});
}

void OnnxConversion::Set(Value value, int id, const AxisOrder& order) {
  renderings_[value].forms.push_back({order, id});
  // A value that the op only passes on keeps the name it has.
  const OnnxNode* producer = Producer(id);
  if (producer != nullptr && !out_.IsConstant(id)) out_.value(id).name = ToString(graph_, value);
}

void OnnxConversion::SetFlattened(Value value, Flattened flat) {
  out_.value(flat.id).name = ToString(graph_, value);
  renderings_[value].flat = std::move(flat);
}

void OnnxConversion::SetSame(Value value, Value as) {
  if (constant(as) != nullptr) return SetPlain(value, Plain(as));
  renderings_[value] = renderings_[as];
}

void OnnxConversion::AddInput(NodeId id, const AxisOrder& order) {
  const Value value{id, 0};
  if (type(value).dtype == DType::kString) status_ = Unsupported("input '", graph_.node(id).name, "' holds strings");
  const int input = NewValue(graph_.node(id).name, type(value).dtype);
  Shape shape = this->shape(value);
  for (size_t i = 0; i < order.size(); ++i) shape.set_dim(static_cast<int>(i), this->shape(value).dim(order[i]));
  out_.value(input).shape = shape;
  out_.inputs.push_back(input);
  renderings_[value].forms.push_back({order, input});
}

void OnnxConversion::AddOutput(const GraphOutput& output, bool channels_first) {
  Begin(output.value.node);
  const int rank = this->rank(output.value);
  AxisOrder order = PlainOrder(rank);
  if (channels_first && rank >= 4 && OrderOf(output.value) == PlanarOrder(rank)) order = PlanarOrder(rank);
  int id = Cast(In(output.value, order), type(output.value).dtype);
  const auto is = [&](const std::vector<int>& ids) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
  // OpenCV 5 may merge a node into the one below it, and an output's value is gone.
  const bool merged = options_.runtime.MayBeOpenCv() && !users_.Users(output.value).empty();
  if (is(out_.inputs) || is(out_.outputs) || out_.IsConstant(id) || merged) id = Emit("Identity", {id});
  OnnxValue& value = out_.value(id);
  value.name = output.name;
  value.shape = shape(output.value);
  for (size_t i = 0; i < order.size(); ++i) value.shape.set_dim(static_cast<int>(i), shape(output.value).dim(order[i]));
  out_.outputs.push_back(id);
  output_orders_.push_back(order);
}

void OnnxConversion::MakeNamesUnique() {
  std::set<std::string, std::less<>> taken;
  std::map<std::string, int, std::less<>> next;  // number to try for a name that is taken
  std::vector<bool> fixed(out_.values.size());
  for (const std::vector<int>* ids : {&out_.inputs, &out_.outputs}) {
    for (int id : *ids) {
      taken.insert(out_.value(id).name);
      fixed[static_cast<size_t>(id)] = true;
    }
  }
  const auto unique = [&](std::string_view base) {
    std::string name(base);
    while (!taken.insert(name).second) name = StrCat(base, "_", ++next[std::string(base)]);
    return name;
  };
  for (const OnnxNode& node : out_.nodes) {
    for (int id : node.inputs) {
      if (!out_.IsConstant(id) || fixed[static_cast<size_t>(id)]) continue;
      OnnxValue& value = out_.value(id);
      value.name = unique(value.name.empty() ? StrCat(node.name, "/const") : value.name);
      fixed[static_cast<size_t>(id)] = true;
    }
    for (int id : node.outputs) {
      if (!fixed[static_cast<size_t>(id)]) out_.value(id).name = unique(out_.value(id).name);
      fixed[static_cast<size_t>(id)] = true;
    }
  }
  taken.clear();
  next.clear();
  for (OnnxNode& node : out_.nodes) node.name = unique(node.name);
}

OnnxGraph OnnxConversion::Take() {
  out_.RemoveUnused();
  MakeNamesUnique();
  return std::move(out_);
}

}  // namespace permafrost
