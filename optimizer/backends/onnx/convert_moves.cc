#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "optimizer/backends/onnx/axis_order.h"
#include "optimizer/backends/onnx/old_forms.h"
#include "optimizer/backends/onnx/op_table.h"
#include "optimizer/ir/axes.h"

namespace permafrost {
namespace {

constexpr int64_t kFar = std::numeric_limits<int32_t>::max();  // beyond any end

// In one order; of integers, all as wide as the widest.
std::vector<int> InOneOrder(OnnxConversion& to, const std::vector<Value>& values, const AxisOrder& order) {
  std::vector<int> ids;
  bool wide = false;
  for (Value value : values) {
    ids.push_back(to.In(value, order));
    wide |= to.dtype(ids.back()) == DType::kInt64;
  }
  for (int& id : ids) {
    if (wide) id = to.AsInt64(id);
  }
  return ids;
}

StatusOr<int> ConstantAxis(OnnxConversion& to, Value value, int rank) {
  const auto axis = to.Ints(value);
  if (!axis || axis->size() != 1) return Unsupported("its axis is not constant");
  if (rank < 0) return Unsupported("its input has an unknown rank");
  return AxisOf((*axis)[0], rank);
}

Status Concat(OnnxConversion& to, const OnnxStep& step) {
  const bool axis_first = step.node.op == "Concat";
  std::vector<Value> values = step.node.inputs;
  const Value axis_value = axis_first ? values.front() : values.back();
  values.erase(axis_first ? values.begin() : values.end() - 1);
  const int rank = to.rank(step.out());
  ASSIGN_OR_RETURN(const int axis, ConstantAxis(to, axis_value, rank));
  if (values.size() == 1) {
    to.SetSame(step.out(), values[0]);
    return OkStatus();
  }
  const AxisOrder order = to.CommonOrder(values, rank);
  const AttrMap attrs = {{"axis", int64_t{PositionOf(order, axis)}}};
  std::vector<int> ids = InOneOrder(to, values, order);
  for (int& id : ids) {
    // OpenCV 4 makes a layer of each and refuses the second of the same name.
    if (to.runtime().MayBeOpenCv() && to.IsConstant(id)) id = to.Copied(id);
  }
  to.Set(step.out(), to.Emit("Concat", ids, attrs), order);
  return OkStatus();
}

bool IsUsed(const OnnxConversion& to, Value value) {
  const std::vector<Use>& users = to.Users(value.node);
  const auto& outputs = to.graph().outputs();
  return std::any_of(users.begin(), users.end(), [&](const Use& use) {
           return use.index < 0 || to.graph().node(use.node).inputs[static_cast<size_t>(use.index)] == value;
         }) || std::any_of(outputs.begin(), outputs.end(), [&](const GraphOutput& output) { return output.value == value; });
}

Status EmitSplit(OnnxConversion& to, const OnnxStep& step, Value x, int axis, const std::vector<int64_t>& all_sizes) {
  const AxisOrder order = to.OrderOf(x);
  const int id = to.In(x, order);
  // OpenCV refuses parts without elements; Keras's GRU makes one that it does not use.
  std::vector<int64_t> sizes;
  std::vector<Value> values;
  for (size_t i = 0; i < all_sizes.size(); ++i) {
    const Value value = step.out(static_cast<int>(i));
    if (all_sizes[i] == 0 && !IsUsed(to, value)) continue;
    sizes.push_back(all_sizes[i]);
    values.push_back(value);
  }
  if (sizes.empty()) return OkStatus();
  if (sizes.size() == 1) {
    to.SetSame(values[0], x);
    return OkStatus();
  }
  AttrMap attrs = {{"axis", int64_t{PositionOf(order, axis)}}};
  std::vector<int> inputs = {id};
  if (to.opset() >= 13) {
    inputs.push_back(to.Ints64(sizes));
  } else {
    attrs["split"] = sizes;
  }
  const std::vector<int> parts = to.EmitMany("Split", inputs, sizes.size(), attrs);
  for (size_t i = 0; i < parts.size(); ++i) to.Set(values[i], parts[i], order);
  return OkStatus();
}

Status Split(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(1);
  ASSIGN_OR_RETURN(const int axis, ConstantAxis(to, step.in(0), to.rank(x)));
  const int64_t parts = step.node.attr_or<int64_t>("num_split", 1), size = to.shape(x).dim(axis);
  if (parts < 1 || parts > 1'000'000) return InvalidArgument("num_split is ", parts);
  if (size == kUnknownDim) return Unsupported("the size that it splits is not known");
  return EmitSplit(to, step, x, axis, std::vector<int64_t>(static_cast<size_t>(parts), size / parts));
}

Status SplitV(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  ASSIGN_OR_RETURN(const int axis, ConstantAxis(to, step.in(2), to.rank(x)));
  auto sizes = to.Ints(step.in(1));
  if (!sizes) return Unsupported("its sizes are not constant");
  const int64_t whole = to.shape(x).dim(axis);
  int64_t known = 0;
  for (int64_t size : *sizes) known += std::max<int64_t>(0, size);
  for (int64_t& size : *sizes) {
    if (size >= 0) continue;
    if (whole == kUnknownDim) return Unsupported("the size that it splits is not known");
    size = whole - known;
  }
  return EmitSplit(to, step, x, axis, *sizes);
}

Status Pack(OnnxConversion& to, const OnnxStep& step) {
  const int rank = to.rank(step.out());
  if (rank < 1) return Unsupported("its inputs have an unknown rank");
  ASSIGN_OR_RETURN(const int axis, AxisOf(step.node.attr_or<int64_t>("axis", 0), rank));
  const AxisOrder order = to.CommonOrder(step.node.inputs, rank - 1);
  std::vector<int64_t> places;
  const AxisOrder result = WithAxes(order, {axis}, places);
  std::vector<int> ids = InOneOrder(to, step.node.inputs, order);
  for (int& id : ids) {
    const bool constant = to.IsConstant(id);
    id = constant ? to.Constant(to.ConstantOf(id).Reshaped(InsertedOnes(to.ConstantOf(id).dims(), places)))
                  : to.Unsqueeze(id, places);
  }
  to.Set(step.out(), ids.size() == 1 ? ids[0] : to.Emit("Concat", ids, {{"axis", places[0]}}), result);
  return OkStatus();
}

Status Unpack(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const int rank = to.rank(x);
  if (rank < 1) return Unsupported("its input has an unknown rank");
  ASSIGN_OR_RETURN(const int axis, AxisOf(step.node.attr_or<int64_t>("axis", 0), rank));
  const AxisOrder order = to.OrderOf(x);
  const std::vector<int> dropped = {axis};
  const int id = to.In(x, order);
  for (size_t i = 0; i < step.node.outputs.size(); ++i) {
    const int index = to.Constant(Tensor::Scalar<int64_t>(static_cast<int64_t>(i)));
    const int part = to.Emit("Gather", {id, index}, {{"axis", PositionsOf(order, dropped)[0]}});
    to.Set(step.out(static_cast<int>(i)), part, WithoutAxes(order, dropped));
  }
  return OkStatus();
}

// x[start:end:step] along TensorFlow's axes.
struct Cut {
  int axis;
  int64_t start, end, step = 1;
};

int EmitSlice(OnnxConversion& to, int id, const AxisOrder& order, const std::vector<Cut>& cuts) {
  if (cuts.empty()) return id;
  // OpenCV 4.6 takes only axes that are neighbours.
  std::map<int64_t, Cut> by_position;
  for (const Cut& cut : cuts) by_position[PositionOf(order, cut.axis)] = cut;
  for (int64_t i = by_position.begin()->first; i < by_position.rbegin()->first; ++i) {
    by_position.try_emplace(i, Cut{order[static_cast<size_t>(i)], 0, kFar});
  }
  std::vector<int64_t> starts, ends, axes, steps;
  for (const auto& [position, cut] : by_position) {
    starts.push_back(cut.start);
    ends.push_back(cut.end);
    axes.push_back(position);
    steps.push_back(cut.step);
  }
  const bool stepped = std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; });
  std::vector<int> inputs = {id, to.Ints64(starts), to.Ints64(ends), to.Ints64(axes)};
  if (stepped) inputs.push_back(to.Ints64(steps));
  return to.Emit("Slice", inputs);
}

constexpr int64_t kFewIndices = 4096;

Status Slice(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto begin = to.Ints(step.in(1)), size = to.Ints(step.in(2));
  const int rank = to.rank(x);
  if (rank < 0) return Unsupported("its input has an unknown rank");
  if (begin && size && static_cast<int>(begin->size()) == rank && begin->size() == size->size()) {
    const AxisOrder order = to.OrderOf(x);
    std::vector<Cut> cuts;
    for (int i = 0; i < rank; ++i) {
      const auto at = static_cast<size_t>(i);
      const int64_t dim = to.shape(x).dim(i), start = (*begin)[at];
      const int64_t end = (*size)[at] < 0 ? kFar : start + (*size)[at];
      if (start == 0 && (end >= kFar || end == dim)) continue;
      cuts.push_back({i, start, end});
    }
    to.Set(step.out(), EmitSlice(to, to.In(x, order), order, cuts), order);
    return OkStatus();
  }
  if (!size) return Unsupported("its size is not constant");
  std::vector<int64_t> reach = *size;
  for (int64_t& one : reach) one = one < 0 ? kFar : one;
  const int starts = to.AsInt64(to.Plain(step.in(1)));
  const int ends = to.Emit("Add", {starts, to.Ints64(reach)});
  to.SetPlain(step.out(), to.Emit("Slice", {to.Plain(x), starts, ends}));
  return OkStatus();
}

// What x[start:end:step] takes of `size` elements, last first; nothing if the size is not known or large.
std::vector<int64_t> BackwardIndices(const Cut& cut, int64_t size) {
  if (size <= 0 || size > kFewIndices) return {};
  const auto place = [&](int64_t bound) {
    return std::clamp<int64_t>(bound < 0 && bound > -kFar ? bound + size : bound, -1, size - 1);
  };
  std::vector<int64_t> indices;
  for (int64_t i = place(cut.start); i > place(cut.end); i += cut.step) indices.push_back(i);
  return indices;
}

// A bound of a StridedSlice: a number, or element `index` of a vector that is worked out when the file runs.
int Bounds(OnnxConversion& to, Value vector, const std::vector<std::optional<int64_t>>& numbers,
           const std::vector<int>& indices) {
  std::vector<int> pieces;
  std::vector<int64_t> run;
  const auto flush = [&] {
    if (!run.empty()) pieces.push_back(to.Ints64(run));
    run.clear();
  };
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i]) {
      run.push_back(*numbers[i]);
      continue;
    }
    flush();
    const int all = to.AsInt64(to.Plain(vector));
    pieces.push_back(to.Emit("Gather", {all, to.Ints64({indices[i]})}, {{"axis", int64_t{0}}}));
  }
  flush();
  return pieces.size() == 1 ? pieces[0] : to.Emit("Concat", pieces, {{"axis", int64_t{0}}});
}

Status StridedSlice(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const int rank = to.rank(x);
  const auto strides = to.Ints(step.in(3));
  const auto& begin_ints = to.type(step.in(1)).ints;
  const auto& end_ints = to.type(step.in(2)).ints;
  if (rank < 0 || !strides) return Unsupported("its strides or the rank of its input are not known");
  if (!begin_ints || !end_ints || begin_ints->size() != strides->size() || end_ints->size() != strides->size()) {
    return Unsupported("how many axes it cuts is not known");
  }
  const auto mask = [&](std::string_view name) { return step.node.attr_or<int64_t>(name, 0); };
  const int64_t begin_mask = mask("begin_mask"), end_mask = mask("end_mask"), shrink_mask = mask("shrink_axis_mask");
  const int64_t new_mask = mask("new_axis_mask"), ellipsis_mask = mask("ellipsis_mask");
  const int specs = static_cast<int>(strides->size());
  const auto has = [](int64_t bits, int i) { return i < 63 && (bits >> i & 1) != 0; };
  int news = 0;
  for (int i = 0; i < specs; ++i) news += has(new_mask, i) && !has(ellipsis_mask, i);
  std::vector<int> shrunk, added, axes, indices;
  std::vector<int64_t> steps;
  std::vector<std::optional<int64_t>> starts, ends;
  int axis = 0, out_axis = 0;
  bool dynamic = false;
  for (int i = 0; i < specs; ++i) {
    const auto at = static_cast<size_t>(i);
    if (has(ellipsis_mask, i)) {
      const int skipped = rank - (specs - news - 1);
      if (skipped < 0) return InvalidArgument("cuts more axes than the ", rank, " of its input");
      axis += skipped;
      out_axis += skipped;
      continue;
    }
    if (has(new_mask, i)) {
      added.push_back(out_axis++);
      continue;
    }
    if (axis >= rank) return InvalidArgument("cuts more axes than the ", rank, " of its input");
    const int64_t stride = (*strides)[at], dim = to.shape(x).dim(axis);
    if (stride == 0) return InvalidArgument("a stride of 0");
    std::optional<int64_t> start, end;
    if ((*begin_ints)[at] != kUnknownInt) start = (*begin_ints)[at];
    if ((*end_ints)[at] != kUnknownInt) end = (*end_ints)[at];
    if (has(shrink_mask, i)) {
      if (!start) return Unsupported("an index that is computed");
      end = *start == -1 ? kFar : *start + 1;
      shrunk.push_back(axis);
    } else {
      if (has(begin_mask, i)) start = stride > 0 ? 0 : kFar;
      if (has(end_mask, i)) end = stride > 0 ? kFar : -kFar;
      // numpy counts a negative end from the back; so does ONNX.
      ++out_axis;
    }
    const bool whole = start == 0 && end && stride == 1 && (*end >= kFar || *end == dim) && !has(shrink_mask, i);
    if (!whole && !(has(shrink_mask, i) && dim == 1)) {
      axes.push_back(axis);
      indices.push_back(i);
      starts.push_back(start);
      ends.push_back(end);
      steps.push_back(has(shrink_mask, i) ? 1 : stride);
      dynamic |= !start || !end;
    }
    ++axis;
  }
  const AxisOrder order = to.OrderOf(x);
  int id = to.In(x, order);
  AxisOrder result = WithoutAxes(order, shrunk);
  if (rank == 1 && shrunk.size() == 1 && added.empty() && starts.size() == 1) {  // one element
    const int64_t dim = to.shape(x).dim(0);
    const int64_t index = *starts[0] < 0 && dim != kUnknownDim ? *starts[0] + dim : *starts[0];
    if (index < 0) to.Need(11);
    to.SetPlain(step.out(),
                to.Emit("Gather", {id, to.Constant(Tensor::Scalar<int64_t>(index))}, {{"axis", int64_t{0}}}));
    return OkStatus();
  }
  if (dynamic) {
    std::vector<int> inputs = {id, Bounds(to, step.in(1), starts, indices), Bounds(to, step.in(2), ends, indices),
                               to.Ints64(PositionsOf(order, axes))};
    if (std::any_of(steps.begin(), steps.end(), [](int64_t one) { return one != 1; }))
      inputs.push_back(to.Ints64(steps));
    id = to.Emit("Slice", inputs);
  } else {
    std::vector<Cut> cuts;
    for (size_t i = 0; i < axes.size(); ++i) {
      const Cut cut = {axes[i], *starts[i], *ends[i], steps[i]};
      const auto backwards = cut.step < 0 && !to.runtime().Takes("Slice", "backwards")
                                 ? BackwardIndices(cut, to.shape(x).dim(cut.axis))
                                 : std::vector<int64_t>();
      if (backwards.empty()) {
        cuts.push_back(cut);
      } else {
        id = TakeAlong(to, id, order, cut.axis, backwards);
      }
    }
    id = EmitSlice(to, id, order, cuts);
  }
  std::vector<int64_t> gone = PositionsOf(order, shrunk), places;
  std::sort(gone.begin(), gone.end());
  id = to.Squeeze(id, gone);
  if (!added.empty()) {
    result = WithAxes(result, added, places);
    id = to.Unsqueeze(id, places);
  }
  to.Set(step.out(), id, result);
  return OkStatus();
}

// Rows of a table by numbers that are computed: a product with a matrix that has a 1 in each row.
bool GatherRows(OnnxConversion& to, const OnnxStep& step, int index_rank) {
  constexpr int64_t kMost = 1 << 24;
  const Tensor* table = to.constant(step.in(0));
  const Shape& result = to.shape(step.out());
  if (table == nullptr || to.constant(step.in(1)) != nullptr || table->rank() < 1 || table->elements() < 1) return false;
  if (!IsFloating(table->dtype()) || table->elements() > kMost || !result.FullyKnown()) return false;
  const int64_t rows = table->dims()[0], columns = table->elements() / rows;
  const int hot = HotRows(to, to.Plain(step.in(1)), index_rank, rows);
  const int matrix = to.Constant(table->Reshaped({rows, columns}).Cast(DType::kFloat32).Dense());
  const int taken = to.Emit("MatMul", {index_rank == 0 ? to.Reshape(hot, {1, rows}) : hot, matrix});
  to.SetPlain(step.out(), index_rank > 0 && table->rank() == 2 ? taken : to.Reshape(taken, result.dims()));
  return true;
}

Status Gather(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0), indices = step.in(1);
  int axis = 0;
  if (step.inputs() > 2) {
    ASSIGN_OR_RETURN(axis, ConstantAxis(to, step.in(2), to.rank(x)));
  }
  const int index_rank = to.rank(indices);
  if (index_rank < 0) return Unsupported("its indices have an unknown rank");
  if (const int64_t batch_dims = step.node.attr_or<int64_t>("batch_dims", 0); batch_dims != 0) {
    if (batch_dims != axis) return Unsupported("gathering batch by batch along a later axis");
    to.Need(12);
    const int at = to.Unsqueeze(to.AsInt64(to.Plain(indices)), {index_rank});
    to.SetPlain(step.out(), to.Emit("GatherND", {to.Plain(x), at}, {{"batch_dims", batch_dims}}));
    return OkStatus();
  }
  if (NeedsOldForms(to) && axis == 0 && GatherRows(to, step, index_rank)) return OkStatus();
  const AxisOrder order = index_rank <= 1 ? to.OrderOf(x) : PlainOrder(to.rank(x));
  const auto known = to.constant(indices) != nullptr ? to.Ints(indices) : std::nullopt;
  const auto takes = [&](int64_t index) { return index >= 0; };
  const bool may_take = known && index_rank == 1 && !known->empty() && to.constant(x) == nullptr &&
                        std::all_of(known->begin(), known->end(), takes);
  const int id =
      may_take ? TakeAlong(to, to.In(x, order), order, axis, *known)
               : to.Emit("Gather", {to.In(x, order), to.Plain(indices)}, {{"axis", int64_t{PositionOf(order, axis)}}});
  if (index_rank == 0) {
    to.Set(step.out(), id, WithoutAxes(order, {axis}));
  } else if (index_rank == 1) {
    to.Set(step.out(), id, order);
  } else {
    to.SetPlain(step.out(), id);
  }
  return OkStatus();
}

Status GatherNd(OnnxConversion& to, const OnnxStep& step) {
  to.Need(11);
  to.SetPlain(step.out(), to.Emit("GatherND", {to.Plain(step.in(0)), to.AsInt64(to.Plain(step.in(1)))}));
  return OkStatus();
}

// TensorFlow adds what comes to the same place twice.
Status ScatterNd(OnnxConversion& to, const OnnxStep& step) {
  const int sizes = to.AsInt64(to.Plain(step.in(2)));
  const Tensor zero = Tensor::Scalar<double>(0).Cast(to.type(step.in(1)).dtype).Dense().Reshaped({1});
  const int empty = to.Emit("ConstantOfShape", {sizes}, {{"value", zero}}, zero.dtype());
  AttrMap attrs;
  const Tensor* indices = to.constant(step.in(0));
  std::set<std::vector<int64_t>> places;
  bool once = indices != nullptr && indices->rank() >= 1 && indices->elements() > 0 && indices->dims().back() > 0;
  if (once) {
    const std::vector<int64_t> all = indices->Values<int64_t>();
    const int64_t depth = indices->dims().back();
    for (auto at = all.begin(); once && at != all.end(); at += depth) once = places.insert({at, at + depth}).second;
  }
  if (!once) {
    to.Need(16);
    attrs["reduction"] = std::string("add");
  }
  const int at = to.AsInt64(to.Plain(step.in(0)));
  to.SetPlain(step.out(), to.Emit("ScatterND", {empty, at, to.Plain(step.in(1))}, attrs));
  return OkStatus();
}

// Never below zero.
bool IsAPlace(const Graph& graph, Value value) {
  const Node* node = &graph.node(value.node);
  if (node->op == "Cast") {
    if (graph.type(node->inputs[0]).dtype == DType::kUint8) return true;
    node = &graph.node(node->inputs[0].node);
  }
  return node->op == "ArgMax" || node->op == "ArgMin" || graph.type(value).dtype == DType::kUint8;
}

Status OneHot(OnnxConversion& to, const OnnxStep& step) {
  const auto depth = to.Ints(step.in(1));
  const Tensor *on = to.constant(step.in(2)), *off = to.constant(step.in(3));
  if (!depth || depth->size() != 1 || (*depth)[0] > 1'000'000 || on == nullptr || off == nullptr) {
    return Unsupported("its depth and values are not constant");
  }
  if (!on->SingleValue() || !off->SingleValue()) return Unsupported("its values are no numbers");
  const int rank = to.rank(step.in(0));
  const int64_t axis = step.node.attr_or<int64_t>("axis", -1), classes = (*depth)[0];
  const double yes = *on->SingleValue(), no = *off->SingleValue();
  // OpenCV 4 has no layer for it.
  if (NeedsOldForms(to) && rank >= 0 && axis == -1 && classes > 0 && yes == 1 && no == 0) {
    to.SetPlain(step.out(), to.Cast(HotRows(to, to.Plain(step.in(0)), rank, classes), on->dtype()));
    return OkStatus();
  }
  // ONNX counts negative places from the end, to TensorFlow they are none.
  const bool as_numbers = rank >= 0 && classes > 0 && std::isfinite(yes) && std::isfinite(no);
  if (as_numbers && (to.runtime().MayBeOpenCv() || !IsAPlace(to.graph(), step.in(0)))) {
    const int at = axis < 0 ? rank : static_cast<int>(axis);
    std::vector<int64_t> dims(static_cast<size_t>(rank - at) + 1, 1), numbers(static_cast<size_t>(classes));
    dims[0] = classes;
    std::iota(numbers.begin(), numbers.end(), 0);
    // OpenCV 4 lays one axis as a column already.
    const int x = to.AsInt64(to.Plain(step.in(0))), front = at == 0 ? 1 : -1;
    const int places = rank == 1 ? to.Reshape(x, {front, -front}) : to.Unsqueeze(x, {at});
    const int all = to.Constant(Tensor::Vector(numbers).Reshaped(dims));
    int hot = to.Cast(to.Emit("Equal", {places, all}, {}, DType::kBool), on->dtype());
    if (yes != 1 || no != 0) {
      hot = to.Emit("Mul", {hot, to.Number(on->dtype(), yes - no)});
      hot = to.Emit("Add", {hot, to.Number(on->dtype(), no)});
    }
    to.SetPlain(step.out(), hot);
    return OkStatus();
  }
  const Tensor values = Tensor::Vector<double>({no, yes}).Cast(on->dtype()).Dense();
  const int id = to.Emit("OneHot", {to.AsInt64(to.Plain(step.in(0))), to.Ints64(*depth), to.Constant(values)},
                         {{"axis", axis}}, on->dtype());
  to.SetPlain(step.out(), id);
  return OkStatus();
}

Status Tile(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto multiples = to.Ints(step.in(1));
  const int rank = to.rank(x);
  if (multiples && static_cast<int>(multiples->size()) == rank) {
    const AxisOrder order = to.OrderOf(x);
    int id = to.In(x, order);
    constexpr int64_t kFew = 8;  // OpenCV repeats wrongly (4.10) or not at all (4.6)
    const bool few = std::all_of(multiples->begin(), multiples->end(), [](int64_t m) { return m >= 1 && m <= kFew; });
    if (!to.runtime().MayBeOpenCv() || !few) {
      id = to.Emit("Tile", {id, to.Ints64(InOrder(order, *multiples))});
    } else {
      for (int axis = 0; axis < rank; ++axis) {
        const auto times = static_cast<size_t>((*multiples)[static_cast<size_t>(axis)]);
        if (times == 1) continue;
        id = to.Emit("Concat", std::vector<int>(times, id), {{"axis", int64_t{PositionOf(order, axis)}}});
      }
    }
    to.Set(step.out(), id, order);
    return OkStatus();
  }
  to.SetPlain(step.out(), to.Emit("Tile", {to.Plain(x), to.AsInt64(to.Plain(step.in(1)))}));
  return OkStatus();
}

// ONNX's Pad does not mirror the edge itself, and OpenCV mirrors height and width only: what lies before and behind is
// taken from the data; from reversed slices where their size is not known, with the edge.
Status MirrorBySlices(OnnxConversion& to, const OnnxStep& step, const std::vector<int64_t>& paddings, bool edge) {
  const Value x = step.in(0);
  const AxisOrder order = to.OrderOf(x);
  int id = to.In(x, order);
  for (int axis = 0; axis < to.rank(x); ++axis) {
    const int64_t before = paddings[static_cast<size_t>(2 * axis)], after = paddings[static_cast<size_t>(2 * axis + 1)];
    if (before <= 0 && after <= 0) continue;
    const int64_t size = to.shape(x).dim(axis), inner = edge ? 0 : 1;
    if (size > 0 && size <= kFewIndices && before <= size - inner && after <= size - inner) {
      std::vector<int64_t> indices;
      for (int64_t i = before; i-- > 0;) indices.push_back(i + inner);
      for (int64_t i = 0; i < size; ++i) indices.push_back(i);
      for (int64_t i = 0; i < after; ++i) indices.push_back(size - 1 - inner - i);
      id = TakeAlong(to, id, order, axis, indices);
      continue;
    }
    if (!edge) return Unsupported("mirrors an axis whose size is not known");
    std::vector<int> pieces;
    if (before > 0) pieces.push_back(EmitSlice(to, id, order, {{axis, before - 1, -kFar, -1}}));
    pieces.push_back(id);
    if (after > 0) pieces.push_back(EmitSlice(to, id, order, {{axis, -1, -after - 1, -1}}));
    if (pieces.size() > 1) id = to.Emit("Concat", pieces, {{"axis", int64_t{PositionOf(order, axis)}}});
  }
  to.Set(step.out(), id, order);
  return OkStatus();
}

// The last two of four axes, as the data lie.
bool MirrorsSpaceOnly(const OnnxConversion& to, Value x, const std::vector<int64_t>& paddings) {
  const AxisOrder order = to.OrderOf(x);
  for (size_t i = 0; i < order.size(); ++i) {
    const auto axis = static_cast<size_t>(order[i]);
    const bool padded = paddings[2 * axis] != 0 || paddings[2 * axis + 1] != 0;
    if (padded && (order.size() != 4 || i < 2)) return false;
  }
  return true;
}

// ONNX Runtime (1.20) lets a pooling do the padding in front of it: a maximum with numbers below all others instead of
// zeros, a mean without counting them. It does not where they are no zeros.
bool FeedsPool(const OnnxConversion& to, const OnnxStep& step) {
  const std::vector<Use>& users = to.Users(step.id);
  return std::any_of(users.begin(), users.end(), [&](const Use& use) {
    const std::string_view op = to.graph().node(use.node).op;
    return op.starts_with("MaxPool") || op.starts_with("AvgPool");
  });
}

Status Pad(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto paddings = to.Ints(step.in(1));
  const int rank = to.rank(x);
  if (!paddings || rank < 0 || static_cast<int>(paddings->size()) != 2 * rank) {
    return Unsupported("its paddings are not constant");
  }
  std::string mode = "constant";
  double filling = 0;
  if (step.node.op == "MirrorPad") {
    if (step.node.attr_or<std::string>("mode", "REFLECT") != "REFLECT")
      return MirrorBySlices(to, step, *paddings, true);
    if (to.runtime().MayBeOpenCv() && !MirrorsSpaceOnly(to, x, *paddings))
      return MirrorBySlices(to, step, *paddings, false);
    mode = "reflect";
  } else if (step.inputs() > 2) {
    const Tensor* value = to.constant(step.in(2));
    if (value == nullptr || !value->SingleValue()) return Unsupported("its value is not constant");
    filling = *value->SingleValue();
  }
  if (mode == "constant" && filling == 0 && FeedsPool(to, step)) filling = std::numeric_limits<float>::min();
  const AxisOrder order = to.OrderOf(x);
  const int id = to.In(x, order);
  std::vector<int64_t> before, after;
  for (int axis : order) {
    before.push_back((*paddings)[static_cast<size_t>(2 * axis)]);
    after.push_back((*paddings)[static_cast<size_t>(2 * axis + 1)]);
  }
  before.insert(before.end(), after.begin(), after.end());
  if (to.opset() < 11 && !IsFloating(to.dtype(id))) to.Need(11);
  int padded = 0;
  if (to.opset() >= 11) {
    std::vector<int> inputs = {id, to.Ints64(before)};
    // OpenCV 4 refuses a value that another node has made a layer of.
    if (mode == "constant" && filling != 0) inputs.push_back(to.Copied(to.Number(to.dtype(id), filling)));
    padded = to.Emit("Pad", inputs, {{"mode", mode}});
  } else {
    AttrMap attrs = {{"mode", mode}, {"pads", before}};
    if (mode == "constant") attrs["value"] = static_cast<float>(filling);
    padded = to.Emit("Pad", {id}, attrs);
  }
  to.Set(step.out(), padded, order);
  return OkStatus();
}

Status Reverse(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto axes = to.Ints(step.in(1));
  const int rank = to.rank(x);
  if (!axes || rank < 0) return Unsupported("its axes are not constant");
  std::vector<Cut> cuts;
  const AxisOrder order = to.OrderOf(x);
  int id = to.In(x, order);
  for (int64_t one : *axes) {
    const int axis = PositiveAxis(one, rank);
    const int64_t size = to.shape(x).dim(axis);
    if (!to.runtime().MayBeOpenCv() || size <= 0 || size > kFewIndices) {
      cuts.push_back({axis, -1, -kFar, -1});
      continue;
    }
    // OpenCV 4 takes no negative steps.
    std::vector<int64_t> backwards;
    for (int64_t i = size; i-- > 0;) backwards.push_back(i);
    id = TakeAlong(to, id, order, axis, backwards);
  }
  to.Set(step.out(), EmitSlice(to, id, order, cuts), order);
  return OkStatus();
}

Status Roll(OnnxConversion& to, const OnnxStep& step) {
  const Value x = step.in(0);
  const auto shifts = to.Ints(step.in(1)), axes = to.Ints(step.in(2));
  const int rank = to.rank(x);
  if (!shifts || !axes || rank < 0 || shifts->size() != axes->size()) return Unsupported("its shifts are not constant");
  const AxisOrder order = to.OrderOf(x);
  int id = to.In(x, order);
  for (size_t i = 0; i < axes->size(); ++i) {
    const int axis = PositiveAxis((*axes)[i], rank);
    const int64_t size = to.shape(x).dim(axis);
    if (size <= 0) return Unsupported("the size that it rolls is not known");
    const int64_t shift = ((*shifts)[i] % size + size) % size;
    if (shift == 0) continue;
    const int back = EmitSlice(to, id, order, {{axis, size - shift, kFar}});
    const int front = EmitSlice(to, id, order, {{axis, 0, size - shift}});
    id = to.Emit("Concat", {back, front}, {{"axis", int64_t{PositionOf(order, axis)}}});
  }
  to.Set(step.out(), id, order);
  return OkStatus();
}

Status ReverseSequence(OnnxConversion& to, const OnnxStep& step) {
  const AttrMap attrs = {{"time_axis", step.node.attr_or<int64_t>("seq_dim", 0)},
                         {"batch_axis", step.node.attr_or<int64_t>("batch_dim", 0)}};
  const std::vector<int> inputs = {to.Plain(step.in(0)), to.AsInt64(to.Plain(step.in(1)))};
  to.SetPlain(step.out(), to.Emit("ReverseSequence", inputs, attrs));
  return OkStatus();
}

// What lies outside a band around the diagonal becomes 0.
Status BandPart(OnnxConversion& to, const OnnxStep& step) {
  const auto below = to.Ints(step.in(1)), above = to.Ints(step.in(2));
  if (!below || !above || below->size() != 1 || above->size() != 1) return Unsupported("its band is not constant");
  int id = to.Plain(step.in(0));
  if (to.runtime().Takes("Trilu") || to.runtime().kind == OnnxRuntime::Kind::kAny) {
    to.Need(14);
    const auto cut = [&](int64_t k, int64_t upper) {
      return to.Emit("Trilu", {id, to.Constant(Tensor::Scalar<int64_t>(k))}, {{"upper", upper}});
    };
    if ((*below)[0] >= 0) id = cut(-(*below)[0], 1);
    if ((*above)[0] >= 0) id = cut((*above)[0], 0);
    to.SetPlain(step.out(), id);
    return OkStatus();
  }
  const Shape& shape = to.shape(step.in(0));
  const int64_t rows = shape.dim(-2), columns = shape.dim(-1);
  constexpr int64_t kMost = 1 << 20;
  if (rows < 1 || columns < 1 || rows > kMost / columns) return Unsupported("a band of matrices of unknown size");
  std::vector<float> mask;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const bool kept = ((*below)[0] < 0 || row - column <= (*below)[0]) && ((*above)[0] < 0 || column - row <= (*above)[0]);
      mask.push_back(kept ? 1.0F : 0.0F);
    }
  }
  std::vector<int64_t> dims(static_cast<size_t>(shape.rank() - 2), 1);
  dims.insert(dims.end(), {rows, columns});
  to.SetPlain(step.out(), to.Emit("Mul", {id, to.Constant(Tensor::Of<float>(dims, mask).Cast(to.dtype(id)).Dense())}));
  return OkStatus();
}

Status Where(OnnxConversion& to, const OnnxStep& step) {
  const int places = to.Emit("NonZero", {to.Plain(step.in(0))}, {}, DType::kInt64);
  to.SetPlain(step.out(), to.Transpose(places, {1, 0}));
  return OkStatus();
}

}  // namespace

// x at `indices` along one axis. OpenCV before 4.10 gathers one element at a time: it gets the runs, joined.
int TakeAlong(OnnxConversion& to, int id, const AxisOrder& order, int axis, const std::vector<int64_t>& indices) {
  const AttrMap along = {{"axis", int64_t{PositionOf(order, axis)}}};
  if (!to.runtime().IsOldOpenCv()) return to.Emit("Gather", {id, to.Ints64(indices)}, along);
  std::vector<int> runs;
  for (size_t i = 0; i < indices.size();) {
    size_t end = i + 1;
    while (end < indices.size() && indices[end] == indices[end - 1] + 1) ++end;
    runs.push_back(EmitSlice(to, id, order, {{axis, indices[i], indices[end - 1] + 1}}));
    i = end;
  }
  return runs.size() == 1 ? runs[0] : to.Emit("Concat", runs, along);
}

std::vector<OnnxOp> OnnxMoveOps() {
  return {
      {"Concat", Concat},
      {"ConcatV2", Concat},
      {"Gather", Gather},
      {"GatherNd", GatherNd},
      {"GatherV2", Gather},
      {"MatrixBandPart", BandPart},
      {"MirrorPad", Pad},
      {"OneHot", OneHot},
      {"Pack", Pack},
      {"Pad", Pad},
      {"PadV2", Pad},
      {"ReverseSequence", ReverseSequence},
      {"ReverseV2", Reverse},
      {"Roll", Roll},
      {"ScatterNd", ScatterNd},
      {"Slice", Slice},
      {"Split", Split},
      {"SplitV", SplitV},
      {"StridedSlice", StridedSlice},
      {"Tile", Tile},
      {"Unpack", Unpack},
      {"Where", Where},
  };
}

}  // namespace permafrost
