#include <algorithm>

#include "tests/support/random_graph_maker.h"

namespace permafrost {
namespace {

using Make = RandomGraphMaker;

bool Reshape(Make& make, std::string_view op) {
  const Operand x = make.Data();
  if (make.Coin(0.15)) {  // to the shape of another
    const auto shape = make.Add("Shape", {make.Like(x)});
    return shape.has_value() && make.Try(op, {x, *shape});
  }
  Dims dims;
  int64_t rest = x.exact.elements();
  if (make.Coin(0.6) && x.rank() > 0) {
    dims.push_back(x.dim(0));
    rest /= x.dim(0);
  }
  const int64_t rank = make.Int(1, 5);
  while (static_cast<int64_t>(dims.size()) + 1 < rank) {
    int64_t factor = 1;
    for (const int64_t candidate : {2, 3, 5, 7}) {
      if (rest % candidate == 0 && make.Coin()) factor = candidate;
    }
    if (rest % (2 * factor) == 0 && make.Coin(0.3)) factor *= 2;
    dims.push_back(factor);
    rest /= factor;
  }
  if (static_cast<int64_t>(dims.size()) < rank || rest > 1) dims.push_back(rest);
  if (make.Coin(0.5))
    dims[static_cast<size_t>(make.Coin() ? 0 : make.Int(0, static_cast<int64_t>(dims.size()) - 1))] = -1;
  return make.Try(op, {x, make.Ints(dims)});
}
// As Keras flattens: [batch of x, -1].
bool FlattenByShape(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 5);
  const auto shape = make.Add(op, {x});
  if (!shape.has_value()) return false;
  const auto batch =
      make.Add("StridedSlice", {*shape, make.Int32s({1}, {0}), make.Int32s({1}, {1}), make.Int32s({1}, {1})},
               {{"shrink_axis_mask", int64_t{1}}});
  const auto dims = batch.has_value() ? make.Add("Pack", {*batch, make.Int32s({}, {-1})}) : batch;
  return dims.has_value() && make.Try("Reshape", {x, *dims});
}
bool Squeeze(Make& make, std::string_view op) {
  Operand x = make.DataOfRank(2, 5);
  Dims ones;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x.dim(axis) == 1) ones.push_back(make.AnySign(axis, x.rank()));
  }
  if (ones.empty()) {
    const int axis = make.Axis(x);
    const auto mean = make.Add("Mean", {x, make.Ints({axis})}, {{"keep_dims", true}});
    if (!mean.has_value()) return false;
    x = *mean;
    ones = {axis};
  }
  if (make.batch_is_known() && make.Coin(0.15)) ones.clear();
  if (ones.size() > 1 && make.Coin()) ones.erase(ones.begin() + make.Int(0, static_cast<int64_t>(ones.size()) - 1));
  return make.Try(op, {x}, {{"squeeze_dims", ones}});
}
bool ExpandDims(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  return make.Try(op, {x, make.Index(make.Int(-x.rank() - 1, x.rank()))});
}
bool Transpose(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 5);
  return make.Try(op, {x, make.Ints(make.Shuffled(x.rank()))});
}
bool Join(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  const int axis = make.Axis(x);
  std::vector<Operand> parts;
  const int64_t count = make.Int(2, 4);
  for (int64_t i = 0; i < count; ++i) {
    if (i == 0) {
      parts.push_back(x);
    } else if (make.Coin(0.2)) {
      Dims dims = x.dims();
      dims[static_cast<size_t>(axis)] = make.Int(1, 3);
      parts.push_back(make.Floats(dims));
    } else {
      parts.push_back(make.Like(x));
    }
  }
  if (make.Coin(0.3)) std::reverse(parts.begin(), parts.end());
  if (op == "Concat") {
    parts.insert(parts.begin(), make.Int32s({}, {axis}));
  } else {
    parts.push_back(make.Index(make.AnySign(axis, x.rank())));
  }
  return make.Try(op, parts);
}
bool Pack(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  std::vector<Operand> parts = {x};
  const int64_t more = make.Int(0, 2);
  for (int64_t i = 0; i < more; ++i) parts.push_back(make.Like(x));
  return make.Try(op, parts, {{"axis", make.Int(-x.rank() - 1, x.rank())}});
}
bool Unpack(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 5);
  const int axis = make.Axis(x);
  return make.Try(op, {x}, {{"num", x.dim(axis)}, {"axis", make.AnySign(axis, x.rank())}},
                  static_cast<int>(make.Int(0, x.dim(axis) - 1)));
}
bool Split(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  const int axis = make.Axis(x);
  const int64_t dim = x.dim(axis);
  if (op == "Split") {
    Dims counts;
    for (int64_t count = 1; count <= dim; ++count) {
      if (dim % count == 0) counts.push_back(count);
    }
    const int64_t count = make.OneOf(counts);
    return make.Try(op, {make.Int32s({}, {make.AnySign(axis, x.rank())}), x}, {{"num_split", count}},
                    static_cast<int>(make.Int(0, count - 1)));
  }
  const int64_t first = make.Int(0, dim - 1);
  return make.Try(
      op, {x, make.Ints({first, make.Coin() ? -1 : dim - first}), make.Int32s({}, {make.AnySign(axis, x.rank())})},
      {{"num_split", int64_t{2}}}, static_cast<int>(first == 0 ? 1 : make.Int(0, 1)));
}
bool Slice(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  Dims begin, size;
  for (const int64_t dim : x.dims()) {
    begin.push_back(make.Coin() ? 0 : make.Int(0, dim - 1));
    size.push_back(make.Coin(0.4) ? -1 : make.Int(1, dim - begin.back()));
  }
  return make.Try(op, {x, make.Int32s({x.rank()}, begin), make.Int32s({x.rank()}, size)});
}
bool StridedSlice(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  Dims begin, end, strides;
  int64_t begin_mask = 0, end_mask = 0, shrink = 0, grow = 0, ellipsis = 0;
  const int64_t entries = make.Coin(0.6) ? x.rank() : make.Int(1, x.rank());
  const int64_t dots = make.Coin(0.15) ? make.Int(0, entries - 1) : -1;
  int axis = 0;
  for (int64_t i = 0; i < entries; ++i) {
    const int64_t bit = int64_t{1} << begin.size();
    if (make.Coin(0.08)) {
      grow |= bit;
      begin.push_back(0), end.push_back(0), strides.push_back(1);
      continue;
    }
    if (i == dots) {
      ellipsis |= bit;
      begin.push_back(0), end.push_back(0), strides.push_back(1);
      axis = static_cast<int>(x.rank() - (entries - 1 - i));
      continue;
    }
    const int64_t dim = x.dim(axis++);
    const int64_t low = make.Coin() ? 0 : make.Int(0, dim - 1), high = make.Int(low + 1, dim);
    const int64_t step = make.Coin(0.7) ? 1 : make.Int(1, 3);
    const bool backwards = make.Coin(0.15);
    begin.push_back(backwards ? high - 1 : low);
    end.push_back(backwards ? low - 1 : high);
    strides.push_back(backwards ? -step : step);
    if (backwards && end.back() < 0) end_mask |= bit;
    if (!backwards && make.Coin(0.3)) begin_mask |= bit;
    if (make.Coin(0.3)) end_mask |= bit;
    if (make.Coin(0.12)) shrink |= bit, strides.back() = 1, begin.back() = low, begin_mask &= ~bit;
    if (make.Coin(0.15)) begin.back() -= dim;
    if (end.back() > 0 && end.back() < dim && make.Coin(0.2)) end.back() -= dim;
  }
  const auto n = static_cast<int64_t>(begin.size());
  return make.Try(op, {x, make.Int32s({n}, begin), make.Int32s({n}, end), make.Int32s({n}, strides)},
                  {{"begin_mask", begin_mask},
                   {"end_mask", end_mask},
                   {"shrink_axis_mask", shrink},
                   {"new_axis_mask", grow},
                   {"ellipsis_mask", ellipsis}});
}
bool Tile(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  Dims counts(static_cast<size_t>(x.rank()), 1);
  counts[static_cast<size_t>(make.Axis(x))] = make.Int(2, 3);
  if (make.Coin(0.3)) counts[static_cast<size_t>(make.Axis(x))] = 2;
  return make.Try(op, {x, make.Ints(counts)});
}
bool Pad(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  const bool mirror = op == "MirrorPad", symmetric = make.Coin();
  Dims paddings;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t most = mirror ? x.dim(axis) - (symmetric ? 0 : 1) : 2;
    for (int side = 0; side < 2; ++side)
      paddings.push_back(make.Coin(0.5) || (axis == 0 && make.Coin(0.8)) ? 0 : make.Int(0, std::min<int64_t>(most, 2)));
  }
  std::vector<Operand> inputs = {x, make.Int32s({x.rank(), 2}, paddings)};
  if (op == "PadV2") inputs.push_back(make.Number(make.Coin(0.3) ? 0 : make.Real(-2, 2)));
  return make.Try(op, inputs, mirror ? AttrMap{{"mode", std::string(symmetric ? "SYMMETRIC" : "REFLECT")}} : AttrMap{});
}
bool Reverse(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  if (op == "ReverseV2") {
    Dims axes = {make.AnySign(make.Axis(x), x.rank())};
    return make.Try(op, {x, make.Ints(axes)});
  }
  std::string bits(static_cast<size_t>(x.rank()), '\0');
  bits[static_cast<size_t>(make.Axis(x))] = '\1';
  const Tensor mask = Tensor::Buffer(DType::kBool, {x.rank()}, bits);
  return make.Try(op, {x, Operand{{}, mask, mask}});
}
bool ReverseSequence(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 4);
  const int batch = make.Axis(x), axis = (batch + 1) % x.rank();
  Dims lengths(static_cast<size_t>(x.dim(batch)));
  for (int64_t& length : lengths) length = make.Int(1, x.dim(axis));
  return make.Try(op, {x, make.Int32s({x.dim(batch)}, lengths)},
                  {{"seq_dim", int64_t{axis}}, {"batch_dim", int64_t{batch}}});
}
bool Roll(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  return make.Try(op, {x, make.Ints({make.Int(-3, 3)}), make.Ints({make.Axis(x)})});
}
bool Gather(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  const int axis = op == "Gather" ? 0 : make.Axis(x);
  const Dims shape = make.Coin(0.2) ? Dims{} : make.Coin(0.8) ? Dims{make.Int(1, 5)} : Dims{2, 3};
  Dims indices(static_cast<size_t>(CheckedElements(shape)));
  for (int64_t& index : indices) index = make.Int(0, x.dim(axis) - 1);
  std::vector<Operand> inputs = {x, make.Int32s(shape, indices)};
  if (op == "GatherV2") inputs.push_back(make.Index(make.AnySign(axis, x.rank())));
  return make.Try(op, inputs);
}
bool GatherNd(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  const int64_t depth = make.Int(1, x.rank()), count = make.Int(1, 4);
  Dims indices;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t axis = 0; axis < depth; ++axis) indices.push_back(make.Int(0, x.dim(static_cast<int>(axis)) - 1));
  }
  return make.Try(op, {x, make.Int32s({count, depth}, indices)});
}
bool BroadcastTo(Make& make, std::string_view op) {
  Operand x = make.DataOfRank(1, 4);
  if (std::find(x.dims().begin(), x.dims().end(), 1) == x.dims().end()) {
    const auto mean = make.Add("Mean", {x, make.Ints({make.Axis(x)})}, {{"keep_dims", true}});
    if (!mean.has_value()) return false;
    x = *mean;
  }
  Dims dims = x.dims();
  for (int64_t& dim : dims) dim = dim == 1 && make.Coin(0.7) ? make.Int(1, 4) : dim;
  if (make.Coin(0.2)) dims.insert(dims.begin(), make.Int(1, 2));
  return make.Try(op, {x, make.Ints(dims)});
}
bool BandPart(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 4);
  // TensorFlow takes no more diagonals than there are.
  const int64_t lower = make.Int(-1, std::min<int64_t>(2, x.dim(-2)));
  const int64_t upper = make.Int(-1, std::min<int64_t>(2, x.dim(-1)));
  return make.Try(op, {x, make.Int32s({}, {lower}), make.Int32s({}, {upper})});
}
// A picture whose height and width divide by `block`, cut out of another if need be.
std::optional<Operand> Divisible(Make& make, int64_t block, bool channels, bool nchw) {
  const Operand x = make.Data(4);
  Dims size = x.dims();
  const int c = nchw ? 1 : 3;
  for (int axis = 1; axis < 4; ++axis) {
    const int64_t by = (axis == c) != channels ? 1 : axis == c ? block * block : block;
    int64_t& dim = size[static_cast<size_t>(axis)];
    dim -= dim % by;
    if (dim == 0) return std::nullopt;
  }
  if (size == x.dims()) return x;
  return make.Add("Slice", {x, make.Int32s({4}, {0, 0, 0, 0}), make.Int32s({4}, size)});
}
bool Shuffle(Make& make, std::string_view op) {
  const bool to_space = op == "DepthToSpace", nchw = make.nchw();
  const int64_t block = make.Coin(0.8) ? 2 : 3;
  std::optional<Operand> x = Divisible(make, block, to_space, nchw);
  if (!x.has_value()) {
    x = make.Add(
        "Tile", {make.Data(4), make.Ints(to_space ? (nchw ? Dims{1, block * block, 1, 1} : Dims{1, 1, 1, block * block})
                                                  : (nchw ? Dims{1, 1, block, block} : Dims{1, block, block, 1}))});
  }
  return x.has_value() &&
         make.Try(op, {*x}, {{"block_size", block}, {"data_format", std::string(nchw ? "NCHW" : "NHWC")}});
}
bool SpaceToBatch(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  const int64_t block = make.Int(2, 3);
  const Operand x = make.Data(4);
  Dims paddings;
  for (int axis = 1; axis < 3; ++axis) {
    const int64_t before = make.Int(0, 1);
    paddings.push_back(before);
    paddings.push_back((block - (x.dim(axis) + before) % block) % block);
  }
  if (op == "SpaceToBatch") return make.Try(op, {x, make.Int32s({2, 2}, paddings)}, {{"block_size", block}});
  return make.Try(op, {x, make.Int32s({2}, {block, block}), make.Int32s({2, 2}, paddings)});
}
bool BatchToSpace(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  const int64_t block = 2;
  std::optional<Operand> x = make.Data(4);
  if (x->dim(0) % 4 != 0) x = make.Add("Tile", {*x, make.Ints({4, 1, 1, 1})});
  if (!x.has_value()) return false;
  const Operand crops = make.Int32s({2, 2}, {make.Int(0, 1), 0, 0, make.Int(0, 1)});
  if (op == "BatchToSpace") return make.Try(op, {*x, crops}, {{"block_size", block}});
  return make.Try(op, {*x, make.Int32s({2}, {block, block}), crops});
}
// A convolution as Keras dilates it.
bool DilatedByBlocks(Make& make, std::string_view op) {
  if (make.nchw()) return false;
  const Operand x = make.Data(4);
  const int64_t rate = make.Int(2, 3), window = make.Int(1, 3);
  Dims paddings, crops;
  for (int axis = 1; axis < 3; ++axis) {
    const int64_t all = rate * (window - 1), before = all / 2;
    const int64_t more = (rate - (x.dim(axis) + all) % rate) % rate;
    paddings.insert(paddings.end(), {before, all - before + more});
    crops.insert(crops.end(), {0, more});
  }
  const auto blocks = make.Add(op, {x, make.Int32s({2}, {rate, rate}), make.Int32s({2, 2}, paddings)});
  if (!blocks.has_value()) return false;
  const auto conv = make.Add("Conv2D", {*blocks, make.Floats({window, window, x.dim(3), make.Int(1, 4)})},
                             {{"strides", Dims{1, 1, 1, 1}}, {"padding", std::string("VALID")}});
  return conv.has_value() &&
         make.Try("BatchToSpaceND", {*conv, make.Int32s({2}, {rate, rate}), make.Int32s({2, 2}, crops)});
}
bool EnsureShape(Make& make, std::string_view op) {
  const Operand x = make.Data();
  Shape shape(x.dims());
  if (x.rank() > 0) shape.set_dim(make.Axis(x), kUnknownDim);
  return make.Try(op, {x}, {{"shape", shape}});
}

}  // namespace

std::vector<RandomOp> RandomMoves() {
  return {{"Reshape", Reshape},
          {"Shape", FlattenByShape},
          {"ShapeN", FlattenByShape},
          {"Squeeze", Squeeze},
          {"ExpandDims", ExpandDims},
          {"Transpose", Transpose},
          {"ConjugateTranspose", Transpose},
          {"Concat", Join},
          {"ConcatV2", Join},
          {"Pack", Pack},
          {"Unpack", Unpack},
          {"Split", Split},
          {"SplitV", Split},
          {"Slice", Slice},
          {"StridedSlice", StridedSlice},
          {"Tile", Tile},
          {"Pad", Pad},
          {"PadV2", Pad},
          {"MirrorPad", Pad},
          {"Reverse", Reverse},
          {"ReverseV2", Reverse},
          {"ReverseSequence", ReverseSequence},
          {"Roll", Roll},
          {"Gather", Gather},
          {"GatherV2", Gather},
          {"GatherNd", GatherNd},
          {"BroadcastTo", BroadcastTo},
          {"MatrixBandPart", BandPart},
          {"DepthToSpace", Shuffle},
          {"SpaceToDepth", Shuffle},
          {"SpaceToBatch", SpaceToBatch},
          {"SpaceToBatchND", SpaceToBatch},
          {"SpaceToBatchND", DilatedByBlocks},
          {"BatchToSpace", BatchToSpace},
          {"BatchToSpaceND", BatchToSpace},
          {"EnsureShape", EnsureShape}};
}

}  // namespace permafrost
