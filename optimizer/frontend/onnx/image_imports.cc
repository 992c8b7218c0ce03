#include <algorithm>
#include <cmath>
#include <functional>

#include "optimizer/frontend/onnx/import.h"

namespace permafrost::from_onnx {
namespace {

using Sizes = std::vector<int64_t>;

// What Resize asks for, along every axis of the file's order.
struct Resizing {
  std::vector<int64_t> in, out;
  std::vector<double> scales;  // as given, else out / in
  std::string mode, coordinates, nearest;
  double cubic = -0.75;
  bool excludes_outside = false, smooths = false;  // smooths: takes all that a smaller result's pixel covers
};

// Where in the input the result's element lies. In float, as those compute it who run the file: halves have to be halves.
float Source(const Resizing& resizing, size_t axis, int64_t o) {
  const auto scale = static_cast<float>(resizing.scales[axis]), in = static_cast<float>(resizing.in[axis]),
             out = static_cast<float>(resizing.out[axis]), x = static_cast<float>(o);
  const std::string& mode = resizing.coordinates;
  if (mode == "asymmetric") return x / scale;
  if (mode == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (mode == "pytorch_half_pixel") return out > 1 ? (x + 0.5F) / scale - 0.5F : 0;
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5F) / scale;
  if (mode == "half_pixel_symmetric") {
    const float adjustment = out / (scale * in), center = in / 2;
    return center * (1 - adjustment) + (x + 0.5F) / scale - 0.5F;
  }
  return (x + 0.5F) / scale - 0.5F;  // half_pixel
}

int64_t Nearest(const Resizing& resizing, float x) {
  if (resizing.nearest == "floor") return static_cast<int64_t>(std::floor(x));
  if (resizing.nearest == "ceil") return static_cast<int64_t>(std::ceil(x));
  if (resizing.nearest == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5F));
  return static_cast<int64_t>(std::ceil(x - 0.5F));
}

Sizes NearestIndices(const Resizing& resizing, size_t axis) {
  Sizes indices;
  for (int64_t o = 0; o < resizing.out[axis]; ++o) {
    indices.push_back(std::clamp<int64_t>(Nearest(resizing, Source(resizing, axis, o)), 0, resizing.in[axis] - 1));
  }
  return indices;
}

// How TensorFlow's own ops find the element, for both of their attributes.
Sizes TensorFlowsIndices(int64_t in, int64_t out, bool align_corners, bool half_pixel) {
  const float scale = align_corners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                               : static_cast<float>(in) / static_cast<float>(out);
  Sizes indices;
  for (int64_t o = 0; o < out; ++o) {
    const float x = half_pixel ? (static_cast<float>(o) + 0.5F) * scale : static_cast<float>(o) * scale;
    indices.push_back(std::clamp<int64_t>(static_cast<int64_t>(align_corners ? std::round(x) : std::floor(x)), 0, in - 1));
  }
  return indices;
}

// One row per element of the result: how much of each element of the input it takes.
Tensor WeightsOf(const Resizing& resizing, size_t axis) {
  const int64_t in = resizing.in[axis], out = resizing.out[axis];
  std::vector<float> matrix(static_cast<size_t>(in * out), 0.0F);
  const bool cubic = resizing.mode == "cubic";
  const double a = resizing.cubic;
  const double narrow = resizing.smooths ? std::min(1.0, resizing.scales[axis]) : 1.0;
  const auto weight = [&](double distance) {
    const double x = std::abs(distance) * narrow;
    if (!cubic) return std::max(0.0, 1 - x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0.0;
  };
  for (int64_t o = 0; o < out; ++o) {
    const double x = static_cast<double>(Source(resizing, axis, o));
    const double reach = (cubic ? 2 : 1) / narrow;
    const auto first = static_cast<int64_t>(std::floor(x - reach)) + 1, count = static_cast<int64_t>(std::ceil(2 * reach));
    double sum = 0;
    std::vector<double> row(static_cast<size_t>(in), 0.0);
    for (int64_t i = first; i < first + count; ++i) {
      const bool outside = i < 0 || i >= in;
      if (outside && resizing.excludes_outside) continue;
      const double share = weight(x - static_cast<double>(i));
      row[static_cast<size_t>(std::clamp<int64_t>(i, 0, in - 1))] += share;
      sum += share;
    }
    for (int64_t i = 0; i < in; ++i) {
      matrix[static_cast<size_t>(o * in + i)] =
          static_cast<float>(sum != 0 && (resizing.excludes_outside || resizing.smooths) ? row[static_cast<size_t>(i)] / sum : row[static_cast<size_t>(i)]);
    }
  }
  return Tensor::Of<float>({out, in}, matrix);
}

// The smallest or largest scale of the sizes asked for, which become those that it gives. Nothing: each axis has its own.
StatusOr<std::optional<double>> KeepAspectRatio(OpImport& op, const Sizes& axes, int rank, std::optional<Sizes>& sizes) {
  const std::string policy = op.String("keep_aspect_ratio_policy", "stretch");
  std::optional<double> scale;
  if (policy == "stretch" || !sizes || sizes->size() != axes.size()) return scale;
  if (policy != "not_larger" && policy != "not_smaller") return InvalidArgument("keep_aspect_ratio_policy is '", policy, "'");
  for (size_t i = 0; i < axes.size(); ++i) {
    ASSIGN_OR_RETURN(const int axis, AxisOf(axes[i], rank));
    const int64_t in = op.shape(0).dim(axis), size = (*sizes)[i];
    if (in < 1 || size < 1) return Unsupported("keeps the aspect ratio of an unknown size; --inputs can give the inputs' shapes");
    const double own = static_cast<double>(size) / static_cast<double>(in);
    if (!scale) scale = own;
    scale = policy == "not_larger" ? std::min(*scale, own) : std::max(*scale, own);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    ASSIGN_OR_RETURN(const int axis, AxisOf(axes[i], rank));
    (*sizes)[i] = static_cast<int64_t>(std::floor(static_cast<double>(op.shape(0).dim(axis)) * *scale + 0.5));
  }
  return scale;
}

// Numbers or sizes that an input, an attribute or shape inference gives.
StatusOr<Resizing> ReadResizing(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  Resizing resizing;
  const bool upsample = op.node().op == "Upsample", old = upsample || op.opset() < 11;
  resizing.mode = op.String("mode", "nearest");
  if (resizing.mode == "bilinear" || resizing.mode == "trilinear") resizing.mode = "linear";
  resizing.coordinates = op.String("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  resizing.nearest = op.String("nearest_mode", old ? "floor" : "round_prefer_floor");
  resizing.cubic = op.Float("cubic_coeff_a", -0.75);
  resizing.excludes_outside = op.Int("exclude_outside", 0) != 0;
  resizing.smooths = op.Int("antialias", 0) != 0;
  static const char* const kModes[] = {"nearest", "linear", "cubic"};
  static const char* const kCoordinates[] = {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel",
                                             "tf_half_pixel_for_nn", "half_pixel_symmetric"};
  if (std::find(std::begin(kModes), std::end(kModes), resizing.mode) == std::end(kModes) ||
      std::find(std::begin(kCoordinates), std::end(kCoordinates), resizing.coordinates) == std::end(kCoordinates)) {
    return Unsupported("mode '", resizing.mode, "' with coordinates '", resizing.coordinates, "'");
  }
  const int scale_input = old ? 1 : 2, size_input = 3;
  std::optional<std::vector<double>> scales;
  if (upsample && op.opset() < 9) {
    scales = op.FloatList("scales");
  } else if (op.Has(scale_input) && op.shape(scale_input).Elements() != 0) {
    scales = op.Numbers(scale_input);
    if (!scales) return Unsupported("its scales are computed; --inputs can give the model's inputs their shapes");
  }
  std::optional<Sizes> sizes;
  if (!scales) {
    if (!op.Has(size_input)) return InvalidArgument("has neither scales nor sizes");
    sizes = op.PartialInts(size_input);
    if (!sizes) return Unsupported("its sizes are computed; --inputs can give the model's inputs their shapes");
  }
  Sizes axes = op.IntList("axes");
  if (axes.empty()) {
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  }
  ASSIGN_OR_RETURN(const std::optional<double> common, KeepAspectRatio(op, axes, rank, sizes));
  const size_t given = scales ? scales->size() : sizes->size();
  if (given != axes.size()) return InvalidArgument("has ", given, " scales or sizes for ", axes.size(), " axes");
  for (int i = 0; i < rank; ++i) resizing.in.push_back(op.shape(0).dim(i));
  resizing.out = resizing.in;
  resizing.scales.assign(static_cast<size_t>(rank), 1.0);
  for (size_t i = 0; i < axes.size(); ++i) {
    ASSIGN_OR_RETURN(const int axis, AxisOf(axes[i], rank));
    const auto at = static_cast<size_t>(axis);
    const int64_t in = resizing.in[at];
    if (scales) {
      const double scale = (*scales)[i];
      if (!(scale > 0) || scale > 1e6) return InvalidArgument("a scale of ", scale);
      resizing.scales[at] = scale;
      if (in != kUnknownDim) resizing.out[at] = static_cast<int64_t>(std::floor(static_cast<double>(in) * scale + 1e-6));
      if (in == kUnknownDim && scale != 1) resizing.out[at] = kUnknownDim;
    } else {
      const int64_t size = (*sizes)[i];
      if (size == kUnknownInt && in == kUnknownDim && axis < 2) continue;  // batch and channels stay
      if (size == kUnknownInt || size < 1) return Unsupported("a size that is computed; --inputs can give the inputs' shapes");
      resizing.out[at] = size;
      if (in == kUnknownDim && axis < 2) resizing.out[at] = in;
      if (in != kUnknownDim) resizing.scales[at] = common.value_or(static_cast<double>(size) / static_cast<double>(in));
    }
    if (resizing.out[at] > INT32_MAX || resizing.out[at] == 0) return InvalidArgument("a size of ", resizing.out[at]);
  }
  return resizing;
}

bool IsWhole(double number) { return number == std::floor(number); }

// Height and width as TensorFlow's ops take them; of unknown data a multiple of theirs.
StatusOr<Value> TargetSize(OpImport& op, const Resizing& resizing, Value x) {
  if (resizing.out[2] != kUnknownDim && resizing.out[3] != kUnknownDim) {
    return op.Indices("size", {resizing.out[2], resizing.out[3]});
  }
  if (!IsWhole(resizing.scales[2]) || !IsWhole(resizing.scales[3])) {
    return Unsupported("scales an unknown size by ", resizing.scales[2], " and ", resizing.scales[3]);
  }
  ASSIGN_OR_RETURN(const Value shape, op.Emit("Shape", {x}, {{"out_type", DType::kInt32}}));
  ASSIGN_OR_RETURN(const Value space, op.Emit("StridedSlice", {shape, op.Indices("begin", {1}), op.Indices("end", {3}),
                                                               op.Indices("strides", {1})}));
  return op.Emit("Mul", {space, op.Indices("factors", {static_cast<int64_t>(resizing.scales[2]),
                                                      static_cast<int64_t>(resizing.scales[3])})});
}

StatusOr<Value> Emitted(OpImport& op, const Resizing& resizing, Value x, std::string_view name, bool align, bool half) {
  ASSIGN_OR_RETURN(const Value size, TargetSize(op, resizing, x));
  return op.Emit(name, {x, size}, {{"align_corners", align}, {"half_pixel_centers", half}});
}

StatusOr<Value> NearestResized(OpImport& op, const Resizing& resizing, Value x) {
  if (resizing.out[2] == kUnknownDim || resizing.out[3] == kUnknownDim) {
    // Whole multiples of an unknown size: each element several times.
    const bool whole = resizing.scales[2] >= 1 && resizing.scales[3] >= 1;
    const bool floors = resizing.coordinates == "asymmetric" && resizing.nearest == "floor";
    const bool centers = (resizing.coordinates == "half_pixel" || resizing.coordinates == "pytorch_half_pixel") &&
                         resizing.nearest.starts_with("round");
    const bool for_nn = resizing.coordinates == "tf_half_pixel_for_nn" && resizing.nearest == "floor";
    if (!whole || !(floors || centers || for_nn)) return Unsupported("this form of resizing of an unknown size");
    return Emitted(op, resizing, x, "ResizeNearestNeighbor", false, false);
  }
  for (const auto& [align, half] : {std::pair(false, false), std::pair(false, true), std::pair(true, false)}) {
    bool same = true;
    for (size_t axis = 2; axis < 4; ++axis) {
      same = same && NearestIndices(resizing, axis) == TensorFlowsIndices(resizing.in[axis], resizing.out[axis], align, half);
    }
    if (same) return Emitted(op, resizing, x, "ResizeNearestNeighbor", align, half);
  }
  for (size_t axis = 2; axis < 4; ++axis) {
    if (resizing.in[axis] == resizing.out[axis]) continue;
    ASSIGN_OR_RETURN(x, op.Emit("GatherV2", {x, op.Indices("rows", NearestIndices(resizing, axis)),
                                             op.Index("axis", static_cast<int64_t>(axis) - 1)}));
  }
  return x;
}

StatusOr<Value> SmoothResized(OpImport& op, const Resizing& resizing, Value x) {
  const bool unknown = resizing.out[2] == kUnknownDim || resizing.out[3] == kUnknownDim;
  const bool linear = resizing.mode == "linear", align = resizing.coordinates == "align_corners";
  // Where scales and sizes say the same TensorFlow's op does it.
  bool exact = true, larger = true;
  for (size_t axis = 2; axis < 4; ++axis) {
    const double ratio = static_cast<double>(resizing.out[axis]) / static_cast<double>(resizing.in[axis]);
    exact = exact && (align || unknown || std::abs(ratio - resizing.scales[axis]) < 1e-6 * ratio);
    larger = larger && resizing.out[axis] != 1;
  }
  const bool half = resizing.coordinates == "half_pixel" || resizing.coordinates == "half_pixel_symmetric" ||
                    (resizing.coordinates == "pytorch_half_pixel" && larger);
  if (linear && exact && !resizing.smooths && (half || align || resizing.coordinates == "asymmetric")) {
    return Emitted(op, resizing, x, "ResizeBilinear", align, half);
  }
  if (unknown) return Unsupported("this form of resizing of an unknown size; --inputs can give the inputs' shapes");
  constexpr int64_t kMost = 1 << 24;
  for (size_t axis = 2; axis < 4; ++axis) {
    if (resizing.in[axis] == resizing.out[axis] && resizing.scales[axis] == 1) continue;
    if (resizing.in[axis] > kMost / resizing.out[axis]) return Unsupported("resizes ", resizing.in[axis], " to ", resizing.out[axis]);
    const Tensor weights = WeightsOf(resizing, axis).Cast(op.type(x).dtype).Dense();
    ASSIGN_OR_RETURN(x, op.Emit("Einsum", {x, op.Const("weights", weights)},
                                {{"equation", std::string(axis == 2 ? "bhwc,oh->bowc" : "bhwc,ow->bhoc")}}));
  }
  return x;
}

Status Resize(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(Resizing resizing, ReadResizing(op));
  if (rank != 3 && rank != 4) return Unsupported("resizes data of rank ", rank);
  const bool line = rank == 3;
  if (line) {  // a picture of height 1
    resizing.in.insert(resizing.in.begin() + 2, 1);
    resizing.out.insert(resizing.out.begin() + 2, 1);
    resizing.scales.insert(resizing.scales.begin() + 2, 1.0);
  }
  for (size_t axis = 0; axis < 2; ++axis) {
    if (resizing.in[axis] != resizing.out[axis] || resizing.scales[axis] != 1) {
      return Unsupported("resizes the batch or the channels");
    }
  }
  for (size_t axis = 2; axis < 4; ++axis) {
    constexpr int64_t kMost = 1 << 20;
    if (resizing.in[axis] == 0 || resizing.out[axis] > kMost) return InvalidArgument("resizes to ", resizing.out[axis]);
    if (resizing.in[axis] == kUnknownDim && resizing.out[axis] != kUnknownDim) {
      return Unsupported("resizes an unknown size to ", resizing.out[axis], "; --inputs can give the inputs' shapes");
    }
  }
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  if (line) {
    ASSIGN_OR_RETURN(x, op.Emit("ExpandDims", {x, op.Index("ExpandDims/dim", 1)}));
  }
  if (resizing.mode == "nearest") {
    ASSIGN_OR_RETURN(x, NearestResized(op, resizing, x));
  } else {
    ASSIGN_OR_RETURN(x, SmoothResized(op, resizing, x));
  }
  if (line) {
    ASSIGN_OR_RETURN(x, op.Emit("Squeeze", {x}, {{"squeeze_dims", Sizes{1}}}));
  }
  return op.Set(0, x, Lie::kChannelsLast);
}

// TensorFlow's takes the blocks' elements as the first digits of the channel, mode CRD as the last.
Status DepthToSpace(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  const int64_t block = op.Int("blocksize", 0), channels = op.shape(0).dim(1);
  if (rank != 4 || block < 1 || block > 4096) return InvalidArgument("blocks of ", block, " in data of rank ", rank);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  if (block == 1) return op.Set(0, x, Lie::kChannelsLast);
  if (op.String("mode", "DCR") == "CRD") {
    if (channels < 1 || channels % (block * block) != 0) return InvalidArgument(channels, " channels in blocks of ", block);
    Sizes order;
    const int64_t depth = channels / (block * block);
    for (int64_t element = 0; element < block * block; ++element) {
      for (int64_t c = 0; c < depth; ++c) order.push_back(c * block * block + element);
    }
    ASSIGN_OR_RETURN(x, op.Emit("GatherV2", {x, op.Indices("channels", order), op.Index("axis", 3)}));
  }
  ASSIGN_OR_RETURN(x, op.Emit("DepthToSpace", {x}, {{"block_size", block}}));
  return op.Set(0, x, Lie::kChannelsLast);
}

Status SpaceToDepth(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  const int64_t block = op.Int("blocksize", 0);
  if (rank != 4 || block < 1 || block > 4096) return InvalidArgument("blocks of ", block, " in data of rank ", rank);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  if (block > 1) {
    ASSIGN_OR_RETURN(x, op.Emit("SpaceToDepth", {x}, {{"block_size", block}}));
  }
  return op.Set(0, x, Lie::kChannelsLast);
}

}  // namespace

std::vector<ImportRow> ImageImports() {
  return {
      {"DepthToSpace", DepthToSpace},
      {"Resize", Resize, 1, 4},
      {"SpaceToDepth", SpaceToDepth},
      {"Upsample", Resize, 1, 2},
  };
}

}  // namespace permafrost::from_onnx
