#include <algorithm>
#include <cmath>

#include "optimizer/ir/axes.h"
#include "optimizer/ops/families.h"
#include "optimizer/ops/kernel.h"
#include "optimizer/ops/select_boxes.h"
#include "optimizer/ops/shape_rules.h"
#include "optimizer/ops/window.h"

// Ops of ONNX that TensorFlow lacks, as ONNX defines them: channels come second, indices below 0 count from the end.
namespace permafrost {
namespace {

using Dims = std::vector<int64_t>;

StatusOr<int64_t> Counted(int64_t index, int64_t size) {
  if (index < -size || index >= size) return InvalidArgument("index ", index, " of ", size, " elements");
  return index < 0 ? index + size : index;
}

// How what is written meets what is there.
enum class Meeting { kNone, kAdd, kMul, kMin, kMax };
StatusOr<Meeting> MeetingOf(const Node& node) {
  ASSIGN_OR_RETURN(const std::string name, AttrAs<std::string>(node, "reduction", "none"));
  constexpr std::string_view kNames[] = {"none", "add", "mul", "min", "max"};
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return InvalidArgument("reduction is '", name, "'");
  return static_cast<Meeting>(found - std::begin(kNames));
}

template <class T>
T Met(Meeting meeting, T old, T added) {
  switch (meeting) {
    case Meeting::kAdd: return static_cast<T>(old + added);
    case Meeting::kMul: return static_cast<T>(old * added);
    case Meeting::kMin: return added < old ? added : old;
    case Meeting::kMax: return old < added ? added : old;
    case Meeting::kNone: break;
  }
  return added;
}

// ---- By element

Status InferGatherElements(const InferContext& context, Types& outputs) {
  outputs = {{context.dtype(0), context.shape(1), std::nullopt}};
  return OkStatus();
}

// Indices along an axis that fit the data everywhere else.
Status CheckElements(const Tensor& data, const Tensor& indices, int axis) {
  bool fits = IsInteger(indices.dtype()) && indices.rank() == data.rank();
  for (int i = 0; fits && i < data.rank(); ++i) {
    const auto at = static_cast<size_t>(i);
    fits = i == axis || indices.dims()[at] <= data.dims()[at];
  }
  if (fits) return OkStatus();
  return InvalidArgument("indices ", indices.shape().ToString(), " along axis ", axis, " of ", data.shape().ToString());
}

// Where in the data each index points.
StatusOr<Dims> OffsetsOf(const Tensor& data, const Tensor& indices, int axis) {
  RETURN_IF_ERROR(KernelElements(data.dtype(), data.dims()).status());
  ASSIGN_OR_RETURN(const int64_t count, KernelElements(DType::kInt64, indices.dims()));
  RETURN_IF_ERROR(CheckElements(data, indices, axis));
  const Dims steps = RowMajorSteps(data.dims()), own = RowMajorSteps(indices.dims());
  Dims offsets = indices.Values<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    int64_t& offset = offsets[static_cast<size_t>(i)];
    ASSIGN_OR_RETURN(const int64_t picked, Counted(offset, data.dims()[static_cast<size_t>(axis)]));
    offset = picked * steps[static_cast<size_t>(axis)];
    for (int k = 0; k < data.rank(); ++k) {
      const auto at = static_cast<size_t>(k);
      if (k != axis) offset += i / own[at] % indices.dims()[at] * steps[at];
    }
  }
  return offsets;
}

Kernel GatherElementsKernel(const Node& node, const std::vector<Tensor>& inputs) {
  ASSIGN_OR_RETURN(const int axis, AxisOf(node.attr_or<int64_t>("axis", 0), inputs[0].rank()));
  const int64_t size = SizeOf(inputs[0].dtype());
  ASSIGN_OR_RETURN(const Dims offsets, OffsetsOf(inputs[0], inputs[1], axis));
  std::string bytes;
  for (const int64_t offset : offsets) {
    bytes.append(inputs[0].DenseBytes().substr(static_cast<size_t>(offset * size), static_cast<size_t>(size)));
  }
  return One(Tensor::Buffer(inputs[0].dtype(), inputs[1].dims(), std::move(bytes)));
}

Kernel ScatterElementsKernel(const Node& node, const std::vector<Tensor>& inputs) {
  const Tensor &data = inputs[0], &updates = inputs[2];
  ASSIGN_OR_RETURN(const int axis, AxisOf(node.attr_or<int64_t>("axis", 0), data.rank()));
  ASSIGN_OR_RETURN(const Meeting meeting, MeetingOf(node));
  if (updates.dims() != inputs[1].dims() || updates.dtype() != data.dtype()) {
    return InvalidArgument("updates ", updates.shape().ToString(), " for indices ", inputs[1].shape().ToString());
  }
  ASSIGN_OR_RETURN(const Dims offsets, OffsetsOf(data, inputs[1], axis));
  return One(WithNumber(data.dtype(), [&](auto tag) -> StatusOr<Tensor> {
    using T = typename decltype(tag)::type;
    ASSIGN_OR_RETURN(auto output, NewTensor<T>::Create(data.dtype(), data.dims()));
    std::copy_n(data.data<T>(), output.size(), output.data());
    for (size_t i = 0; i < offsets.size(); ++i) {
      output[offsets[i]] = Met<T>(meeting, output[offsets[i]], updates.data<T>()[i]);
    }
    return output.Take();
  }));
}

Kernel ScatterNdKernel(const Node& node, const std::vector<Tensor>& inputs) {
  const Tensor &data = inputs[0], &indices = inputs[1], &updates = inputs[2];
  ASSIGN_OR_RETURN(const Meeting meeting, MeetingOf(node));
  const int depth = indices.rank() == 0 ? -1 : static_cast<int>(std::min<int64_t>(indices.dims().back(), 64));
  if (!IsInteger(indices.dtype()) || depth < 0 || depth > data.rank()) {
    return InvalidArgument("indices ", indices.shape().ToString(), " into ", data.shape().ToString());
  }
  RETURN_IF_ERROR(KernelElements(data.dtype(), data.dims()).status());
  RETURN_IF_ERROR(KernelElements(DType::kInt64, indices.dims()).status());
  Dims wanted(indices.dims().begin(), indices.dims().end() - 1);
  wanted.insert(wanted.end(), data.dims().begin() + depth, data.dims().end());
  if (updates.dims() != wanted || updates.dtype() != data.dtype()) {
    return InvalidArgument("updates ", updates.shape().ToString(), ", expected ", Shape(wanted).ToString());
  }
  const Dims steps = RowMajorSteps(data.dims()), values = indices.Values<int64_t>();
  const int64_t slice = CheckedElements({data.dims().begin() + depth, data.dims().end()});
  return One(WithNumber(data.dtype(), [&](auto tag) -> StatusOr<Tensor> {
    using T = typename decltype(tag)::type;
    ASSIGN_OR_RETURN(auto output, NewTensor<T>::Create(data.dtype(), data.dims()));
    std::copy_n(data.data<T>(), output.size(), output.data());
    const int64_t count = slice == 0 ? 0 : updates.elements() / slice;
    for (int64_t i = 0; i < count; ++i) {
      int64_t offset = 0;
      for (int k = 0; k < depth; ++k) {
        const auto axis = static_cast<size_t>(k);
        ASSIGN_OR_RETURN(const int64_t at, Counted(values[static_cast<size_t>(i * depth + k)], data.dims()[axis]));
        offset += at * steps[axis];
      }
      for (int64_t k = 0; k < slice; ++k) {
        output[offset + k] = Met<T>(meeting, output[offset + k], updates.data<T>()[i * slice + k]);
      }
    }
    return output.Take();
  }));
}

// ---- Boxes

Status InferNonMaxSuppression(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckRank(context, 0, 3));
  RETURN_IF_ERROR(CheckRank(context, 1, 3));
  outputs = {{DType::kInt64, Shape({kUnknownDim, 3}), std::nullopt}};
  return OkStatus();
}

// Corners of boxes that are given as x, y, width and height.
std::vector<float> CornersOf(const std::vector<float>& centers) {
  std::vector<float> corners;
  for (size_t i = 0; i + 4 <= centers.size(); i += 4) {
    const float x = centers[i], y = centers[i + 1];
    const float w = std::max(0.0F, centers[i + 2]) / 2, h = std::max(0.0F, centers[i + 3]) / 2;
    corners.insert(corners.end(), {y - h, x - w, y + h, x + w});
  }
  return corners;
}

StatusOr<double> NumberIn(const std::vector<Tensor>& inputs, size_t i) {
  const bool is_number = IsFloating(inputs[i].dtype()) || IsInteger(inputs[i].dtype());
  if (!is_number || inputs[i].elements() != 1) return InvalidArgument("input ", i, " is no number");
  return inputs[i].Values<double>()[0];
}

Kernel NonMaxSuppressionKernel(const Node& node, const std::vector<Tensor>& inputs) {
  const Tensor &boxes = inputs[0], &scores = inputs[1];
  const bool fits = boxes.rank() == 3 && scores.rank() == 3 && boxes.dims()[2] == 4 &&
                    boxes.dims()[0] == scores.dims()[0] && boxes.dims()[1] == scores.dims()[2] &&
                    boxes.dtype() == DType::kFloat32 && scores.dtype() == DType::kFloat32;
  if (!fits) {
    return InvalidArgument("boxes ", boxes.shape().ToString(), " with scores ", scores.shape().ToString(),
                           ", expected float32 [b,n,4] and [b,c,n]");
  }
  ASSIGN_OR_RETURN(const double most, NumberIn(inputs, 2));
  ASSIGN_OR_RETURN(const double overlap, NumberIn(inputs, 3));
  ASSIGN_OR_RETURN(const double least, NumberIn(inputs, 4));
  const bool has_center = node.attr_or<int64_t>("center_point_box", 0) != 0;
  const int64_t classes = scores.dims()[1], count = scores.dims()[2];
  const std::vector<float> given = boxes.Values<float>(), all_scores = scores.Values<float>();
  const std::vector<float> corners = has_center ? CornersOf(given) : given;
  Dims found;
  int64_t pairs = 0;
  for (int64_t lane = 0; count > 0 && lane < scores.dims()[0] * classes; ++lane) {
    const ScoredBoxes of_class{
        .boxes = corners.data() + lane / classes * count * 4, .scores = all_scores.data() + lane * count, .count = count};
    ASSIGN_OR_RETURN(const std::vector<int32_t> kept, SelectBoxes(of_class, most, overlap, least, pairs));
    for (const int32_t i : kept) found.insert(found.end(), {lane / classes, lane % classes, i});
  }
  return One(Tensor::Of<int64_t>({static_cast<int64_t>(found.size()) / 3, 3}, found));
}

// ---- Pixels

Status InferGridSample(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckRank(context, 0, 4));
  RETURN_IF_ERROR(CheckRank(context, 1, 4));
  const Shape &x = context.shape(0), &grid = context.shape(1);
  outputs = {{context.dtype(0), Shape({x.dim(0), x.dim(1), grid.dim(1), grid.dim(2)}), std::nullopt}};
  return OkStatus();
}

struct Sampling {
  std::string mode, padding;
  bool corners = false;
  // Where -1..1 lies among `size` pixels.
  float Place(float at, int64_t size) const {
    const auto all = static_cast<float>(size);
    return corners ? (at + 1) / 2 * (all - 1) : ((at + 1) * all - 1) / 2;
  }
  // The pixel that stands in for pixel `i`; -1: none does.
  int64_t Inside(float i, int64_t size) const {
    const auto last = static_cast<float>(size - 1);
    if (!(std::abs(i) < 1e9F)) return -1;
    if (padding == "border") return static_cast<int64_t>(std::clamp(i, 0.0F, last));
    if (padding == "reflection") {
      const float low = corners ? 0 : -0.5F, high = corners ? last : last + 0.5F, range = high - low;
      if (range <= 0) return 0;
      float beyond = i < low ? low - i : i > high ? i - high : -1;
      if (beyond >= 0) {
        const float turns = std::floor(beyond / range);
        beyond -= turns * range;
        const bool from_low = (i < low) == (std::fmod(turns, 2.0F) == 0);
        i = from_low ? low + beyond : high - beyond;
      }
      return std::clamp<int64_t>(static_cast<int64_t>(std::round(i)), 0, size - 1);
    }
    return i < 0 || i > last ? -1 : static_cast<int64_t>(i);
  }
  // First pixel and the weight of each from there on.
  std::vector<float> Weights(float at, float& first) const {
    if (mode == "nearest") {
      first = std::nearbyint(at);
      return {1};
    }
    const float t = at - std::floor(at);
    if (mode == "linear") {
      first = std::floor(at);
      return {1 - t, t};
    }
    first = std::floor(at) - 1;
    constexpr float kA = -0.75F;
    const auto near = [](float x) { return ((kA + 2) * x - (kA + 3)) * x * x + 1; };
    const auto far = [](float x) { return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA; };
    return {far(t + 1), near(t), near(1 - t), far(2 - t)};
  }
};

Kernel GridSampleKernel(const Node& node, const std::vector<Tensor>& inputs) {
  const Tensor &x = inputs[0], &grid = inputs[1];
  Sampling sampling;
  ASSIGN_OR_RETURN(sampling.mode, AttrAs<std::string>(node, "mode", "linear"));
  ASSIGN_OR_RETURN(sampling.padding, AttrAs<std::string>(node, "padding_mode", "zeros"));
  sampling.corners = node.attr_or<int64_t>("align_corners", 0) != 0;
  const bool known = (sampling.mode == "nearest" || sampling.mode == "linear" || sampling.mode == "cubic") &&
                     (sampling.padding == "zeros" || sampling.padding == "border" || sampling.padding == "reflection");
  if (!known) return InvalidArgument("mode '", sampling.mode, "' with padding '", sampling.padding, "'");
  if (x.rank() != 4 || grid.rank() != 4 || grid.dims()[3] != 2 || grid.dims()[0] != x.dims()[0] ||
      x.dtype() != DType::kFloat32 || grid.dtype() != DType::kFloat32) {
    return InvalidArgument("samples ", x.shape().ToString(), " at ", grid.shape().ToString(), ", expected float32");
  }
  const int64_t channels = x.dims()[1], height = x.dims()[2], width = x.dims()[3];
  if (height < 1 || width < 1) return InvalidArgument("samples ", x.shape().ToString());
  RETURN_IF_ERROR(KernelElements(x.dtype(), x.dims()).status());
  const int64_t places = grid.dims()[1] * grid.dims()[2];
  ASSIGN_OR_RETURN(auto output, NewTensor<float>::Create(x.dtype(), {x.dims()[0], channels, grid.dims()[1], grid.dims()[2]}));
  for (int64_t i = 0; output.size() > 0 && i < x.dims()[0] * places; ++i) {
    float left = 0, top = 0;
    const float* at = grid.data<float>() + 2 * i;
    const std::vector<float> across = sampling.Weights(sampling.Place(at[0], width), left);
    const std::vector<float> down = sampling.Weights(sampling.Place(at[1], height), top);
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t plane = i / places * channels + c;
      const float* pixels = x.data<float>() + plane * height * width;
      float sum = 0;
      for (size_t dy = 0; dy < down.size(); ++dy) {
        const int64_t row = sampling.Inside(top + static_cast<float>(dy), height);
        for (size_t dx = 0; row >= 0 && dx < across.size(); ++dx) {
          const int64_t column = sampling.Inside(left + static_cast<float>(dx), width);
          if (column >= 0) sum += down[dy] * across[dx] * pixels[row * width + column];
        }
      }
      output[plane * places + i % places] = sum;
    }
  }
  return One(output.Take());
}

Status InferRoiAlign(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckRank(context, 0, 4));
  RETURN_IF_ERROR(CheckRank(context, 1, 2));
  ASSIGN_OR_RETURN(const int64_t height, AttrAs<int64_t>(context.node(), "output_height", 1));
  ASSIGN_OR_RETURN(const int64_t width, AttrAs<int64_t>(context.node(), "output_width", 1));
  constexpr int64_t kMost = 1 << 16;
  if (std::min(height, width) < 1 || std::max(height, width) > kMost) {
    return InvalidArgument("aligns to ", height, " x ", width);
  }
  outputs = {{context.dtype(0), Shape({context.shape(1).dim(0), context.shape(0).dim(1), height, width}), std::nullopt}};
  return OkStatus();
}

}  // namespace

std::vector<OpDef> OnnxDialectOps() {
  return {
      {"onnx::GatherElements", 2, 2, {Default("axis", int64_t{0})}, InferGatherElements, GatherElementsKernel},
      {"onnx::GridSample",
       2,
       2,
       {Default("mode", std::string("linear")), Default("padding_mode", std::string("zeros")),
        Default("align_corners", int64_t{0})},
       InferGridSample,
       GridSampleKernel},
      {"onnx::NonMaxSuppression",
       5,
       5,
       {Default("center_point_box", int64_t{0})},
       InferNonMaxSuppression,
       NonMaxSuppressionKernel},
      {"onnx::RoiAlign", 3, 3, {Required("output_height"), Required("output_width")}, InferRoiAlign},
      {"onnx::ScatterElements",
       3,
       3,
       {Default("axis", int64_t{0}), Default("reduction", std::string("none"))},
       LikeFirstInput,
       ScatterElementsKernel},
      {"onnx::ScatterND", 3, 3, {Default("reduction", std::string("none"))}, LikeFirstInput, ScatterNdKernel},
  };
}

}  // namespace permafrost
