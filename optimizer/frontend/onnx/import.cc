#include "optimizer/frontend/onnx/import.h"

#include <algorithm>
#include <cctype>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/op.h"

namespace permafrost::from_onnx {
namespace {

constexpr int64_t kSmall = 1024;  // elements that are worked out while reading

bool IsSmall(const Tensor& tensor) {
  return tensor.dtype() != DType::kString && SizeOf(tensor.dtype()) > 0 && tensor.elements() <= kSmall;
}

std::vector<int> ToInt(const std::vector<int64_t>& order) { return {order.begin(), order.end()}; }

Shape Permuted(const Shape& shape, const std::vector<int64_t>& order) {
  std::vector<int64_t> dims;
  for (const int64_t axis : order) dims.push_back(shape.dim(static_cast<int>(axis)));
  return Shape(std::move(dims));
}

// The result of a small node, when everything it hangs on is known.
std::optional<Tensor> WorkedOut(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || !op->pure || node.outputs.size() != 1 || node.inputs.empty()) return std::nullopt;
  if (node.op == "Einsum") return std::nullopt;  // may sum over any number of elements
  const ValueType& type = node.outputs[0];
  const int64_t elements = type.shape.Elements();
  if (elements < 0 || elements > kSmall) return std::nullopt;
  if (type.ints && std::find(type.ints->begin(), type.ints->end(), kUnknownInt) == type.ints->end() &&
      IsInteger(type.dtype)) {
    return Tensor::Vector<int64_t>(*type.ints).Cast(type.dtype).Reshaped(type.shape.dims()).Dense();
  }
  std::vector<Tensor> inputs;
  for (const Value input : node.inputs) {
    const Tensor* constant = ConstValue(graph, input);
    if (constant == nullptr || !IsSmall(*constant)) return std::nullopt;
    inputs.push_back(*constant);
  }
  const auto outputs = EvaluateNode(node, inputs);
  if (!outputs.ok() || outputs->size() != 1) return std::nullopt;
  return (*outputs)[0];
}

}  // namespace

int AxisWhen(Lie lie, int axis, int rank) {
  if (lie == Lie::kPlain || axis == 0) return axis;
  return axis == 1 ? rank - 1 : axis - 1;
}

std::vector<int64_t> OrderToLast(int rank) {
  std::vector<int64_t> order = {0};
  for (int axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return order;
}

std::vector<int64_t> OrderToPlain(int rank) {
  std::vector<int64_t> order = {0, rank - 1};
  for (int axis = 1; axis + 1 < rank; ++axis) order.push_back(axis);
  return order;
}

std::string NodeNameOf(std::string_view name) {
  if (name.ends_with(":0")) name.remove_suffix(2);
  while (name.starts_with('/')) name.remove_prefix(1);
  std::string result;
  for (const char c : name) {
    const bool good = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == '/';
    result += good ? c : '_';
  }
  if (result.empty() || (std::isalnum(static_cast<unsigned char>(result[0])) == 0 && result[0] != '.')) {
    result.insert(0, "x");
  }
  return result;
}

// --- Importer

Status Importer::AddInitializers(const FileGraph& graph) {
  for (const auto& [name, wire] : graph.initializers) {
    auto tensor = ReadOnnxTensor(wire, source_);
    if (!tensor.ok()) return WithContext(tensor.status(), StrCat("initializer '", name, "'"));
    Entry& entry = values_[name];
    entry = Entry{};
    entry.name = name;
    entry.tensor = *std::move(tensor);
  }
  return OkStatus();
}

Status Importer::AddInput(std::string_view name, Value value) {
  Entry& entry = values_[name];
  entry.name = name;
  entry.plain = value;
  return OkStatus();
}

Shape Importer::ShapeOf(const Entry& entry) const {
  if (entry.tensor) return entry.tensor->shape();
  const Graph& graph = editor_.graph();
  if (entry.plain) return graph.type(*entry.plain).shape;
  if (!entry.last) return Shape();
  const Shape& shape = graph.type(*entry.last).shape;
  return shape.has_rank() ? Permuted(shape, OrderToPlain(shape.rank())) : shape;
}

StatusOr<Value> Importer::Add(Node node) {
  if (editor_.graph().next_id() >= source_.limits.max_nodes) {
    return ResourceExhausted("the graph has more than ", source_.limits.max_nodes, " nodes (--max-nodes)");
  }
  const NodeId id = editor_.AddNode(std::move(node));
  RETURN_IF_ERROR(InferNode(editor_, id));
  const std::optional<Tensor> known = WorkedOut(editor_.graph(), id);
  if (!known) return Value{id, 0};
  const std::string name = editor_.node(id).name;
  editor_.RemoveNode(id);
  return AddConst(name, *known);
}

Value Importer::AddConst(std::string_view name, Tensor tensor) {
  const NodeId id = editor_.AddConst(name, std::move(tensor));
  InferNode(editor_, id).IgnoreError();  // a Const has the type of its tensor
  return {id, 0};
}

StatusOr<Value> Importer::In(Entry& entry, Lie lie) {
  std::optional<Value>& wanted = lie == Lie::kPlain ? entry.plain : entry.last;
  if (wanted) return *wanted;
  const Shape shape = ShapeOf(entry);
  const std::string name = NodeNameOf(entry.name);
  if (!entry.tensor && !entry.plain && !entry.last) return InvalidArgument("nothing gives '", entry.name, "'");
  if (lie == Lie::kChannelsLast && shape.rank() < 3) {
    return InvalidArgument("'", entry.name, "' is ", shape.ToString(), ", expected batch, channels and space");
  }
  const std::vector<int64_t> order = lie == Lie::kPlain ? OrderToPlain(shape.rank()) : OrderToLast(shape.rank());
  const Tensor* constant = entry.tensor ? &*entry.tensor : nullptr;
  if (constant == nullptr && entry.plain) constant = ConstValue(editor_.graph(), *entry.plain);
  if (constant != nullptr) {
    const Tensor tensor = *constant;
    wanted = AddConst(name, lie == Lie::kPlain ? tensor : tensor.Transposed(ToInt(order)));
    return *wanted;
  }
  const Value from = lie == Lie::kPlain ? *entry.last : *entry.plain;
  Node node;
  node.name = StrCat(name, lie == Lie::kPlain ? "/channels_first" : "/channels_last");
  node.op = "Transpose";
  node.inputs = {from, AddConst(node.name + "/perm", Tensor::Vector(std::vector<int32_t>(order.begin(), order.end())))};
  ASSIGN_OR_RETURN(wanted, Add(std::move(node)));
  return *wanted;
}

StatusOr<Value> Importer::Output(std::string_view name) {
  const auto found = values_.find(name);
  if (found == values_.end()) return NotFound("nothing gives '", name, "'");
  return In(found->second, Lie::kPlain);
}

Status Importer::Import(const FileNode& node) {
  const ImportRow* row = node.domain.empty() ? FindImport(node.op) : nullptr;
  if (row == nullptr) {
    if (node.domain.empty()) return Unsupported(Where(node), ": Permafrost does not know this op of ONNX");
    return Unsupported(Where(node), ": an op of the operator set '", node.domain, "', expected those of ONNX");
  }
  const auto count = static_cast<int>(node.inputs.size());
  if (count < row->min_inputs || (row->max_inputs >= 0 && count > row->max_inputs)) {
    return InvalidArgument(Where(node), ": has ", count, " inputs, expected ", row->min_inputs,
                           row->max_inputs < 0 ? " or more" : StrCat(" to ", row->max_inputs));
  }
  if (node.outputs.empty()) return InvalidArgument(Where(node), ": has no outputs");
  OpImport op(*this, node);
  for (int i = 0; i < row->min_inputs; ++i) {
    if (!op.Has(i)) return InvalidArgument(Where(node), ": its input ", i, " is left out");
  }
  Status status = row->import(op);
  if (status.ok()) status = op.status();
  if (!status.ok()) return WithContext(status, Where(node));
  for (int port = 0; port < op.outputs(); ++port) {
    const std::string_view name = node.outputs[static_cast<size_t>(port)];
    if (!name.empty() && !values_.contains(name) && op.IsUsed(port)) {
      return Unsupported(Where(node), ": its output ", port, " is not supported");
    }
  }
  return OkStatus();
}

// --- OpImport

OpImport::OpImport(Importer& importer, const FileNode& node)
    : importer_(importer),
      node_(node),
      base_(NodeNameOf(!node.name.empty() ? node.name : node.outputs.empty() ? node.op : node.outputs[0])),
      opset_(importer.file_.opsets.at("")),
      first_(importer.editor_.graph().next_id()) {}

const FileAttr* OpImport::AttrOf(std::string_view name, FileAttr::Kind kind) {
  const auto found = node_.attrs.find(name);
  if (found == node_.attrs.end()) return nullptr;
  if (found->second.kind == kind) return &found->second;
  if (status_.ok()) status_ = InvalidArgument("attribute '", name, "' has the wrong type");
  return nullptr;
}

int64_t OpImport::Int(std::string_view name, int64_t fallback) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kInt);
  return attr != nullptr ? attr->i : fallback;
}

double OpImport::Float(std::string_view name, double fallback) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kFloat);
  return attr != nullptr ? static_cast<double>(attr->f) : fallback;
}

std::string OpImport::String(std::string_view name, std::string_view fallback) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kString);
  return std::string(attr != nullptr ? attr->bytes : fallback);
}

std::vector<int64_t> OpImport::IntList(std::string_view name, std::vector<int64_t> fallback) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kInts);
  return attr != nullptr ? attr->ints : std::move(fallback);
}

std::vector<double> OpImport::FloatList(std::string_view name) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kFloats);
  return attr != nullptr ? std::vector<double>(attr->floats.begin(), attr->floats.end()) : std::vector<double>();
}

std::vector<std::string> OpImport::StringList(std::string_view name) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kStrings);
  return attr != nullptr ? std::vector<std::string>(attr->strings.begin(), attr->strings.end()) : std::vector<std::string>();
}

StatusOr<Tensor> OpImport::TensorAttr(std::string_view name) {
  const FileAttr* attr = AttrOf(name, FileAttr::Kind::kTensor);
  if (attr == nullptr) return InvalidArgument("has no tensor '", name, "'");
  return ReadOnnxTensor(attr->bytes, importer_.source_);
}

Importer::Entry* OpImport::EntryOf(int i) const {
  if (!Has(i)) return nullptr;
  const auto found = importer_.values_.find(node_.inputs[static_cast<size_t>(i)]);
  return found == importer_.values_.end() ? nullptr : &found->second;
}

StatusOr<Value> OpImport::In(int i, Lie lie) {
  Importer::Entry* entry = EntryOf(i);
  if (entry == nullptr) return InvalidArgument("its input ", i, " is missing");
  return importer_.In(*entry, lie);
}

Lie OpImport::LieOf(int i) const {
  const Importer::Entry* entry = EntryOf(i);
  return entry != nullptr && entry->last && Constant(i) == nullptr ? Lie::kChannelsLast : Lie::kPlain;
}

Shape OpImport::shape(int i) const {
  const Importer::Entry* entry = EntryOf(i);
  return entry != nullptr ? importer_.ShapeOf(*entry) : Shape();
}

DType OpImport::dtype(int i) const {
  const Importer::Entry* entry = EntryOf(i);
  if (entry == nullptr) return DType::kInvalid;
  if (entry->tensor) return entry->tensor->dtype();
  const auto& value = entry->plain ? entry->plain : entry->last;
  return value ? type(*value).dtype : DType::kInvalid;
}

StatusOr<int> OpImport::Rank(int i) const {
  const Shape known = shape(i);
  if (known.has_rank()) return known.rank();
  return Unsupported("the rank of its input ", i, " is not known; --inputs can give the model's inputs their shapes");
}

const Tensor* OpImport::Constant(int i) const {
  const Importer::Entry* entry = EntryOf(i);
  if (entry == nullptr) return nullptr;
  if (entry->tensor) return &*entry->tensor;
  return entry->plain ? ConstValue(importer_.editor_.graph(), *entry->plain) : nullptr;
}

std::string_view OpImport::ProducerOf(int i) const {
  const Importer::Entry* entry = EntryOf(i);
  if (entry == nullptr || (!entry->plain && !entry->last)) return "";
  return importer_.editor_.graph().node((entry->plain ? *entry->plain : *entry->last).node).op;
}

std::optional<std::vector<int64_t>> OpImport::PartialInts(int i) const {
  if (const Tensor* constant = Constant(i)) {
    if (!IsSmall(*constant) || IsFloating(constant->dtype())) return std::nullopt;
    return constant->Values<int64_t>();
  }
  const Importer::Entry* entry = EntryOf(i);
  return entry != nullptr && entry->plain ? type(*entry->plain).ints : std::nullopt;
}

std::optional<std::vector<int64_t>> OpImport::Ints(int i) const {
  auto ints = PartialInts(i);
  if (ints && std::find(ints->begin(), ints->end(), kUnknownInt) != ints->end()) return std::nullopt;
  return ints;
}

std::optional<std::vector<double>> OpImport::Numbers(int i) const {
  const Tensor* constant = Constant(i);
  if (constant == nullptr || !IsSmall(*constant)) return std::nullopt;
  return constant->Values<double>();
}

std::optional<std::vector<int64_t>> OpImport::IntsOf(std::string_view attr, int input) {
  if (Has(input)) return Ints(input);
  return IntList(attr);
}

StatusOr<Value> OpImport::Emit(std::string_view op, std::vector<Value> inputs, AttrMap attrs, std::string_view suffix) {
  Node node;
  node.name = StrCat(base_, "/", suffix.empty() ? op : suffix);
  node.op = std::string(op);
  node.inputs = std::move(inputs);
  node.attrs = std::move(attrs);
  return importer_.Add(std::move(node));
}

Value OpImport::Const(std::string_view suffix, Tensor tensor) {
  return importer_.AddConst(StrCat(base_, "/", suffix), std::move(tensor));
}

Value OpImport::Indices(std::string_view suffix, const std::vector<int64_t>& values) {
  return Const(suffix, Tensor::Vector(std::vector<int32_t>(values.begin(), values.end())));
}

Value OpImport::Index(std::string_view suffix, int64_t value) {
  return Const(suffix, Tensor::Scalar(static_cast<int32_t>(value)));
}

Value OpImport::Number(std::string_view suffix, double value, DType dtype) {
  if (!IsFloating(dtype) && !IsInteger(dtype)) {
    if (status_.ok()) status_ = Unsupported("works on ", NameOf(dtype), ", expected numbers");
    dtype = DType::kFloat32;
  }
  return Const(suffix, Tensor::Scalar<double>(value).Cast(dtype).Dense());
}

StatusOr<Value> OpImport::Transposed(Value value, const std::vector<int64_t>& order) {
  if (std::is_sorted(order.begin(), order.end())) return value;
  return Emit("Transpose", {value, Indices("perm", order)});
}

StatusOr<Value> OpImport::WithNumber(std::string_view op, Value x, double number) {
  return Emit(op, {x, Number(StrCat(op, "/y"), number, type(x).dtype)});
}

StatusOr<Value> OpImport::Widened(Value x) {
  if (const auto found = importer_.narrowed_.find(x); found != importer_.narrowed_.end()) return found->second;
  if (type(x).dtype == DType::kFloat32) return x;
  return Emit("Cast", {x}, {{"DstT", DType::kFloat32}});
}

StatusOr<Value> OpImport::Counted(int input, const std::vector<int64_t>& dims) {
  const auto indices = Ints(input);
  ASSIGN_OR_RETURN(const Value given, In(input));
  if (!indices || Constant(input) == nullptr || dims.empty()) return given;
  const auto dim_of = [&](size_t i) { return dims[i % dims.size()]; };
  std::vector<int64_t> counted = *indices;
  for (size_t i = 0; i < counted.size(); ++i) {
    if (counted[i] >= 0) continue;
    if (dim_of(i) == kUnknownDim) return Unsupported("counts from the end of an unknown size");
    counted[i] += dim_of(i);
  }
  if (counted == *indices && dtype(input) == DType::kInt32) return given;
  for (size_t i = 0; i < counted.size(); ++i) {
    const int64_t index = counted[i], dim = dim_of(i);
    if (index < 0 || index > INT32_MAX || (dim != kUnknownDim && index >= dim)) {
      return InvalidArgument("index ", index, " of ", dim, " elements");
    }
  }
  const std::vector<int32_t> narrow(counted.begin(), counted.end());
  return Const("indices", Tensor::Of<int32_t>(Constant(input)->dims(), narrow));
}

StatusOr<Value> OpImport::Narrowed(Value x, DType dtype) {
  ASSIGN_OR_RETURN(const Value narrow, Emit("Cast", {x}, {{"DstT", dtype}}));
  importer_.narrowed_[narrow] = x;
  return narrow;
}

StatusOr<OpImport::Operands> OpImport::Combined() {
  std::vector<int> all;
  for (int i = 0; i < inputs(); ++i) all.push_back(i);
  return Combined(all);
}

StatusOr<OpImport::Operands> OpImport::Combined(const std::vector<int>& inputs) {
  Operands operands;
  int rank = 0;
  bool known = true;
  for (const int i : inputs) {
    known = known && shape(i).has_rank();
    rank = std::max(rank, shape(i).rank());
  }
  for (const int i : inputs) {
    const bool full = known && shape(i).rank() == rank && rank >= 3;
    if (full && LieOf(i) == Lie::kChannelsLast) operands.lie = Lie::kChannelsLast;
  }
  for (const int i : inputs) {
    const int own = shape(i).rank();
    const Tensor* constant = Constant(i);
    if (operands.lie == Lie::kPlain || (constant != nullptr && constant->elements() == 1 && own == 0)) {
      ASSIGN_OR_RETURN(const Value plain, In(i));
      operands.values.push_back(plain);
    } else if (constant != nullptr) {
      // One number per channel comes out as a vector.
      std::vector<int64_t> dims(static_cast<size_t>(rank - own), 1);
      dims.insert(dims.end(), constant->dims().begin(), constant->dims().end());
      const Tensor turned = constant->Reshaped(dims).Transposed(ToInt(OrderToLast(rank)));
      dims = turned.dims();
      while (!dims.empty() && dims.front() == 1) dims.erase(dims.begin());
      operands.values.push_back(importer_.AddConst(NodeNameOf(node_.inputs[static_cast<size_t>(i)]), turned.Reshaped(dims)));
    } else if (own == rank) {
      ASSIGN_OR_RETURN(const Value last, Last(i));
      operands.values.push_back(last);
    } else {
      ASSIGN_OR_RETURN(Value value, In(i));
      for (int added = own; added < rank; ++added) {
        ASSIGN_OR_RETURN(value, Emit("ExpandDims", {value, Index("ExpandDims/dim", 0)}));
      }
      ASSIGN_OR_RETURN(value, Transposed(value, OrderToLast(rank)));
      operands.values.push_back(value);
    }
  }
  return operands;
}

bool OpImport::IsUsed(int port) const {
  if (port >= outputs() || node_.outputs[static_cast<size_t>(port)].empty()) return false;
  const std::string_view name = node_.outputs[static_cast<size_t>(port)];
  const FileGraph& graph = importer_.file_.graph;
  for (const FileNode& node : graph.nodes) {
    if (std::find(node.inputs.begin(), node.inputs.end(), name) != node.inputs.end()) return true;
  }
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const FileValue& output) { return output.name == name; });
}

Status OpImport::Set(int port, Value value, Lie lie) {
  if (port >= outputs() || node_.outputs[static_cast<size_t>(port)].empty()) return OkStatus();
  const std::string_view name = node_.outputs[static_cast<size_t>(port)];
  Importer::Entry& entry = importer_.values_[name];
  entry.name = name;
  (lie == Lie::kPlain ? entry.plain : entry.last) = value;
  // The node that gives a value is called by it.
  const std::string wanted = NodeNameOf(name);
  GraphEditor& editor = importer_.editor_;
  if (port == 0 && value.port == 0 && value.node >= first_ && !importer_.reserved_.contains(wanted) &&
      !editor.graph().Find(wanted)) {
    editor.Rename(value.node, wanted);
  }
  return OkStatus();
}

Status OpImport::SetSame(int port, int input) {
  const Importer::Entry* from = EntryOf(input);
  if (from == nullptr) return InvalidArgument("its input ", input, " is missing");
  if (port >= outputs() || node_.outputs[static_cast<size_t>(port)].empty()) return OkStatus();
  if (from->tensor) {  // one Const, however often it is passed on
    RETURN_IF_ERROR(In(input).status());
  }
  const Importer::Entry copy = *from;
  const std::string_view name = node_.outputs[static_cast<size_t>(port)];
  Importer::Entry& entry = importer_.values_[name];
  entry = copy;
  entry.name = name;
  return OkStatus();
}

void OpImport::Note(std::string text) { importer_.notes_.push_back(StrCat(Where(node_), ": ", text)); }

Status OpImport::Inline(std::string_view attr) {
  constexpr int kMaxDepth = 16;
  const FileAttr* graph_attr = AttrOf(attr, FileAttr::Kind::kGraph);
  if (graph_attr == nullptr) return InvalidArgument("has no graph '", attr, "'");
  if (importer_.depth_ >= kMaxDepth) return Unsupported("graphs lie in graphs more than ", kMaxDepth, " deep");
  std::vector<std::string_view> outside;
  for (const auto& value : importer_.values_) outside.push_back(value.first);
  ASSIGN_OR_RETURN(const FileGraph graph, ReadFileGraph(graph_attr->bytes, importer_.source_.limits, outside));
  if (graph.outputs.size() < node_.outputs.size() || !graph.inputs.empty()) {
    return InvalidArgument("its graph '", attr, "' has ", graph.inputs.size(), " inputs and ", graph.outputs.size(),
                           " outputs, expected none and ", node_.outputs.size());
  }
  ++importer_.depth_;
  Status status = importer_.AddInitializers(graph);
  for (const FileNode& node : graph.nodes) {
    if (status.ok()) status = importer_.Import(node);
  }
  --importer_.depth_;
  RETURN_IF_ERROR(status);
  for (size_t i = 0; i < node_.outputs.size(); ++i) {
    const auto found = importer_.values_.find(graph.outputs[i].name);
    if (found == importer_.values_.end()) return InvalidArgument("its graph does not give '", graph.outputs[i].name, "'");
    if (found->second.tensor) {
      RETURN_IF_ERROR(importer_.In(found->second, Lie::kPlain).status());
    }
    const Importer::Entry copy = found->second;
    importer_.values_[node_.outputs[i]] = copy;
    importer_.values_[node_.outputs[i]].name = node_.outputs[i];
  }
  return OkStatus();
}

Status OpImport::Spell(const std::vector<SpelledNode>& nodes) {
  std::map<std::string, std::string_view> own;
  const auto name_of = [&](const std::string& name) -> std::string_view {
    if (name.empty()) return name;
    const auto at = static_cast<size_t>(name.back() - '0');
    if (name[0] == '<') return at < node_.inputs.size() ? node_.inputs[at] : "";
    if (name[0] == '>' && at < node_.outputs.size() && !node_.outputs[at].empty()) return node_.outputs[at];
    const auto [found, is_new] = own.try_emplace(name);
    if (is_new) {
      auto& all = importer_.spelled_names_;
      do all.push_back(StrCat(base_, "/", all.size(), name)); while (importer_.values_.contains(all.back()));
      found->second = all.back();
    }
    return found->second;
  };
  for (const SpelledNode& spelled : nodes) {
    FileNode node;
    node.name = node_.name.empty() ? node_.op : node_.name;
    node.op = spelled.op;
    for (const std::string& input : spelled.inputs) node.inputs.push_back(name_of(input));
    for (const std::string& output : spelled.outputs) node.outputs.push_back(name_of(output));
    node.attrs = spelled.attrs;
    RETURN_IF_ERROR(importer_.Import(node));
  }
  return OkStatus();
}

// --- the table

const std::vector<ImportRow>& AllImports() {
  static const std::vector<ImportRow> rows = [] {
    std::vector<ImportRow> all;
    for (const auto& family :
         {ElementwiseImports(), ActivationImports(), WindowImports(), PoolImports(), NormImports(), ProductImports(),
          ReductionImports(), ShapeImports(), MoveImports(), PlaceImports(), ImageImports(), QuantizedImports(),
          RecurrentImports()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    std::sort(all.begin(), all.end(), [](const ImportRow& a, const ImportRow& b) { return a.op < b.op; });
    return all;
  }();
  return rows;
}

const ImportRow* FindImport(std::string_view op) {
  const auto& rows = AllImports();
  const auto found = std::lower_bound(rows.begin(), rows.end(), op,
                                      [](const ImportRow& row, std::string_view name) { return row.op < name; });
  return found != rows.end() && found->op == op ? &*found : nullptr;
}

const ImportRow& RowOf(const OpImport& op) { return *FindImport(op.node().op); }

}  // namespace permafrost::from_onnx
