#include "optimizer/passes/lowering/tensor_lists.h"

#include <algorithm>
#include <numeric>

#include "optimizer/ops/op.h"

namespace permafrost {
namespace {

using ListPtr = std::shared_ptr<const TensorList>;
using ArrayPtr = std::shared_ptr<TensorArray>;

// One op being applied.
struct Call {
  SymbolicGraph& graph;
  const Node& node;
  const Symbols& inputs;

  StatusOr<ListPtr> List(size_t i) const {
    if (const auto* list = std::get_if<ListPtr>(&inputs[i])) return *list;
    return InvalidArgument("input ", i, " is no TensorList that was made here");
  }
  StatusOr<ArrayPtr> Array() const {
    if (const auto* array = std::get_if<ArrayPtr>(&inputs[0])) return *array;
    return InvalidArgument("input 0 is no TensorArray that was made here");
  }
  StatusOr<std::vector<int64_t>> Ints(size_t i, std::string_view what) const {
    const auto ints = graph.Ints(inputs[i]);
    const bool known = ints && std::find(ints->begin(), ints->end(), kUnknownInt) == ints->end();
    if (known) return *ints;
    return Unsupported("its ", what, " is not known when optimizing; it follows from the shapes of the inputs: give them "
                       "with --inputs name:shape");
  }
  StatusOr<int64_t> Int(size_t i, std::string_view what) const {
    ASSIGN_OR_RETURN(const std::vector<int64_t> ints, Ints(i, what));
    if (ints.size() == 1) return ints[0];
    return InvalidArgument("its ", what, " has ", ints.size(), " elements, expected 1");
  }
  // An input that holds a shape; a scalar means that nothing is known.
  Shape ShapeIn(size_t i) const {
    const auto ints = graph.Ints(inputs[i]);
    const ValueType type = graph.TypeOf(inputs[i]);
    if (!ints || !type.shape.IsRank(1)) return Shape();
    std::vector<int64_t> dims = *ints;
    for (int64_t& dim : dims) dim = dim < 0 ? kUnknownDim : dim;
    return Shape(std::move(dims));
  }
  DType Dtype(std::string_view attr) const { return node.attr_or<DType>(attr, DType::kInvalid); }
};

Status CheckLength(Call& call, int64_t length) {
  if (length < 0) return InvalidArgument("its length is ", length);
  return call.graph.Spend(1 + length);
}

// A list that differs in one element is a copy.
Status PayForCopy(Call& call, const TensorList& list) {
  return call.graph.Spend(1 + static_cast<int64_t>(list.items.size()) / 64);
}

// The elements along the first axis of a value.
StatusOr<Symbols> Parts(Call& call, const Symbol& value) {
  const Shape shape = call.graph.TypeOf(value).shape;
  if (shape.has_rank() && shape.rank() == 0) return InvalidArgument("takes a scalar apart; expected at least one axis");
  const int64_t count = shape.dim(0);
  if (count < 0) {
    return Unsupported("takes a value of shape ", shape.ToString(), " apart, whose first dim is not known when optimizing; "
                       "it follows from the shapes of the inputs: give them with --inputs name:shape");
  }
  RETURN_IF_ERROR(CheckLength(call, count));
  if (count == 0) return Symbols();
  ASSIGN_OR_RETURN(const Value whole, call.graph.Materialise(value, call.node.name));
  Symbols parts;
  for (int64_t i = 0; i < count; ++i) parts.push_back(Part{whole, i, count});
  return parts;
}

StatusOr<Symbol> Zeros(DType dtype, const Shape& shape, std::string_view what) {
  const int64_t elements = shape.Elements();
  if (SizeOf(dtype) == 0 || elements < 0 || elements > (int64_t{1} << 28)) {
    return InvalidArgument(what, ", and zeros of shape ", shape.ToString(), " cannot stand for it");
  }
  return Symbol(Tensor::Splat(dtype, shape.dims(), std::string(static_cast<size_t>(SizeOf(dtype)), '\0')));
}

Shape ElementShape(SymbolicGraph& graph, const Symbols& items, Shape shape) {
  for (const Symbol& item : items) {
    if (!IsNothing(item)) shape = MergeShapes(shape, graph.TypeOf(item).shape);
    if (shape.FullyKnown()) break;
  }
  return shape;
}

StatusOr<Symbol> Item(Call& call, const Symbols& items, int64_t index, DType dtype, const Shape& shape) {
  if (index < 0 || index >= static_cast<int64_t>(items.size())) {
    return InvalidArgument("reads element ", index, " of ", items.size());
  }
  const Symbol& item = items[static_cast<size_t>(index)];
  if (const auto* part = std::get_if<Part>(&item)) return call.graph.ElementOf(*part, call.node.name);
  if (!IsNothing(item)) return item;
  return Zeros(dtype, ElementShape(call.graph, items, shape), StrCat("element ", index, " was never written"));
}

StatusOr<Symbol> StackOf(Call& call, const Symbols& items, DType dtype, const Shape& shape) {
  if (items.empty()) {
    std::vector<int64_t> dims = shape.dims();
    dims.insert(dims.begin(), 0);
    return Zeros(dtype, shape.FullyKnown() ? Shape(dims) : Shape(), "there are no elements to stack");
  }
  RETURN_IF_ERROR(CheckLength(call, static_cast<int64_t>(items.size())));
  Symbols filled = items;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!IsNothing(items[i])) continue;
    ASSIGN_OR_RETURN(filled[i], Item(call, items, static_cast<int64_t>(i), dtype, shape));
  }
  return call.graph.Stack(filled, call.node.name);
}

// The elements joined along their first axis, and how long each is.
StatusOr<Symbols> Joined(Call& call, const Symbols& items, DType dtype, const Shape& shape) {
  if (items.empty()) return InvalidArgument("there are no elements to join");
  Symbols parts;
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < items.size(); ++i) {
    ASSIGN_OR_RETURN(const Symbol item, Item(call, items, static_cast<int64_t>(i), dtype, shape));
    lengths.push_back(call.graph.TypeOf(item).shape.dim(0));
    if (lengths.back() < 0) return Unsupported("the length of element ", i, " is not known when optimizing");
    parts.push_back(item);
  }
  Symbol joined = parts[0];
  if (parts.size() > 1) {
    parts.push_back(Tensor::Scalar<int32_t>(0));
    ASSIGN_OR_RETURN(joined, call.graph.EmitOne("ConcatV2", call.node.name, parts));
  }
  return Symbols{joined, Tensor::Vector(lengths)};
}

// A value cut along its first axis.
StatusOr<Symbols> Cut(Call& call, const Symbol& value, const std::vector<int64_t>& lengths) {
  RETURN_IF_ERROR(CheckLength(call, static_cast<int64_t>(lengths.size())));
  if (lengths.empty() || lengths.size() > 10'000) return InvalidArgument("cuts a value into ", lengths.size(), " parts");
  Node node;
  node.name = call.node.name;
  node.op = "SplitV";
  node.attrs["num_split"] = static_cast<int64_t>(lengths.size());
  return call.graph.Emit(node, {value, Tensor::Vector(lengths), Tensor::Scalar<int32_t>(0)});
}

Symbol MakeList(TensorList list) { return std::make_shared<const TensorList>(std::move(list)); }

StatusOr<Symbols> Gathered(Call& call, const Symbols& items, const std::vector<int64_t>& indices, DType dtype,
                           const Shape& shape) {
  Symbols chosen;
  RETURN_IF_ERROR(CheckLength(call, static_cast<int64_t>(indices.size())));
  for (int64_t index : indices) {
    if (index < 0 || index >= static_cast<int64_t>(items.size())) {
      return InvalidArgument("reads element ", index, " of ", items.size());
    }
    chosen.push_back(items[static_cast<size_t>(index)]);
  }
  ASSIGN_OR_RETURN(Symbol stacked, StackOf(call, chosen, dtype, ElementShape(call.graph, items, shape)));
  return Symbols{std::move(stacked)};
}

Status Write(Call& call, Symbols& items, int64_t index, Symbol item, bool may_grow) {
  const auto size = static_cast<int64_t>(items.size());
  if (index < 0 || (index >= size && !may_grow)) return InvalidArgument("writes element ", index, " of ", size);
  if (index >= size) {
    RETURN_IF_ERROR(CheckLength(call, index - size + 1));
    items.resize(static_cast<size_t>(index) + 1);
  }
  items[static_cast<size_t>(index)] = std::move(item);
  return OkStatus();
}

// --- lists -----------------------------------------------------------------------------------------------------------

StatusOr<Symbols> EmptyList(Call& call) {
  return Symbols{MakeList({call.Dtype("element_dtype"), call.ShapeIn(0), {}})};
}

StatusOr<Symbols> Reserve(Call& call) {
  ASSIGN_OR_RETURN(const int64_t length, call.Int(1, "length"));
  RETURN_IF_ERROR(CheckLength(call, length));
  return Symbols{MakeList({call.Dtype("element_dtype"), call.ShapeIn(0), Symbols(static_cast<size_t>(length))})};
}

StatusOr<Symbols> FromTensor(Call& call) {
  TensorList list{call.Dtype("element_dtype"), call.ShapeIn(1), {}};
  ASSIGN_OR_RETURN(list.items, Parts(call, call.inputs[0]));
  return Symbols{MakeList(std::move(list))};
}

StatusOr<Symbols> SetItem(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  ASSIGN_OR_RETURN(const int64_t index, call.Int(1, "index"));
  RETURN_IF_ERROR(PayForCopy(call, *list));
  TensorList changed = *list;
  RETURN_IF_ERROR(Write(call, changed.items, index, call.inputs[2],
                        call.node.attr_or<bool>("resize_if_index_out_of_bounds", false)));
  return Symbols{MakeList(std::move(changed))};
}

StatusOr<Symbols> GetItem(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  ASSIGN_OR_RETURN(const int64_t index, call.Int(1, "index"));
  ASSIGN_OR_RETURN(Symbol item, Item(call, list->items, index, list->dtype, MergeShapes(list->element_shape, call.ShapeIn(2))));
  return Symbols{std::move(item)};
}

StatusOr<Symbols> StackList(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  const Shape shape = ElementShape(call.graph, list->items, MergeShapes(list->element_shape, call.ShapeIn(1)));
  const int64_t wanted = call.node.attr_or<int64_t>("num_elements", -1);
  const auto size = static_cast<int64_t>(list->items.size());
  if (wanted >= 0 && wanted != size) return InvalidArgument("stacks ", size, " elements, expected ", wanted);
  ASSIGN_OR_RETURN(Symbol stacked, StackOf(call, list->items, list->dtype, shape));
  return Symbols{std::move(stacked)};
}

StatusOr<Symbols> LengthOfList(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  return Symbols{Tensor::Scalar<int32_t>(static_cast<int32_t>(list->items.size()))};
}

StatusOr<Symbols> ShapeOfElements(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  const DType dtype = call.node.attr_or<DType>("shape_type", DType::kInt32);
  if (!list->element_shape.has_rank()) return Symbols{Tensor::Scalar<int32_t>(-1).Cast(dtype).Dense()};
  return Symbols{Tensor::Vector(list->element_shape.dims()).Cast(dtype).Dense()};
}

StatusOr<Symbols> PushBack(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  RETURN_IF_ERROR(PayForCopy(call, *list));
  TensorList longer = *list;
  longer.items.push_back(call.inputs[1]);
  return Symbols{MakeList(std::move(longer))};
}

StatusOr<Symbols> PopBack(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  if (list->items.empty()) return InvalidArgument("takes an element from an empty list");
  RETURN_IF_ERROR(PayForCopy(call, *list));
  ASSIGN_OR_RETURN(Symbol item, Item(call, list->items, static_cast<int64_t>(list->items.size()) - 1, list->dtype,
                                     MergeShapes(list->element_shape, call.ShapeIn(1))));
  TensorList shorter = *list;
  shorter.items.pop_back();
  return Symbols{MakeList(std::move(shorter)), std::move(item)};
}

StatusOr<Symbols> ResizeList(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  ASSIGN_OR_RETURN(const int64_t length, call.Int(1, "length"));
  RETURN_IF_ERROR(CheckLength(call, length));
  TensorList changed = *list;
  changed.items.resize(static_cast<size_t>(length));
  return Symbols{MakeList(std::move(changed))};
}

StatusOr<Symbols> GatherList(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  ASSIGN_OR_RETURN(const std::vector<int64_t> indices, call.Ints(1, "index"));
  return Gathered(call, list->items, indices, list->dtype, MergeShapes(list->element_shape, call.ShapeIn(2)));
}

StatusOr<Symbols> ScatterInto(Call& call, TensorList list, const Symbol& value, size_t indices_input, bool may_grow) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> indices, call.Ints(indices_input, "index"));
  ASSIGN_OR_RETURN(const Symbols parts, Parts(call, value));
  if (parts.size() != indices.size()) {
    return InvalidArgument("scatters ", parts.size(), " elements to ", indices.size(), " places");
  }
  for (size_t i = 0; i < parts.size(); ++i) RETURN_IF_ERROR(Write(call, list.items, indices[i], parts[i], may_grow));
  return Symbols{MakeList(std::move(list))};
}

StatusOr<Symbols> ScatterToNewList(Call& call) {
  int64_t length = -1;
  if (call.inputs.size() > 3) {
    ASSIGN_OR_RETURN(length, call.Int(3, "length"));
  }
  if (length >= 0) RETURN_IF_ERROR(CheckLength(call, length));
  TensorList list{call.Dtype("element_dtype"), call.ShapeIn(2), Symbols(static_cast<size_t>(std::max<int64_t>(length, 0)))};
  return ScatterInto(call, std::move(list), call.inputs[0], 1, length < 0);
}

StatusOr<Symbols> ScatterToList(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  return ScatterInto(call, *list, call.inputs[1], 2, false);
}

StatusOr<Symbols> JoinList(Call& call) {
  ASSIGN_OR_RETURN(const ListPtr list, call.List(0));
  return Joined(call, list->items, list->dtype, list->element_shape);
}

StatusOr<Symbols> CutToList(Call& call) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> lengths, call.Ints(2, "lengths"));
  TensorList list{call.Dtype("element_dtype"), call.ShapeIn(1), {}};
  ASSIGN_OR_RETURN(list.items, Cut(call, call.inputs[0], lengths));
  return Symbols{MakeList(std::move(list))};
}

// --- arrays ----------------------------------------------------------------------------------------------------------

Symbol Flow() { return Tensor::Scalar(0.0f); }

StatusOr<Symbols> NewArray(Call& call) {
  ASSIGN_OR_RETURN(const int64_t size, call.Int(0, "size"));
  RETURN_IF_ERROR(CheckLength(call, size));
  auto array = std::make_shared<TensorArray>();
  array->dtype = call.Dtype("dtype");
  array->element_shape = call.node.attr_or<Shape>("element_shape", Shape());
  array->dynamic = call.node.attr_or<bool>("dynamic_size", false);
  array->items.resize(static_cast<size_t>(size));
  return Symbols{std::move(array), Flow()};
}

Status WriteOnce(Call& call, TensorArray& array, int64_t index, Symbol item) {
  if (index >= 0 && index < static_cast<int64_t>(array.items.size()) &&
      !IsNothing(array.items[static_cast<size_t>(index)])) {
    return InvalidArgument("writes element ", index, " a second time");
  }
  return Write(call, array.items, index, std::move(item), array.dynamic);
}

StatusOr<Symbols> WriteArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  ASSIGN_OR_RETURN(const int64_t index, call.Int(1, "index"));
  RETURN_IF_ERROR(WriteOnce(call, *array, index, call.inputs[2]));
  return Symbols{Flow()};
}

StatusOr<Symbols> ReadArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  ASSIGN_OR_RETURN(const int64_t index, call.Int(1, "index"));
  ASSIGN_OR_RETURN(Symbol item, Item(call, array->items, index, array->dtype, array->element_shape));
  return Symbols{std::move(item)};
}

StatusOr<Symbols> GatherArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  ASSIGN_OR_RETURN(const std::vector<int64_t> indices, call.Ints(1, "index"));
  const Shape shape = MergeShapes(array->element_shape, call.node.attr_or<Shape>("element_shape", Shape()));
  return Gathered(call, array->items, indices, array->dtype, shape);
}

StatusOr<Symbols> ScatterArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  ASSIGN_OR_RETURN(const std::vector<int64_t> indices, call.Ints(1, "index"));
  ASSIGN_OR_RETURN(const Symbols parts, Parts(call, call.inputs[2]));
  if (parts.size() != indices.size()) {
    return InvalidArgument("scatters ", parts.size(), " elements to ", indices.size(), " places");
  }
  for (size_t i = 0; i < parts.size(); ++i) RETURN_IF_ERROR(WriteOnce(call, *array, indices[i], parts[i]));
  return Symbols{Flow()};
}

StatusOr<Symbols> SizeOfArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  return Symbols{Tensor::Scalar<int32_t>(static_cast<int32_t>(array->items.size()))};
}

StatusOr<Symbols> JoinArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  return Joined(call, array->items, array->dtype, array->element_shape);
}

StatusOr<Symbols> CutToArray(Call& call) {
  ASSIGN_OR_RETURN(const ArrayPtr array, call.Array());
  ASSIGN_OR_RETURN(const std::vector<int64_t> lengths, call.Ints(2, "lengths"));
  ASSIGN_OR_RETURN(const Symbols parts, Cut(call, call.inputs[1], lengths));
  for (size_t i = 0; i < parts.size(); ++i) {
    RETURN_IF_ERROR(WriteOnce(call, *array, static_cast<int64_t>(i), parts[i]));
  }
  return Symbols{Flow()};
}

StatusOr<Symbols> CloseArray(Call&) { return Symbols(); }

using Apply = StatusOr<Symbols> (*)(Call&);

Apply FindListOp(std::string_view op) {
  static const std::map<std::string_view, Apply> kOps = {
      {"EmptyTensorList", EmptyList},
      {"TensorArray", NewArray},
      {"TensorArrayClose", CloseArray},
      {"TensorArrayConcat", JoinArray},
      {"TensorArrayGather", GatherArray},
      {"TensorArrayRead", ReadArray},
      {"TensorArrayScatter", ScatterArray},
      {"TensorArraySize", SizeOfArray},
      {"TensorArraySplit", CutToArray},
      {"TensorArrayWrite", WriteArray},
      {"TensorListConcat", JoinList},
      {"TensorListElementShape", ShapeOfElements},
      {"TensorListFromTensor", FromTensor},
      {"TensorListGather", GatherList},
      {"TensorListGetItem", GetItem},
      {"TensorListLength", LengthOfList},
      {"TensorListPopBack", PopBack},
      {"TensorListPushBack", PushBack},
      {"TensorListReserve", Reserve},
      {"TensorListResize", ResizeList},
      {"TensorListScatter", ScatterToNewList},
      {"TensorListScatterIntoExistingList", ScatterToList},
      {"TensorListSetItem", SetItem},
      {"TensorListSplit", CutToList},
      {"TensorListStack", StackList},
  };
  if (op.ends_with("V2") || op.ends_with("V3")) op.remove_suffix(2);  // spellings of the same op
  const auto found = kOps.find(op);
  return found == kOps.end() ? nullptr : found->second;
}

}  // namespace

bool IsListOp(std::string_view op) { return FindListOp(op) != nullptr; }

StatusOr<Symbols> ApplyListOp(SymbolicGraph& graph, const Node& node, const Symbols& inputs) {
  const std::string where = StrCat("node '", node.name, "' (", node.op, ")");
  Node given = node;
  given.inputs.assign(inputs.size(), Value{});
  RETURN_IF_ERROR(CheckNode(given));  // the table knows how many inputs there are
  if (FindOp(node.op) == nullptr) return Unsupported(where, ": this op is not known");
  Call call{graph, node, inputs};
  StatusOr<Symbols> outputs = FindListOp(node.op)(call);
  if (!outputs.ok()) return WithContext(outputs.status(), where);
  return outputs;
}

}  // namespace permafrost
