#include <algorithm>
#include <limits>

#include "optimizer/frontend/onnx/import.h"

// Data that are moved, joined, cut and picked.
namespace permafrost::from_onnx {
namespace {

using Sizes = std::vector<int64_t>;

// A Transpose between the two forms only says how data lie.
Status Transpose(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  Sizes order = op.IntList("perm");
  if (order.empty()) {
    for (int i = rank - 1; i >= 0; --i) order.push_back(i);
  }
  Sizes sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int64_t>(i) || static_cast<int>(sorted.size()) != rank) {
      return InvalidArgument("perm is no order of ", rank, " axes");
    }
  }
  if (rank >= 3 && op.Constant(0) == nullptr) {
    if (order == OrderToPlain(rank)) {  // what was last goes to the front: the same data, channels last
      ASSIGN_OR_RETURN(const Value x, op.In(0));
      return op.Set(0, x, Lie::kChannelsLast);
    }
    if (order == OrderToLast(rank) && op.LieOf(0) == Lie::kChannelsLast) {
      ASSIGN_OR_RETURN(const Value x, op.Last(0));
      return op.Set(0, x);
    }
  }
  ASSIGN_OR_RETURN(const Value x, op.In(0));
  ASSIGN_OR_RETURN(const Value y, op.Emit("Transpose", {x, op.Indices("perm", order)}));
  return op.Set(0, y);
}

Status Concat(OpImport& op) {
  if (op.inputs() == 1) return op.SetSame(0, 0);
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int axis, AxisOf(op.Int("axis", 0), rank));
  Lie lie = Lie::kPlain;
  for (int i = 0; i < op.inputs(); ++i) {
    if (op.shape(i).has_rank() && op.shape(i).rank() != rank) {
      return InvalidArgument("joins ", op.shape(0).ToString(), " with ", op.shape(i).ToString());
    }
    if (op.LieOf(i) == Lie::kChannelsLast) lie = Lie::kChannelsLast;
  }
  std::vector<Value> values;
  for (int i = 0; i < op.inputs(); ++i) {
    ASSIGN_OR_RETURN(const Value value, op.In(i, lie));
    values.push_back(value);
  }
  values.push_back(op.Index("axis", AxisWhen(lie, axis, rank)));
  ASSIGN_OR_RETURN(const Value y, op.Emit("ConcatV2", values));
  return op.Set(0, y, lie);
}

Status Split(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int axis, AxisOf(op.Int("axis", 0), rank));
  const auto given = op.IntsOf("split", 1);
  if (!given) return Unsupported("its sizes are computed");
  Sizes sizes = *given;
  const int64_t parts = op.outputs(), whole = op.shape(0).dim(axis);
  if (sizes.empty()) {
    if (whole == kUnknownDim) return Unsupported("splits a size that is not known");
    const int64_t each = (whole + parts - 1) / parts;
    for (int64_t i = 0, left = whole; i < parts; ++i, left -= each) sizes.push_back(std::clamp<int64_t>(left, 0, each));
  }
  if (static_cast<int64_t>(sizes.size()) != parts) return InvalidArgument("has ", sizes.size(), " sizes for ", parts, " outputs");
  for (const int64_t size : sizes) {
    if (size < 0 || size > INT32_MAX) return InvalidArgument("a part of size ", size);
  }
  const Lie lie = op.LieOf(0);
  ASSIGN_OR_RETURN(const Value x, op.In(0, lie));
  const int at = AxisWhen(lie, axis, rank);
  const bool even = std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) { return size == sizes[0]; });
  Value first;
  if (even) {
    ASSIGN_OR_RETURN(first, op.Emit("Split", {op.Index("axis", at), x}, {{"num_split", parts}}));
  } else {
    ASSIGN_OR_RETURN(first, op.Emit("SplitV", {x, op.Indices("sizes", sizes), op.Index("axis", at)}, {{"num_split", parts}}));
  }
  for (int i = 0; i < op.outputs(); ++i) RETURN_IF_ERROR(op.Set(i, {first.node, i}, lie));
  return OkStatus();
}

// x[start:end:step], every axis of it. kFar: to the end.
constexpr int64_t kFar = INT32_MAX;
struct Cut {
  int64_t start = 0, end = kFar, step = 1;
};

StatusOr<Value> Sliced(OpImport& op, Value x, const std::vector<Cut>& cuts) {
  Sizes begin, end, steps;
  int64_t begin_mask = 0, end_mask = 0;
  bool all = true;
  for (size_t i = 0; i < cuts.size(); ++i) {
    const Cut& cut = cuts[i];
    begin.push_back(cut.start);
    end.push_back(cut.end);
    steps.push_back(cut.step);
    const bool from_first = cut.step > 0 ? cut.start == 0 : cut.start >= kFar || cut.start == -1;
    const bool to_last = cut.step > 0 ? cut.end >= kFar : cut.end <= -kFar;
    if (from_first) begin_mask |= int64_t{1} << i;
    if (to_last) end_mask |= int64_t{1} << i;
    all = all && from_first && to_last && cut.step == 1;
    if (to_last) end.back() = 0;
    if (from_first) begin.back() = 0;
  }
  if (all) return x;
  return op.Emit("StridedSlice", {x, op.Indices("begin", begin), op.Indices("end", end), op.Indices("strides", steps)},
                 {{"begin_mask", begin_mask}, {"end_mask", end_mask}});
}

// Starts and ends that are computed, along axes that are known.
Status SliceByValues(OpImport& op, int rank, const Sizes& axes, const Sizes& steps) {
  ASSIGN_OR_RETURN(const Value x, op.In(0));
  std::vector<Value> begin, end;
  Sizes strides(static_cast<size_t>(rank), 1);
  int64_t begin_mask = (int64_t{1} << rank) - 1, end_mask = begin_mask;
  for (int i = 0; i < rank; ++i) {
    const auto found = std::find(axes.begin(), axes.end(), i);
    if (found == axes.end()) {
      begin.push_back(op.Index("zero", 0));
      end.push_back(op.Index("zero", 0));
      continue;
    }
    const int64_t at = found - axes.begin();
    strides[static_cast<size_t>(i)] = steps[static_cast<size_t>(at)];
    if (steps[static_cast<size_t>(at)] < 0) return Unsupported("cuts backwards from where it is computed");
    begin_mask &= ~(int64_t{1} << i);
    end_mask &= ~(int64_t{1} << i);
    for (int bound = 1; bound <= 2; ++bound) {
      ASSIGN_OR_RETURN(const Value all, op.In(bound));
      ASSIGN_OR_RETURN(Value one, op.Emit("GatherV2", {all, op.Index("at", at), op.Index("axis", 0)}));
      if (op.dtype(bound) == DType::kInt64) {  // beyond any end stays there
        ASSIGN_OR_RETURN(one, op.WithNumber("Minimum", one, static_cast<double>(kFar)));
        ASSIGN_OR_RETURN(one, op.Emit("Cast", {one}, {{"DstT", DType::kInt32}}));
      }
      (bound == 1 ? begin : end).push_back(one);
    }
  }
  ASSIGN_OR_RETURN(const Value from, op.Emit("Pack", begin, {{"axis", int64_t{0}}}, "begin"));
  ASSIGN_OR_RETURN(const Value to, op.Emit("Pack", end, {{"axis", int64_t{0}}}, "end"));
  ASSIGN_OR_RETURN(const Value y, op.Emit("StridedSlice", {x, from, to, op.Indices("strides", strides)},
                                          {{"begin_mask", begin_mask}, {"end_mask", end_mask}}));
  return op.Set(0, y);
}

Status Slice(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  const bool attrs = op.opset() < 10;
  const auto starts = attrs ? std::optional(op.IntList("starts")) : op.Ints(1);
  const auto ends = attrs ? std::optional(op.IntList("ends")) : op.Ints(2);
  if (!attrs && (!op.Has(1) || !op.Has(2))) return InvalidArgument("its starts or ends are missing");
  std::optional<Sizes> given = attrs ? std::optional(op.IntList("axes")) : op.Has(3) ? op.Ints(3) : Sizes();
  std::optional<Sizes> steps = op.Has(4) ? op.Ints(4) : Sizes();
  if (!given || !steps) return Unsupported("its axes or steps are computed");
  size_t count = starts ? starts->size() : ends ? ends->size() : given->size();
  if (!starts && !ends && given->empty() && op.shape(1).IsRank(1) && op.shape(1).dim(0) >= 0) {
    count = static_cast<size_t>(op.shape(1).dim(0));
  }
  constexpr size_t kMostAxes = 30;
  if (count > kMostAxes || rank > static_cast<int>(kMostAxes)) return InvalidArgument("cuts ", count, " axes");
  if (given->empty()) {
    for (size_t i = 0; i < count; ++i) given->push_back(static_cast<int64_t>(i));
  }
  if (steps->empty()) steps->assign(count, 1);
  const bool sizes_fit = given->size() == count && steps->size() == count && (!starts || starts->size() == count) &&
                         (!ends || ends->size() == count);
  if (!sizes_fit) return InvalidArgument("its starts, ends, axes and steps are of different lengths");
  Sizes axes;
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const int axis, AxisOf((*given)[i], rank));
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) return InvalidArgument("names an axis twice");
    axes.push_back(axis);
    if ((*steps)[i] == 0 || std::abs((*steps)[i]) > kFar) return InvalidArgument("a step of ", (*steps)[i]);
  }
  if (!starts || !ends) return SliceByValues(op, rank, axes, *steps);
  const Lie lie = op.LieOf(0);
  std::vector<Cut> cuts(static_cast<size_t>(rank));
  const auto bounded = [](int64_t at) { return std::clamp(at, -kFar, kFar); };
  for (size_t i = 0; i < count; ++i) {
    Cut& cut = cuts[static_cast<size_t>(AxisWhen(lie, static_cast<int>(axes[i]), rank))];
    cut = {bounded((*starts)[i]), bounded((*ends)[i]), (*steps)[i]};
    const int64_t dim = op.shape(0).dim(static_cast<int>(axes[i]));
    if (dim != kUnknownDim && cut.step > 0 && cut.end >= dim) cut.end = kFar;
    if (dim != kUnknownDim && cut.step < 0 && cut.end < -dim) cut.end = -kFar;
    if (dim != kUnknownDim && cut.start <= -dim) cut.start = cut.step > 0 ? 0 : cut.start;
  }
  ASSIGN_OR_RETURN(const Value x, op.In(0, lie));
  ASSIGN_OR_RETURN(const Value y, Sliced(op, x, cuts));
  return op.Set(0, y, lie);
}

Status Gather(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int axis, AxisOf(op.Int("axis", 0), rank));
  const int64_t dim = op.shape(0).dim(axis);
  const auto index = op.Ints(1);
  const bool scalar = op.shape(1).IsRank(0);
  // One element from the end of an unknown size.
  if (scalar && index && (*index)[0] < 0 && dim == kUnknownDim && rank <= 30) {
    std::vector<int32_t> begin(static_cast<size_t>(rank), 0), end = begin;
    begin[static_cast<size_t>(axis)] = static_cast<int32_t>(std::max<int64_t>((*index)[0], -kFar));
    const int64_t mask = ((int64_t{1} << rank) - 1) & ~(int64_t{1} << axis);
    ASSIGN_OR_RETURN(const Value x, op.In(0));
    ASSIGN_OR_RETURN(const Value y,
                     op.Emit("StridedSlice", {x, op.Const("begin", Tensor::Vector(begin)), op.Const("end", Tensor::Vector(end)),
                                              op.Indices("strides", Sizes(static_cast<size_t>(rank), 1))},
                             {{"begin_mask", mask}, {"end_mask", mask}, {"shrink_axis_mask", int64_t{1} << axis}}));
    return op.Set(0, y);
  }
  ASSIGN_OR_RETURN(const Value indices, op.Counted(1, {dim}));
  const Lie lie = op.shape(1).IsRank(1) ? op.LieOf(0) : Lie::kPlain;
  ASSIGN_OR_RETURN(const Value x, op.In(0, lie));
  ASSIGN_OR_RETURN(const Value y, op.Emit("GatherV2", {x, indices, op.Index("axis", AxisWhen(lie, axis, rank))}));
  return op.Set(0, y, lie);
}

Status Tile(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  const auto repeats = op.Ints(1);
  if (!repeats) {
    ASSIGN_OR_RETURN(const Value x, op.In(0));
    ASSIGN_OR_RETURN(const Value counts, op.In(1));
    ASSIGN_OR_RETURN(const Value y, op.Emit("Tile", {x, counts}));
    return op.Set(0, y);
  }
  if (static_cast<int>(repeats->size()) != rank) return InvalidArgument("repeats ", repeats->size(), " of ", rank, " axes");
  const Lie lie = op.LieOf(0);
  Sizes counts(repeats->size());
  for (int i = 0; i < rank; ++i) counts[static_cast<size_t>(AxisWhen(lie, i, rank))] = (*repeats)[static_cast<size_t>(i)];
  for (const int64_t count : counts) {
    if (count < 0 || count > INT32_MAX) return InvalidArgument("repeats ", count, " times");
  }
  ASSIGN_OR_RETURN(const Value x, op.In(0, lie));
  ASSIGN_OR_RETURN(const Value y, op.Emit("Tile", {x, op.Indices("counts", counts)}));
  return op.Set(0, y, lie);
}

Value Paddings(OpImport& op, const Sizes& before, const Sizes& after) {
  std::vector<int32_t> sides;
  for (size_t i = 0; i < before.size(); ++i) {
    sides.push_back(static_cast<int32_t>(before[i]));
    sides.push_back(static_cast<int32_t>(after[i]));
  }
  return op.Const("paddings", Tensor::Of<int32_t>({static_cast<int64_t>(before.size()), 2}, sides));
}

// The outermost elements once more, again and again.
StatusOr<Value> EdgePadded(OpImport& op, Value x, Sizes before, Sizes after) {
  constexpr int64_t kMost = 32;
  const int64_t times = std::max(*std::max_element(before.begin(), before.end()), *std::max_element(after.begin(), after.end()));
  if (times > kMost) return Unsupported("repeats the edge ", times, " times");
  for (int64_t i = 0; i < times; ++i) {
    Sizes one_before, one_after;
    for (size_t axis = 0; axis < before.size(); ++axis) {
      one_before.push_back(before[axis] > 0 ? 1 : 0);
      one_after.push_back(after[axis] > 0 ? 1 : 0);
      before[axis] -= one_before.back();
      after[axis] -= one_after.back();
    }
    ASSIGN_OR_RETURN(x, op.Emit("MirrorPad", {x, Paddings(op, one_before, one_after)}, {{"mode", std::string("SYMMETRIC")}}));
  }
  return x;
}

// The data again and again.
StatusOr<Value> WrapPadded(OpImport& op, Value x, const Sizes& before, const Sizes& after) {
  constexpr int64_t kMost = 1 << 16;
  for (size_t axis = 0; axis < before.size(); ++axis) {
    if (before[axis] == 0 && after[axis] == 0) continue;
    const int64_t size = op.type(x).shape.dim(static_cast<int>(axis));
    if (size < 1 || size + before[axis] + after[axis] > kMost) return Unsupported("wraps ", size, " elements");
    Sizes taken;
    for (int64_t i = -before[axis]; i < size + after[axis]; ++i) taken.push_back(((i % size) + size) % size);
    ASSIGN_OR_RETURN(x, op.Emit("GatherV2", {x, op.Indices("taken", taken), op.Index("axis", static_cast<int64_t>(axis))}));
  }
  return x;
}

Status Pad(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank < 1) return op.SetSame(0, 0);
  const bool attrs = op.opset() < 11;
  const auto pads = attrs ? std::optional(op.IntList("pads")) : op.Has(1) ? op.Ints(1) : std::nullopt;
  if (!pads) return Unsupported("by how much it pads is computed");
  Sizes axes;
  if (op.Has(3)) {
    const auto given = op.Ints(3);
    if (!given) return Unsupported("its axes are computed");
    for (const int64_t axis : *given) {
      ASSIGN_OR_RETURN(const int at, AxisOf(axis, rank));
      axes.push_back(at);
    }
  } else {
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (pads->size() != 2 * axes.size()) return InvalidArgument("has ", pads->size(), " pads for ", axes.size(), " axes");
  double fill = attrs ? op.Float("value", 0) : 0;
  if (op.Has(2)) {
    const auto given = op.Numbers(2);
    if (!given || given->size() != 1) return Unsupported("with what it pads is computed");
    fill = (*given)[0];
  }
  const Lie lie = op.LieOf(0);
  const auto size = static_cast<size_t>(rank);
  Sizes before(size, 0), after(size, 0);
  std::vector<Cut> cuts(size);
  bool grows = false;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto at = static_cast<size_t>(AxisWhen(lie, static_cast<int>(axes[i]), rank));
    const int64_t front = (*pads)[i], back = (*pads)[axes.size() + i];
    if (std::abs(front) > kFar / 2 || std::abs(back) > kFar / 2) return InvalidArgument("pads by ", front, " and ", back);
    before[at] = std::max<int64_t>(0, front);
    after[at] = std::max<int64_t>(0, back);
    if (front < 0) cuts[at].start = -front;
    if (back < 0) cuts[at].end = back;
    grows = grows || front > 0 || back > 0;
  }
  ASSIGN_OR_RETURN(Value x, op.In(0, lie));
  const std::string mode = op.String("mode", "constant");
  ASSIGN_OR_RETURN(x, Sliced(op, x, cuts));
  if (grows) {
    if (mode == "constant" && fill == 0) {
      ASSIGN_OR_RETURN(x, op.Emit("Pad", {x, Paddings(op, before, after)}));
    } else if (mode == "constant") {
      ASSIGN_OR_RETURN(x, op.Emit("PadV2", {x, Paddings(op, before, after), op.Number("filling", fill, op.type(x).dtype)}));
    } else if (mode == "reflect") {
      ASSIGN_OR_RETURN(x, op.Emit("MirrorPad", {x, Paddings(op, before, after)}, {{"mode", std::string("REFLECT")}}));
    } else if (mode == "edge") {
      ASSIGN_OR_RETURN(x, EdgePadded(op, x, before, after));
    } else if (mode == "wrap") {
      ASSIGN_OR_RETURN(x, WrapPadded(op, x, before, after));
    } else {
      return Unsupported("its mode is '", mode, "', expected constant, reflect, edge or wrap");
    }
  }
  return op.Set(0, x, lie);
}

// Indices of what is not zero, as [rank, count].
Status NonZero(OpImport& op) {
  ASSIGN_OR_RETURN(const Value x, op.In(0));
  ASSIGN_OR_RETURN(const Value places, op.Emit("Where", {x}));
  ASSIGN_OR_RETURN(const Value y, op.Transposed(places, {1, 0}));
  return op.Set(0, y);
}

// A triangle that leaves the diagonal out.
Status TriangleByMask(OpImport& op, Value x, int64_t k, bool upper) {
  const Shape shape = op.shape(0);
  constexpr int64_t kMost = 1 << 22;
  if (shape.rank() < 2 || shape.dim(-1) < 0 || shape.dim(-2) < 0 || shape.dim(-1) > kMost / std::max<int64_t>(1, shape.dim(-2))) {
    return Unsupported("a triangle off the diagonal by ", k, " of ", shape.ToString());
  }
  if (shape.Elements() == 0) return op.SetSame(0, 0);
  std::string mask;
  for (int64_t row = 0; row < shape.dim(-2); ++row) {
    for (int64_t column = 0; column < shape.dim(-1); ++column) {
      mask += static_cast<char>(upper ? column - row >= k : column - row <= k);
    }
  }
  const Value kept = op.Const("mask", Tensor::Buffer(DType::kBool, {shape.dim(-2), shape.dim(-1)}, std::move(mask)));
  ASSIGN_OR_RETURN(const Value y, op.Emit("SelectV2", {kept, x, op.Number("zero", 0, op.dtype(0))}));
  return op.Set(0, y);
}

Status Trilu(OpImport& op) {
  int64_t k = 0;
  if (op.Has(1)) {
    const auto given = op.Ints(1);
    if (!given || given->size() != 1) return Unsupported("its diagonal is computed");
    k = (*given)[0];
  }
  const bool upper = op.Int("upper", 1) != 0;
  ASSIGN_OR_RETURN(const Value x, op.In(0));
  if (upper ? k > 0 : k < 0) return TriangleByMask(op, x, k, upper);
  const Value lower = op.Index("lower", upper ? -k : -1), above = op.Index("upper", upper ? -1 : k);
  ASSIGN_OR_RETURN(const Value y, op.Emit("MatrixBandPart", {x, lower, above}));
  return op.Set(0, y);
}

Status ReverseSequence(OpImport& op) {
  const int64_t batch = op.Int("batch_axis", 1), time = op.Int("time_axis", 0);
  ASSIGN_OR_RETURN(const Value x, op.In(0));
  ASSIGN_OR_RETURN(const Value lengths, op.In(1));
  ASSIGN_OR_RETURN(const Value y, op.Emit("ReverseSequence", {x, lengths}, {{"seq_dim", time}, {"batch_dim", batch}}));
  return op.Set(0, y);
}

}  // namespace

std::vector<ImportRow> MoveImports() {
  return {
      {"Concat", Concat, 1, -1},
      {"Gather", Gather, 2, 2},
      {"NonZero", NonZero},
      {"Pad", Pad, 1, 4},
      {"ReverseSequence", ReverseSequence, 2, 2},
      {"Slice", Slice, 1, 5},
      {"Split", Split, 1, 2},
      {"Tile", Tile, 2, 2},
      {"Transpose", Transpose},
      {"Trilu", Trilu, 1, 2},
  };
}

}  // namespace permafrost::from_onnx
