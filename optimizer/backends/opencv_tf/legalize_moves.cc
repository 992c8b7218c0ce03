#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "optimizer/backends/opencv_tf/axes.h"
#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/backends/opencv_tf/symbolic_sizes.h"
#include "optimizer/ops/strided_slice.h"

// Ops that pick, repeat or reverse elements, as slices, joins, poolings and products with matrices of zeros and ones.
// What comes out means the same in TensorFlow; legalize-shapes then brings Reshape and Transpose into the importer's
// form.
namespace permafrost {
namespace {

constexpr int64_t kMostParts = 16;  // slices that are joined again
constexpr int64_t kLargestMatrix = int64_t{1} << 22;
constexpr int64_t kSmallMatrix = 4096;
// An unknown dim counts as the largest there is: what runs up to it runs to the end.
constexpr int64_t kOpen = std::numeric_limits<int32_t>::max();

using Indices = std::vector<int64_t>;

struct Run {
  int64_t start, length;
};

std::vector<Run> RunsOf(const Indices& indices) {
  std::vector<Run> runs;
  for (int64_t index : indices) {
    if (!runs.empty() && index == runs.back().start + runs.back().length) {
      ++runs.back().length;
    } else {
      runs.push_back({index, 1});
    }
  }
  return runs;
}

std::vector<int32_t> Narrow(const std::vector<int64_t>& values) { return {values.begin(), values.end()}; }

class Mover {
 public:
  Mover(GraphEditor& editor, PassContext& context) : editor_(editor), graph_(editor.graph()), context_(context) {}

  void Visit(NodeId id) {
    using Rule = void (Mover::*)();
    static const std::map<std::string_view, Rule> kRules = {
        {"Tile", &Mover::Tile},      {"BroadcastTo", &Mover::BroadcastTo}, {"GatherV2", &Mover::Gather},
        {"Gather", &Mover::Gather},  {"ReverseV2", &Mover::Reverse},       {"Cumsum", &Mover::Cumsum},
        {"SplitV", &Mover::SplitV},  {"Split", &Mover::Split},             {"Unpack", &Mover::Unpack},
        {"Pack", &Mover::Pack},
        {"PadV2", &Mover::PadV2},    {"MirrorPad", &Mover::MirrorPad},     {"StridedSlice", &Mover::StridedSlice},
        {"ConcatV2", &Mover::Concat}, {"Cumprod", &Mover::Cumprod},        {"ReverseSequence", &Mover::ReverseSequence},
        {"Concat", &Mover::OldConcat}};
    const auto rule = kRules.find(graph_.node(id).op);
    if (rule == kRules.end()) return;
    const DType dtype = graph_.type({id, 0}).dtype;
    if (IsInteger(dtype) || dtype == DType::kBool) return;  // sizes and indices are for other passes
    id_ = id;
    name_ = StrCat(graph_.node(id).name, "/opencv");
    (this->*rule->second)();
  }

 private:
  const Node& node() const { return graph_.node(id_); }
  Value in(size_t i) const { return node().inputs[i]; }
  const Shape& ShapeOf(Value value) const { return graph_.type(value).shape; }
  const Tensor* constant(size_t i) const { return i < node().inputs.size() ? ConstValue(graph_, in(i)) : nullptr; }
  void Decline(std::string_view reason) { context_.Decline(node(), reason); }
  void Replace(Value by) { editor_.ReplaceUses({id_, 0}, by); }
  Value New(std::string_view op, std::vector<Value> inputs, AttrMap attrs = {}) {
    return Emit(editor_, op, name_, std::move(inputs), std::move(attrs));
  }
  Value Const(Tensor tensor) { return EmitConst(editor_, StrCat(name_, "/c"), std::move(tensor)); }
  Value Ints(const std::vector<int64_t>& values) { return Const(Tensor::Vector<int32_t>(Narrow(values))); }
  Value Reshaped(Value x, const std::vector<int64_t>& dims) { return New("Reshape", {x, Ints(dims)}); }
  bool IsUsed(int port) const { return !editor_.Users(Value{id_, port}).empty() || editor_.IsOutput({id_, port}); }

  // A constant axis, counted from the front.
  static std::optional<int> Axis(int64_t axis, int rank) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return std::nullopt;
    return static_cast<int>(axis);
  }
  static std::optional<int> Axis(const Tensor* tensor, int rank) {
    if (tensor == nullptr || tensor->elements() != 1 || !IsInteger(tensor->dtype())) return std::nullopt;
    return Axis(tensor->Values<int64_t>()[0], rank);
  }

  static bool IsInteger(DType dtype) { return dtype == DType::kInt32 || dtype == DType::kInt64; }

  Value Sliced(Value x, int axis, int64_t start, int64_t length) {
    const Shape shape = ShapeOf(x);
    std::vector<int64_t> starts(static_cast<size_t>(shape.rank()), 0), sizes(starts.size(), -1);
    starts[static_cast<size_t>(axis)] = start;
    if (start + length != shape.dim(axis)) sizes[static_cast<size_t>(axis)] = length;
    return New("Slice", {x, Ints(starts), Ints(sizes)});
  }

  Value Joined(std::vector<Value> parts, int axis) {
    if (parts.size() == 1) return parts[0];
    if (ShapeOf(parts[0]).rank() == 1) return Reshaped(Joined(AsRows(parts), 1), {-1});
    parts.push_back(Const(Tensor::Scalar<int32_t>(axis)));
    return New("ConcatV2", std::move(parts));
  }

  int ChannelAxisOf(Value x) const { return LayoutAbove(graph_, x) == "NCHW" ? 1 : 3; }
  bool IsSpatial(Value x, int axis) const {
    const int height = ChannelAxisOf(x) == 1 ? 2 : 1;
    return ShapeOf(x).rank() == 4 && (axis == height || axis == height + 1);
  }

  // y[.., m, ..] = sum over k of x[.., k, ..] matrix[k, m].
  std::optional<Value> Multiplied(Value x, int axis, int64_t columns, const std::vector<float>& matrix) {
    return EmitProductAlong(editor_, name_, x, axis, Tensor::Of<float>({ShapeOf(x).dim(axis), columns}, matrix));
  }

  // Every step-th element from `first` on.
  std::optional<Value> Strided(Value x, int axis, int64_t first, int64_t step, int64_t count) {
    const Shape shape = ShapeOf(x);
    const int64_t size = shape.dim(axis);
    if (IsSpatial(x, axis)) {
      Value value = x;
      if (first != 0 || size != count * step) value = Sliced(x, axis, first, (count - 1) * step + 1);
      return Thinned(value, axis, step);
    }
    // As blocks of `step` elements, of which one each is taken.
    const int64_t start = std::min(first, size - count * step);
    const std::vector<int64_t> after(shape.dims().begin() + axis + 1, shape.dims().end());
    const std::vector<int64_t> before(shape.dims().begin(), shape.dims().begin() + axis);
    const int64_t behind = CheckedElements(after), front = CheckedElements(before);
    if (start < 0 || first - start >= step || behind < 1) return std::nullopt;
    std::vector<int64_t> out = shape.dims();
    out[static_cast<size_t>(axis)] = count;
    if (std::count(out.begin(), out.end(), kUnknownDim) > 1) return std::nullopt;
    const Value whole = size == count * step ? x : Sliced(x, axis, start, count * step);
    const Value blocks = Reshaped(whole, {front, count, step, behind, 1});
    return Reshaped(Sliced(blocks, 2, first - start, 1), out);
  }

  // Every step-th row or column of a picture: a pooling whose window is one pixel.
  Value Thinned(Value x, int axis, int64_t step) {
    std::vector<int64_t> strides = {1, 1, 1, 1};
    strides[static_cast<size_t>(axis)] = step;
    return New("MaxPool", {x},
               {{"ksize", std::vector<int64_t>{1, 1, 1, 1}},
                {"strides", strides},
                {"padding", std::string("VALID")},
                {"data_format", std::string(ChannelAxisOf(x) == 1 ? "NCHW" : "NHWC")}});
  }

  // The elements `indices` along `axis`, in that order.
  std::optional<Value> Selected(Value x, int axis, const Indices& indices) {
    const Shape shape = ShapeOf(x);
    const int64_t size = shape.dim(axis);
    if (size < 1 || indices.empty()) return std::nullopt;
    for (int64_t index : indices) {
      if (index < 0 || index >= size) return std::nullopt;
    }
    const std::vector<Run> runs = RunsOf(indices);
    const auto count = static_cast<int64_t>(indices.size());
    if (runs.size() == 1) return count == size ? x : Sliced(x, axis, runs[0].start, count);
    if (!IsFloating(graph_.type(x).dtype)) return std::nullopt;
    const int64_t elements = CheckedElements({size, count});
    const bool channels = shape.rank() == 4 && axis == ChannelAxisOf(x);
    if (!channels || elements > kSmallMatrix) {
      const int64_t step = indices[1] - indices[0];
      bool even = count > 2 && step > 1;
      for (size_t i = 1; i < indices.size() && even; ++i) even = indices[i] - indices[i - 1] == step;
      if (even) {
        if (const auto strided = Strided(x, axis, indices[0], step, count)) return strided;
      }
      if (static_cast<int64_t>(runs.size()) <= kMostParts) {
        std::vector<Value> parts;
        for (const Run& run : runs) {
          const bool all = run.start == 0 && run.length == size;
          parts.push_back(all ? x : Sliced(x, axis, run.start, run.length));
        }
        return Joined(std::move(parts), axis);
      }
    }
    if (elements < 0 || elements > kLargestMatrix) return std::nullopt;
    std::vector<float> matrix(static_cast<size_t>(elements), 0.0F);
    for (int64_t m = 0; m < count; ++m) {
      matrix[static_cast<size_t>(indices[static_cast<size_t>(m)] * count + m)] = 1;
    }
    return Multiplied(x, axis, count, matrix);
  }

  static Indices Repeated(int64_t size, int64_t times) {
    Indices indices;
    for (int64_t t = 0; t < times; ++t) {
      for (int64_t i = 0; i < size; ++i) indices.push_back(i);
    }
    return indices;
  }

  // times[axis] copies along each axis.
  std::optional<Value> Tiled(Value x, const std::vector<int64_t>& times) {
    const Shape shape = ShapeOf(x);
    Value value = x;
    const bool one_pixel = shape.rank() == 4 && shape.dim(1) == 1 && shape.dim(2) == 1 && ChannelAxisOf(x) == 3;
    std::vector<int64_t> rest = times;
    if (one_pixel && times[1] * times[2] > 1) {
      value = New("ResizeNearestNeighbor", {value, Ints({times[1], times[2]})});
      rest[1] = rest[2] = 1;
    }
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const int64_t count = rest[static_cast<size_t>(axis)], size = shape.dim(axis);
      if (count == 1) continue;
      if (count < 1 || count > kLargestMatrix) return std::nullopt;
      if (count <= kMostParts) {
        value = Joined(std::vector<Value>(static_cast<size_t>(count), value), axis);
        continue;
      }
      if (size < 1 || CheckedElements({size, size, count}) < 0 || size * size * count > kLargestMatrix) {
        return std::nullopt;
      }
      const auto repeated = Selected(value, axis, Repeated(size, count));
      if (!repeated) return std::nullopt;
      value = *repeated;
    }
    return value;
  }

  // A constant with a first dim of 1, once for every row of a batch that is known only when running: a product of ones,
  // one per row of `source`, with the constant.
  std::optional<Value> OverBatch(Tensor constant, Value source) {
    const ValueType type = graph_.type(source);
    if (constant.dtype() != DType::kFloat32 || type.dtype != DType::kFloat32 || constant.rank() < 1 ||
        constant.dims()[0] != 1 || constant.elements() > kLargestMatrix || !type.shape.has_rank()) {
      return std::nullopt;
    }
    const std::vector<int64_t> rest(type.shape.dims().begin() + 1, type.shape.dims().end());
    Value row = source;
    if (CheckedElements(rest) < 1) {
      // Of unknown height and width only the first pixel is looked at.
      std::vector<int64_t> sizes(rest.size() + 1, 1);
      sizes[0] = -1;
      row = New("Slice", {source, Ints(std::vector<int64_t>(sizes.size(), 0)), Ints(sizes)});
      row = Reshaped(row, {-1, 1});
    } else {
      row = Reshaped(source, {-1, CheckedElements(rest)});
      if (CheckedElements(rest) > 1) row = Sliced(row, 1, 0, 1);
    }
    const Value one = Const(Tensor::Scalar<float>(1.0F));
    const Value ones = New("ClipByValue", {row, one, Const(Tensor::Scalar<float>(1.0F))});
    const Value flat = New("MatMul", {ones, Const(constant.Reshaped({1, constant.elements()}))});
    std::vector<int64_t> dims = constant.dims();
    dims[0] = -1;
    return Reshaped(flat, dims);
  }

  void Tile() {
    const Shape shape = ShapeOf(in(0));
    const auto sizes = SymbolicSizes(graph_, in(1));
    if (!shape.has_rank() || static_cast<int>(sizes.size()) != shape.rank() || sizes.empty()) {
      return Decline("its rank or its multiples are unknown");
    }
    std::vector<int64_t> times;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const bool number = sizes[i].known && sizes[i].scale == 0;
      const bool batch = i == 0 && sizes[i].known && sizes[i].scale == 1 && sizes[i].offset == 0 && sizes[i].axis == 0;
      if (!number && !batch) return Decline("its multiples are not constants");
      times.push_back(number ? sizes[i].offset : 1);
    }
    std::optional<Value> value = in(0);
    if (sizes[0].scale != 0) {
      const Tensor* tensor = constant(0);
      value = tensor == nullptr ? std::nullopt : OverBatch(*tensor, sizes[0].source);
      if (!value) return Decline("only a constant can be repeated for every row of a batch of unknown size");
    } else if (!IsFloating(graph_.type(in(0)).dtype)) {
      return;
    }
    if (*value == in(0) && constant(0) != nullptr) return;
    const auto tiled = Tiled(*value, times);
    if (!tiled) return Decline("too many copies, or copies along an unknown dim");
    Replace(*tiled);
  }

  void BroadcastTo() {
    const Shape from = ShapeOf(in(0)), to = ShapeOf({id_, 0});
    if (!from.has_rank() || !to.has_rank() || to.rank() < from.rank()) return Decline("its shape is unknown");
    if (!IsFloating(graph_.type(in(0)).dtype)) return;
    std::vector<int64_t> dims(static_cast<size_t>(to.rank() - from.rank()), 1), times;
    dims.insert(dims.end(), from.dims().begin(), from.dims().end());
    const Tensor* tensor = constant(0);
    const auto sizes = SymbolicSizes(graph_, in(1));
    const bool over_batch = tensor != nullptr && dims[0] == 1 && to.dim(0) < 0 && !sizes.empty() && sizes[0].known &&
                            sizes[0].scale == 1 && sizes[0].offset == 0 && sizes[0].axis == 0;
    for (size_t i = 0; i < dims.size(); ++i) {
      const int64_t want = to.dim(static_cast<int>(i));
      const bool spread = dims[i] == 1 && want != 1 && !(i == 0 && over_batch);
      if (dims[i] < 0 && want >= 0) return Decline("it may or may not spread along an unknown dim");
      if (spread && want < 0) return Decline(StrCat("it spreads to a shape that is not known: ", to.ToString()));
      times.push_back(spread ? want : 1);
    }
    if (tensor != nullptr && !over_batch) return;
    std::optional<Value> value = in(0);
    if (over_batch) {
      value = OverBatch(tensor->Reshaped(dims), sizes[0].source);
    } else if (to.rank() != from.rank()) {
      if (std::count(dims.begin(), dims.end(), kUnknownDim) > 1) return Decline("more than one dim is unknown");
      value = Reshaped(in(0), dims);
    }
    if (value) value = Tiled(*value, times);
    if (!value) return Decline("too many copies, or copies along an unknown dim");
    Replace(*value);
  }

  void Gather() {
    const Shape shape = ShapeOf(in(0));
    const Tensor* found = constant(1);
    const auto axis = node().op == "Gather" ? std::optional<int>(0) : Axis(constant(2), shape.rank());
    if (found == nullptr || !axis || !shape.has_rank() || constant(0) != nullptr || !IsInteger(found->dtype()) ||
        found->elements() < 1 || found->elements() > kLargestMatrix || node().attr_or<int64_t>("batch_dims", 0) != 0) {
      return Decline("only constant indices into data of known rank can be taken apart");
    }
    const Tensor indices = *found;
    std::vector<int64_t> out = shape.dims();
    out.erase(out.begin() + *axis);
    out.insert(out.begin() + *axis, indices.dims().begin(), indices.dims().end());
    if (indices.rank() != 1 && std::count(out.begin(), out.end(), kUnknownDim) > 1) {
      return Decline("more than one dim of its result is unknown");
    }
    const auto value = Selected(in(0), *axis, indices.Values<int64_t>());
    if (!value) return Decline("indices out of range, or too many to be taken one by one");
    Replace(indices.rank() == 1 ? *value : Reshaped(*value, out));
  }

  void Reverse() {
    const Shape shape = ShapeOf(in(0));
    const Tensor* axes = constant(1);
    if (axes == nullptr || !shape.has_rank() || !IsInteger(axes->dtype())) return;
    Value value = in(0);
    for (int64_t number : axes->Values<int64_t>()) {
      const auto axis = Axis(number, shape.rank());
      const int64_t size = axis ? shape.dim(*axis) : kUnknownDim;
      if (size < 1 || size > kLargestMatrix) return Decline("it reverses along an unknown dim");
      Indices indices(static_cast<size_t>(size));
      std::iota(indices.rbegin(), indices.rend(), 0);
      const auto reversed = Selected(value, *axis, indices);
      if (!reversed) return Decline("too many elements to be reversed, or more than one unknown dim");
      value = *reversed;
    }
    Replace(value);
  }

  void Cumsum() {
    const Shape shape = ShapeOf(in(0));
    const auto axis = shape.has_rank() ? Axis(constant(1), shape.rank()) : std::nullopt;
    const int64_t size = axis ? shape.dim(*axis) : kUnknownDim;
    if (size < 1 || size > 2048 || !IsFloating(graph_.type(in(0)).dtype)) {
      return Decline("sums along an axis of unknown or large size");
    }
    const bool exclusive = node().attr_or<bool>("exclusive", false), reverse = node().attr_or<bool>("reverse", false);
    std::vector<float> matrix(static_cast<size_t>(size * size), 0.0F);
    for (int64_t k = 0; k < size; ++k) {
      for (int64_t m = 0; m < size; ++m) {
        const bool counts = k == m ? !exclusive : (k < m) != reverse;
        matrix[static_cast<size_t>(k * size + m)] = counts ? 1.0F : 0.0F;
      }
    }
    const auto value = Multiplied(in(0), *axis, size, matrix);
    if (!value) return Decline("more than one dim is unknown");
    Replace(*value);
  }

  // Element by element: each is what was there times the next.
  void Cumprod() {
    constexpr int64_t kMostFactors = 64;
    const Shape shape = ShapeOf(in(0));
    const auto axis = shape.has_rank() ? Axis(constant(1), shape.rank()) : std::nullopt;
    const int64_t size = axis ? shape.dim(*axis) : kUnknownDim;
    if (size < 1 || size > kMostFactors || !IsFloating(graph_.type(in(0)).dtype)) {
      return Decline("multiplies along an axis of unknown or large size");
    }
    const bool exclusive = node().attr_or<bool>("exclusive", false), reverse = node().attr_or<bool>("reverse", false);
    const Value x = in(0);
    const auto part = [&](int64_t i) { return Sliced(x, *axis, reverse ? size - 1 - i : i, 1); };
    std::vector<Value> parts;
    if (exclusive) {
      const Value one = Const(Tensor::Scalar<float>(1.0F).Cast(graph_.type(x).dtype).Dense());
      parts.push_back(New("ClipByValue", {part(0), one, one}));
    }
    const int64_t count = exclusive ? size - 1 : size;
    for (int64_t i = 0; i < count; ++i) {
      parts.push_back(i == 0 ? part(0) : New("Mul", {parts.back(), part(i)}));
    }
    if (reverse) std::reverse(parts.begin(), parts.end());
    Replace(Joined(std::move(parts), *axis));
  }

  // The first so many elements of each row turned round.
  void ReverseSequence() {
    const Shape shape = ShapeOf(in(0));
    const Tensor* lengths = constant(1);
    const auto along = Axis(node().attr_or<int64_t>("seq_dim", 0), shape.rank());
    const auto batch = Axis(node().attr_or<int64_t>("batch_dim", 0), shape.rank());
    if (lengths == nullptr || !shape.has_rank() || !along || !batch || *along == *batch) return;
    const std::vector<int64_t> all = lengths->Values<int64_t>();
    const int64_t size = shape.dim(*along);
    if (size < 1 || size > kLargestMatrix || shape.dim(*batch) != static_cast<int64_t>(all.size()) ||
        static_cast<int64_t>(all.size()) > kMostParts) {
      return Decline("it reverses rows of unknown or large number or size");
    }
    std::vector<Value> rows;
    for (size_t row = 0; row < all.size(); ++row) {
      if (all[row] < 0 || all[row] > size) return Decline("a length is larger than the axis");
      Indices indices(static_cast<size_t>(size));
      std::iota(indices.begin(), indices.end(), 0);
      std::reverse(indices.begin(), indices.begin() + all[row]);
      const auto turned = Selected(Sliced(in(0), *batch, static_cast<int64_t>(row), 1), *along, indices);
      if (!turned) return Decline("too many elements to be reversed, or more than one unknown dim");
      rows.push_back(*turned);
    }
    Replace(Joined(std::move(rows), *batch));
  }

  // OpenCV 5 counts a part that nobody takes among the net's outputs, and then wants all of them asked for.
  void Split() {
    const auto ports = static_cast<int>(node().outputs.size());
    bool all_used = true;
    for (int port = 0; port < ports; ++port) all_used = all_used && IsUsed(port);
    if (!all_used && node().inputs.size() == 2) SliceParts(in(1), constant(0));
  }

  void SplitV() { SliceParts(in(0), constant(2)); }

  void SliceParts(Value x, const Tensor* axis_value) {
    const Shape shape = ShapeOf(x);
    const auto axis = shape.has_rank() ? Axis(axis_value, shape.rank()) : std::nullopt;
    if (!axis) return Decline("its axis is no constant or its rank is unknown");
    const auto ports = static_cast<int>(node().outputs.size());
    const auto length = [&](int port) { return graph_.type({id_, port}).shape.dim(*axis); };
    for (int port = 0; port < ports; ++port) {
      if (length(port) < (IsUsed(port) ? 1 : 0)) return Decline("the sizes of its parts are unknown or 0");
    }
    int64_t start = 0;
    for (int port = 0; port < ports; ++port) {
      if (IsUsed(port)) editor_.ReplaceUses({id_, port}, Sliced(x, *axis, start, length(port)));
      start += length(port);
    }
  }

  void Unpack() {
    const Shape shape = ShapeOf(in(0));
    if (!shape.has_rank()) return;
    int64_t axis = node().attr_or<int64_t>("axis", 0);
    if (axis < 0) axis += shape.rank();
    if (axis < 0 || axis >= shape.rank()) return;
    std::vector<int64_t> dims = shape.dims();
    dims.erase(dims.begin() + axis);
    const bool pictures = shape.rank() == 4 && std::count(dims.begin(), dims.end(), kUnknownDim) > 1;
    if (std::count(dims.begin(), dims.end(), kUnknownDim) > 1 && !pictures) {
      return Decline("its results have more than one unknown dim");
    }
    const auto ports = static_cast<int>(node().outputs.size());
    for (int port = 0; port < ports; ++port) {
      if (!IsUsed(port)) continue;
      const Value part = Sliced(in(0), static_cast<int>(axis), port, 1);
      const Value squeezed =
          pictures ? New("Squeeze", {part}, {{"squeeze_dims", std::vector<int64_t>{axis}}}) : Reshaped(part, dims);
      editor_.ReplaceUses({id_, port}, squeezed);
    }
  }

  // Along any axis: each part gets the new axis, then they are joined. Along the first of matrices and vectors the
  // importer does the same.
  void Pack() {
    const Shape out = ShapeOf({id_, 0});
    if (!out.has_rank() || !IsFloating(graph_.type({id_, 0}).dtype)) return;
    int64_t axis = node().attr_or<int64_t>("axis", 0);
    if (axis < 0) axis += out.rank();
    if (axis < 0 || axis >= out.rank() || (axis == 0 && out.rank() < 4)) return;
    std::vector<int64_t> dims = out.dims();
    dims[static_cast<size_t>(axis)] = 1;
    const std::vector<Value> inputs = node().inputs;
    std::vector<Value> parts;
    // Planes that were cut from one picture need no detour.
    for (Value input : inputs) {
      const Node& producer = graph_.node(input.node);
      const bool plane = producer.op == "Squeeze" && out.rank() == 4 && !producer.inputs.empty() &&
                         producer.attr_or<std::vector<int64_t>>("squeeze_dims", {}) == std::vector<int64_t>{axis} &&
                         ShapeOf(producer.inputs[0]).dim(static_cast<int>(axis)) == 1;
      if (plane) {
        parts.push_back(producer.inputs[0]);
        continue;
      }
      if (std::count(dims.begin(), dims.end(), kUnknownDim) > 1) return Decline("more than one dim is unknown");
      parts.push_back(Reshaped(input, dims));
    }
    Replace(Joined(std::move(parts), static_cast<int>(axis)));
  }

  // With the axis behind.
  void OldConcat() {
    std::vector<Value> inputs = node().inputs;
    if (inputs.empty()) return;
    std::rotate(inputs.begin(), inputs.begin() + 1, inputs.end());
    editor_.RemoveAttr(id_, "N");
    editor_.SetInputs(id_, std::move(inputs));
    editor_.SetOp(id_, "ConcatV2");
    Concat();
  }

  // cv::dnn lets a join write into its operands' memory, and a constant beside an input of the graph gets none.
  void Concat() {
    bool has_constant = false;
    for (size_t i = 0; i + 1 < node().inputs.size(); ++i) has_constant = has_constant || constant(i) != nullptr;
    if (!IsFloating(graph_.type({id_, 0}).dtype)) return;
    const int rank = ShapeOf({id_, 0}).rank();
    if (rank == 1) return ConcatRows();
    const size_t last = node().inputs.size() - 1;
    const Tensor* axis = constant(last);
    if (axis != nullptr && axis->elements() == 1 && axis->Values<int64_t>()[0] < 0 && rank > 0) {
      const auto number = static_cast<int32_t>(axis->Values<int64_t>()[0] + rank);
      editor_.SetInput(id_, static_cast<int>(last), Const(Tensor::Scalar<int32_t>(number)));
      editor_.RemoveAttr(id_, "Tidx");
    }
    if (!has_constant) return;
    for (size_t i = 0; i + 1 < node().inputs.size(); ++i) {
      if (std::find(graph_.inputs().begin(), graph_.inputs().end(), in(i).node) == graph_.inputs().end()) continue;
      const Tensor one = Tensor::Scalar<float>(1.0F).Cast(graph_.type(in(i)).dtype).Dense();
      const Value copy = New("Mul", {in(i), Const(one)});
      editor_.SetInput(id_, static_cast<int>(i), copy);
    }
  }

  // A vector is a row here and a column there.
  std::vector<Value> AsRows(const std::vector<Value>& vectors) {
    std::vector<Value> rows;
    for (const Value vector : vectors) {
      const Tensor* tensor = ConstValue(graph_, vector);
      rows.push_back(tensor != nullptr ? Const(tensor->Reshaped({1, tensor->elements()})) : Reshaped(vector, {1, -1}));
    }
    return rows;
  }
  void ConcatRows() {
    const std::vector<Value> vectors(node().inputs.begin(), node().inputs.end() - 1);
    const Value joined = Joined(AsRows(vectors), 1);
    Replace(Reshaped(joined, {-1}));
    id_ = joined.node;
    if (vectors.size() > 1) Concat();
  }

  // Zeros instead of c: pad(x, c) = pad(x - c, 0) + c. What is far below everything pads a pooling's window.
  void PadV2() {
    const auto c = node().inputs.size() == 3 ? ScalarBehind(graph_, in(2)) : std::nullopt;
    const Tensor* paddings = constant(1);
    if (!c || paddings == nullptr || !IsFloating(graph_.type({id_, 0}).dtype)) return;
    if (*c == 0) {
      editor_.SetInputs(id_, {in(0), in(1)});
      editor_.SetOp(id_, "Pad");
      return;
    }
    constexpr double kFarBelow = -1e6, kLargestShift = 1e3;
    if (*c < kFarBelow) return PadPools(*paddings);
    if (std::abs(*c) > kLargestShift) return Decline("it pads with a number that floats cannot be shifted by");
    const auto scalar = [&](double value) {
      return Const(Tensor::Scalar<double>(value).Cast(graph_.type({id_, 0}).dtype).Dense());
    };
    const Value shifted = New("Add", {in(0), scalar(-*c)});
    Replace(New("Add", {New("Pad", {shifted, in(1)}), scalar(*c)}));
  }

  void PadPools(const Tensor& paddings) {
    const std::vector<int64_t> sides = paddings.Values<int64_t>();
    for (const Use& use : editor_.Users(id_)) {
      const Node& user = graph_.node(use.node);
      const auto window = user.attr_or<std::vector<int64_t>>("ksize", {});
      bool fits = user.op == "MaxPool" && user.attr_or<std::string>("padding", "") == "VALID" && sides.size() == 8 &&
                  window.size() == 4;
      for (size_t i = 0; i < 8 && fits; ++i) fits = sides[i] >= 0 && (sides[i] == 0 || sides[i] < window[i / 2]);
      if (!fits) return Decline("it pads with a number far below 0 for other than poolings");
    }
    if (editor_.IsOutput({id_, 0})) return;
    for (const Use& use : std::vector<Use>(editor_.Users(id_))) {
      editor_.SetAttr(use.node, "padding", std::string("EXPLICIT"));
      editor_.SetAttr(use.node, "explicit_paddings", sides);
      editor_.SetInput(use.node, 0, in(0));
    }
  }

  // The importer mirrors height and width without the edge. Anything else is picked row by row.
  void MirrorPad() {
    const Shape shape = ShapeOf(in(0));
    const Tensor* paddings = constant(1);
    if (paddings == nullptr || !shape.has_rank() || paddings->elements() != 2 * shape.rank()) return;
    const int64_t edge = node().attr_or<std::string>("mode", "REFLECT") == "SYMMETRIC" ? 0 : 1;
    const std::vector<int64_t> sides = paddings->Values<int64_t>();
    const bool pictures =
        shape.rank() == 4 && ChannelAxisOf(in(0)) == 3 && sides[0] + sides[1] + sides[6] + sides[7] == 0;
    if (edge == 1 && pictures) return;
    Value value = in(0);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const int64_t before = sides[static_cast<size_t>(2 * axis)], after = sides[static_cast<size_t>(2 * axis + 1)];
      const int64_t size = shape.dim(axis);
      if (before == 0 && after == 0) continue;
      if (size < 1 || size > kLargestMatrix || before < 0 || after < 0 || before > size - edge || after > size - edge) {
        return Decline("it mirrors along an unknown dim");
      }
      Indices indices;
      for (int64_t i = before; i > 0; --i) indices.push_back(i - 1 + edge);
      for (int64_t i = 0; i < size; ++i) indices.push_back(i);
      for (int64_t i = 0; i < after; ++i) indices.push_back(size - 1 - edge - i);
      const auto mirrored = Selected(value, axis, indices);
      if (!mirrored) return Decline("it mirrors too many elements");
      value = *mirrored;
    }
    Replace(value);
  }

  // A StridedSlice with masks as a plain Slice (or one that counts from the end, where a dim is unknown), then what it
  // leaves out between, then a Reshape where axes come or go.
  void StridedSlice() {
    if (node().inputs.size() != 4 || constant(0) != nullptr) return;
    const Shape in_shape = ShapeOf(in(0));
    const Tensor *begin = constant(1), *end = constant(2), *strides = constant(3);
    if (begin == nullptr || end == nullptr || strides == nullptr || !in_shape.has_rank()) {
      return Decline("its bounds are not constants or its rank is unknown");
    }
    Shape shape = in_shape;
    for (int i = 0; i < shape.rank(); ++i) shape.set_dim(i, in_shape.dim(i) < 0 ? kOpen : in_shape.dim(i));
    const auto axes = ResolveStridedSlice(node(), begin->Values<int64_t>(), end->Values<int64_t>(),
                                          strides->Values<int64_t>(), shape);
    if (!axes.ok()) return Decline(Message(axes.status()));

    std::vector<int64_t> starts, sizes, ends, kept;
    std::vector<std::pair<int, int64_t>> thin;             // axis, step
    std::vector<std::pair<int, const SliceAxis*>> picked;  // axis, what to pick
    bool whole = true, same_rank = true, from_the_end = false;
    for (const SliceAxis& axis : *axes) {
      same_rank = same_rank && axis.input_axis >= 0 && !axis.shrink;
      if (axis.input_axis < 0) {
        kept.push_back(1);
        continue;
      }
      const bool open = in_shape.dim(axis.input_axis) < 0;
      const int64_t dim = shape.dim(axis.input_axis);
      if (axis.count < 1) return Decline("nothing is left");
      const bool steps = axis.stride != 1 && axis.count > 1;
      int64_t first = axis.begin, stop = axis.begin + axis.count;
      if (steps && axis.stride > 1 && IsSpatial(in(0), axis.input_axis)) {
        stop = std::min(dim, axis.begin + (axis.count - 1) * axis.stride + 1);
        if (open && axis.begin + axis.count * axis.stride >= dim) stop = dim;
        if (!open && (dim - first + axis.stride - 1) / axis.stride == axis.count) stop = dim;
        thin.push_back({axis.input_axis, axis.stride});
      } else if (steps) {
        if (open) return Decline("steps along an unknown dim");
        first = 0;
        stop = dim;
        picked.push_back({axis.input_axis, &axis});
      }
      if (open && first > kOpen / 2) return Decline("counts its begin from the end of an unknown dim");
      const bool backwards = open && stop > kOpen / 2 && stop != dim;
      if (backwards && axis.stride > 1 && steps) return Decline("counts from the end of an unknown dim in steps");
      from_the_end = from_the_end || backwards;
      starts.push_back(first);
      ends.push_back(backwards ? stop - dim : stop == dim ? 0 : stop);
      sizes.push_back(stop == dim ? -1 : stop - first);
      whole = whole && first == 0 && stop == dim;
      if (!axis.shrink) kept.push_back(graph_.type({id_, 0}).shape.dim(static_cast<int>(kept.size())));
    }
    const bool reshapes = !same_rank;
    std::vector<int64_t> dims = ShapeOf({id_, 0}).dims();
    const auto squeezed = SqueezedAxes(*axes);
    const bool too_open = std::count(dims.begin(), dims.end(), kUnknownDim) > 1;
    if (reshapes && too_open && !squeezed) return Decline("its result has more than one unknown dim");
    Value value = in(0);
    if (!whole && from_the_end) {
      int64_t open_ends = 0;
      for (size_t i = 0; i < ends.size(); ++i) open_ends |= ends[i] == 0 ? int64_t{1} << i : 0;
      const std::vector<int64_t> ones(ends.size(), 1);
      value = New("StridedSlice", {value, Ints(starts), Ints(ends), Ints(ones)}, {{"end_mask", open_ends}});
    } else if (!whole) {
      value = New("Slice", {value, Ints(starts), Ints(sizes)});
    }
    for (const auto& [axis, step] : thin) value = Thinned(value, axis, step);
    for (const auto& [axis, what] : picked) {
      Indices indices;
      for (int64_t i = 0; i < what->count; ++i) indices.push_back(what->begin + i * what->stride);
      const auto selected = Selected(value, axis, indices);
      if (!selected) return Decline("steps over too many elements, or more than one unknown dim");
      value = *selected;
    }
    if (reshapes && too_open) {
      value = New("Squeeze", {value}, {{"squeeze_dims", *squeezed}});
    } else if (reshapes) {
      value = Reshaped(value, dims);
    }
    if (value == Value{id_, 0}) return;
    Replace(value);
  }

  // The axes that go away, when none comes.
  static std::optional<std::vector<int64_t>> SqueezedAxes(const std::vector<SliceAxis>& axes) {
    std::vector<int64_t> gone;
    for (const SliceAxis& axis : axes) {
      if (axis.input_axis < 0) return std::nullopt;
      if (axis.shrink) gone.push_back(axis.input_axis);
    }
    return gone;
  }

  GraphEditor& editor_;
  const Graph& graph_;
  PassContext& context_;
  NodeId id_ = kNoNode;
  std::string name_;
};

// Already as the rule would write it.
bool IsPlain(const Graph& graph, const Node& node) {
  if (node.op != "StridedSlice" || node.inputs.size() != 4) return false;
  for (const char* mask : {"begin_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
    if (node.attr_or<int64_t>(mask, 0) != 0) return false;
  }
  const Tensor *begin = ConstValue(graph, node.inputs[1]), *end = ConstValue(graph, node.inputs[2]);
  const Tensor* strides = ConstValue(graph, node.inputs[3]);
  if (begin == nullptr || end == nullptr || strides == nullptr) return false;
  const std::vector<int64_t> steps = strides->Values<int64_t>();
  if (std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; })) return false;
  const Shape& shape = graph.type(node.inputs[0]).shape;
  const std::vector<int64_t> ends = end->Values<int64_t>(), starts = begin->Values<int64_t>();
  if (static_cast<int>(ends.size()) != shape.rank() || ends.size() != starts.size()) return false;
  bool from_the_end = false;
  for (int i = 0; i < shape.rank(); ++i) {
    from_the_end = from_the_end || (shape.dim(i) < 0 && ends[static_cast<size_t>(i)] < 0);
    if (starts[static_cast<size_t>(i)] < 0) return false;
  }
  return from_the_end;
}

Status Run(GraphEditor& editor, PassContext& context) {
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, editor.graph().TopoOrder());
  Mover mover(editor, context);
  for (NodeId id : order) {
    if (!IsPlain(editor.graph(), editor.node(id))) mover.Visit(id);
  }
  return OkStatus();
}

}  // namespace

const PassInfo kLegalizeMoves{
    .name = "legalize-moves",
    .summary = "pick, repeat and reverse elements by slices, joins and products",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
