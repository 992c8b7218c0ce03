#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "optimizer/ops/families.h"
#include "optimizer/ops/floating_kernel.h"
#include "optimizer/ops/op.h"
#include "optimizer/ops/resample.h"
#include "optimizer/ops/resize.h"
#include "optimizer/ops/select_boxes.h"
#include "optimizer/ops/window.h"

namespace permafrost {
namespace {

constexpr int64_t kMaxSize = INT32_MAX;

int64_t KnownOr(const std::optional<std::vector<int64_t>>& ints, size_t i, size_t count) {
  if (!ints.has_value() || ints->size() != count || (*ints)[i] < 0) return kUnknownDim;
  return (*ints)[i];
}

// ---- Resizing

Status InferResize(const InferContext& context, std::vector<ValueType>& outputs) {
  const Shape& x = context.shape(0);
  RETURN_IF_ERROR(CheckRank(x, 4, "the images"));
  RETURN_IF_ERROR(CheckRank(context.shape(1), 1, "the size"));
  const DType dtype = context.node().op == "ResizeNearestNeighbor" ? context.dtype(0) : DType::kFloat32;
  Shape shape({x.dim(0), KnownOr(context.ints(1), 0, 2), KnownOr(context.ints(1), 1, 2), x.dim(3)});
  outputs = {{dtype, std::move(shape), std::nullopt}};
  return OkStatus();
}

StatusOr<Tensors> ResizeKernel(const Node& node, const Tensors& inputs) {
  Sampling sampling;
  ASSIGN_OR_RETURN(sampling.align_corners, AttrAs<bool>(node, "align_corners", false));
  ASSIGN_OR_RETURN(sampling.half_pixel_centers, AttrAs<bool>(node, "half_pixel_centers", false));
  if (sampling.align_corners && sampling.half_pixel_centers) {
    return InvalidArgument("align_corners and half_pixel_centers exclude each other");
  }
  RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the images"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> size, IntegerList(inputs[1], 2, "the size"));
  const std::vector<int64_t>& in = inputs[0].dims();
  const ResizeShape shape = {in[0], in[1], in[2], in[3], size[0], size[1]};
  if (std::min({in[1], in[2], size[0], size[1]}) < 1 || std::max({in[1], in[2], size[0], size[1]}) > kMaxSize) {
    return InvalidArgument("cannot resize ", inputs[0].shape().ToString(), " to ", size[0], " x ", size[1]);
  }
  const std::vector<int64_t> out = {in[0], size[0], size[1], in[3]};
  if (node.op == "ResizeNearestNeighbor") {
    const DType dtype = inputs[0].dtype();
    ASSIGN_OR_RETURN(std::string bytes, ZeroBytes(out, SizeOf(dtype)));
    if (!bytes.empty()) ResizeNearest(shape, sampling, inputs[0].data<char>(), SizeOf(dtype), bytes.data());
    return Tensors{Tensor::Buffer(dtype, out, std::move(bytes))};
  }
  if (!IsFloating(inputs[0].dtype()) && !IsInteger(inputs[0].dtype())) {
    return InvalidArgument("the images are ", NameOf(inputs[0].dtype()), ", expected numbers");
  }
  ASSIGN_OR_RETURN(Result<float> y, Result<float>::Make(out));
  if (y.elements() > 0) {
    const Tensor x = inputs[0].Cast(DType::kFloat32).Dense();
    const auto resize = node.op == "ResizeBilinear"  ? ResizeBilinear
                        : node.op == "ResizeBicubic" ? ResizeBicubic
                                                     : ResizeArea;
    resize(shape, sampling, x.data<float>(), y.data());
  }
  return Tensors{std::move(y).Take()};
}

Status InferResample(const InferContext& context, std::vector<ValueType>& outputs) {
  RETURN_IF_ERROR(CheckRank(context.shape(2), 1, "the scale"));
  RETURN_IF_ERROR(CheckRank(context.shape(3), 1, "the translation"));
  return InferResize(context, outputs);
}

StatusOr<Tensors> ResampleKernel(const Node& node, const Tensors& inputs) {
  ASSIGN_OR_RETURN(const auto kernel, AttrAs<std::string>(node, "kernel_type", "lanczos3"));
  ASSIGN_OR_RETURN(const bool antialias, AttrAs<bool>(node, "antialias", true));
  RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the images"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> size, IntegerList(inputs[1], 2, "the size"));
  for (size_t i : {2, 3}) {
    if (inputs[i].dtype() != DType::kFloat32 || inputs[i].dims() != std::vector<int64_t>{2}) {
      return InvalidArgument("input ", i, " is ", NameOf(inputs[i].dtype()), inputs[i].shape().ToString(),
                             ", expected float32[2]");
    }
  }
  const std::vector<int64_t>& in = inputs[0].dims();
  if (std::min({in[1], in[2], size[0], size[1]}) < 1 || std::max({in[1], in[2], size[0], size[1]}) > kMaxSize) {
    return InvalidArgument("cannot resize ", inputs[0].shape().ToString(), " to ", size[0], " x ", size[1]);
  }
  ASSIGN_OR_RETURN(Result<float> y, Result<float>::Make({in[0], size[0], size[1], in[3]}));
  ASSIGN_OR_RETURN(const ResampleAxis rows, ResampleAxis::Make(kernel, antialias, in[1], size[0],
                                                               inputs[2].data<float>()[0], inputs[3].data<float>()[0]));
  ASSIGN_OR_RETURN(const ResampleAxis columns,
                   ResampleAxis::Make(kernel, antialias, in[2], size[1], inputs[2].data<float>()[1],
                                      inputs[3].data<float>()[1]));
  if (y.elements() > 0) {
    const Tensor x = inputs[0].Cast(DType::kFloat32).Dense();
    Resample({in[0], in[1], in[2], in[3], size[0], size[1]}, rows, columns, x.data<float>(), y.data());
  }
  return Tensors{std::move(y).Take()};
}

// ---- Between space and batch

// Blocks and what is added to (or cut from) both ends, per blocked axis.
struct Blocks {
  std::vector<int64_t> size, before, after;
  int64_t count = 1;  // product of size
};

StatusOr<Blocks> MakeBlocks(std::vector<int64_t> size, const Tensor& margins) {
  Blocks blocks;
  const auto axes = static_cast<int64_t>(size.size());
  if (margins.dims() != std::vector<int64_t>{axes, 2} ||
      (margins.dtype() != DType::kInt32 && margins.dtype() != DType::kInt64)) {
    return InvalidArgument("the margins are ", NameOf(margins.dtype()), margins.shape().ToString(),
                           ", expected integers [", axes, ",2]");
  }
  const std::vector<int64_t> values = margins.Values<int64_t>();
  for (size_t i = 0; i < size.size(); ++i) {
    if (size[i] < 1 || size[i] > kMaxSize) return InvalidArgument("a block has size ", size[i]);
    for (int64_t margin : {values[2 * i], values[2 * i + 1]}) {
      if (margin < 0 || margin > kMaxSize) return InvalidArgument("a margin is ", margin);
    }
    blocks.before.push_back(values[2 * i]);
    blocks.after.push_back(values[2 * i + 1]);
  }
  blocks.size = std::move(size);
  blocks.count = CheckedElements(blocks.size);
  if (blocks.count < 0 || blocks.count > kMaxSize) return InvalidArgument("the blocks are too large");
  return blocks;
}

// SpaceToBatch and BatchToSpace have an attribute block_size, the ND forms an input block_shape; nullopt: not known.
bool IsNd(const Node& node) { return node.op == "SpaceToBatchND" || node.op == "BatchToSpaceND"; }
bool ToBatch(const Node& node) { return node.op == "SpaceToBatchND" || node.op == "SpaceToBatch"; }

StatusOr<std::vector<int64_t>> SquareBlock(const Node& node) {
  ASSIGN_OR_RETURN(const int64_t size, AttrAs<int64_t>(node, "block_size", 0));
  return std::vector<int64_t>{size, size};
}

StatusOr<Shape> BlockedShape(const Shape& x, const Blocks& blocks, bool to_batch) {
  const auto axes = static_cast<int>(blocks.size.size());
  if (x.rank() <= axes) return InvalidArgument("the input has shape ", x.ToString(), ", expected rank above ", axes);
  Shape shape = x;
  const int64_t batch = x.dim(0);
  if (batch > kMaxSize) return InvalidArgument("a batch of ", batch);
  if (batch >= 0 && !to_batch && batch % blocks.count != 0) {
    return InvalidArgument("a batch of ", batch, " does not divide into ", blocks.count, " parts");
  }
  if (batch >= 0) shape.set_dim(0, to_batch ? batch * blocks.count : batch / blocks.count);
  for (int i = 0; i < axes; ++i) {
    const auto at = static_cast<size_t>(i);
    const int64_t dim = x.dim(i + 1), margin = blocks.before[at] + blocks.after[at];
    if (dim < 0) continue;
    if (dim > kMaxSize) return InvalidArgument("an axis of ", dim);
    if (to_batch) {
      if ((dim + margin) % blocks.size[at] != 0) {
        return InvalidArgument("axis ", i + 1, " has ", dim + margin,
                               " elements with its margins, expected a multiple of ", blocks.size[at]);
      }
      shape.set_dim(i + 1, (dim + margin) / blocks.size[at]);
    } else {
      if (dim * blocks.size[at] < margin) {
        return InvalidArgument("axis ", i + 1, " has ", dim * blocks.size[at], " elements, ", margin, " would be cut");
      }
      shape.set_dim(i + 1, dim * blocks.size[at] - margin);
    }
  }
  return shape;
}

Status InferBlocked(const InferContext& context, std::vector<ValueType>& outputs) {
  const Node& node = context.node();
  const Shape& x = context.shape(0);
  const bool nd = IsNd(node);
  if (!nd) RETURN_IF_ERROR(CheckRank(x, 4, "the input"));
  const Tensor* margins = context.constant(nd ? 2 : 1);
  Shape shape = x.has_rank() ? Shape::OfRank(x.rank()) : Shape();
  std::optional<std::vector<int64_t>> size;
  if (!nd) {
    ASSIGN_OR_RETURN(size, SquareBlock(node));
  } else if (const Tensor* block = context.constant(1); block != nullptr) {
    ASSIGN_OR_RETURN(size, IntegerList(*block, -1, "block_shape"));
  }
  if (x.has_rank() && size.has_value() && margins != nullptr) {
    ASSIGN_OR_RETURN(const Blocks blocks, MakeBlocks(*size, *margins));
    ASSIGN_OR_RETURN(shape, BlockedShape(x, blocks, ToBatch(node)));
  } else if (x.has_rank() && size.has_value()) {
    for (int i = static_cast<int>(size->size()) + 1; i < x.rank(); ++i) shape.set_dim(i, x.dim(i));
  }
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

// Both directions visit the pixels of the side that has them all in one image ("space") and find their place among the
// batches ("blocked"); what lies beyond either is padding or cut.
StatusOr<Tensors> BlockedKernel(const Node& node, const Tensors& inputs) {
  const bool nd = IsNd(node), to_batch = ToBatch(node);
  if (!nd) RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the input"));
  std::vector<int64_t> size;
  if (nd) {
    ASSIGN_OR_RETURN(size, IntegerList(inputs[1], -1, "block_shape"));
  } else {
    ASSIGN_OR_RETURN(size, SquareBlock(node));
  }
  ASSIGN_OR_RETURN(const Blocks blocks, MakeBlocks(std::move(size), inputs[nd ? 2 : 1]));
  ASSIGN_OR_RETURN(const Shape shape, BlockedShape(inputs[0].shape(), blocks, to_batch));
  const DType dtype = inputs[0].dtype();
  ASSIGN_OR_RETURN(std::string bytes, ZeroBytes(shape.dims(), SizeOf(dtype)));
  if (bytes.empty() || inputs[0].elements() == 0) return Tensors{Tensor::Buffer(dtype, shape.dims(), std::move(bytes))};

  const std::vector<int64_t>& space = to_batch ? inputs[0].dims() : shape.dims();
  const std::vector<int64_t>& blocked = to_batch ? shape.dims() : inputs[0].dims();
  const size_t axes = blocks.size.size();
  const auto first_inner = static_cast<int64_t>(axes) + 1;
  const int64_t pixel = CheckedElements(std::vector<int64_t>(space.begin() + first_inner, space.end())) * SizeOf(dtype);
  const int64_t pixels = CheckedElements(std::vector<int64_t>(space.begin(), space.begin() + first_inner));
  for (int64_t i = 0; i < pixels; ++i) {
    int64_t rest = i, offset = 0, stride = 1, part = 0, part_stride = 1;
    for (size_t axis = axes; axis-- > 0;) {
      const int64_t at = rest % space[axis + 1] + blocks.before[axis];
      rest /= space[axis + 1];
      offset += at / blocks.size[axis] * stride;
      part += at % blocks.size[axis] * part_stride;
      stride *= blocked[axis + 1];
      part_stride *= blocks.size[axis];
    }
    offset += (part * space[0] + rest) * stride;
    const char* from = inputs[0].data<char>() + (to_batch ? i : offset) * pixel;
    std::memcpy(bytes.data() + (to_batch ? offset : i) * pixel, from, static_cast<size_t>(pixel));
  }
  return Tensors{Tensor::Buffer(dtype, shape.dims(), std::move(bytes))};
}

// ---- Between space and depth

StatusOr<Shape> DepthShape(const Node& node, const Shape& x) {
  RETURN_IF_ERROR(CheckRank(x, 4, "the input"));
  ASSIGN_OR_RETURN(const Layout layout, LayoutOf(node, 2));
  ASSIGN_OR_RETURN(const int64_t block, AttrAs<int64_t>(node, "block_size", 0));
  if (block < 2 || block > 32768) return InvalidArgument("block_size is ", block, ", expected 2 to 32768");
  const bool to_space = node.op == "DepthToSpace";
  Shape shape = Shape::OfRank(4);
  shape.set_dim(0, x.dim(0));
  const auto scale = [&](int axis, int64_t factor, bool up) -> Status {
    const int64_t dim = x.dim(axis);
    if (dim < 0) return OkStatus();
    if (dim > kMaxSize || (!up && dim % factor != 0)) {
      return InvalidArgument("axis ", axis, " has ", dim, " elements, expected a multiple of ", factor);
    }
    shape.set_dim(axis, up ? dim * factor : dim / factor);
    return OkStatus();
  };
  for (int i = 0; i < 2; ++i) RETURN_IF_ERROR(scale(layout.spatial_axis(i), block, to_space));
  RETURN_IF_ERROR(scale(layout.channel_axis(), block * block, !to_space));
  return shape;
}

Status InferDepth(const InferContext& context, std::vector<ValueType>& outputs) {
  ASSIGN_OR_RETURN(Shape shape, DepthShape(context.node(), context.shape(0)));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

StatusOr<Tensors> DepthKernel(const Node& node, const Tensors& inputs) {
  ASSIGN_OR_RETURN(const Layout layout, LayoutOf(node, 2));
  ASSIGN_OR_RETURN(const Shape out, DepthShape(node, inputs[0].shape()));
  const int64_t block = node.attr_or<int64_t>("block_size", 0);
  const DType dtype = inputs[0].dtype();
  ASSIGN_OR_RETURN(std::string bytes, ZeroBytes(out.dims(), SizeOf(dtype)));
  if (bytes.empty()) return Tensors{Tensor::Buffer(dtype, out.dims(), std::move(bytes))};
  // Pixel [b, y, x, c] of the wide side is element (y % block, x % block, c) of the depth of the deep side.
  const Tensor from = ToChannelsLast(inputs[0], layout);
  const bool to_space = node.op == "DepthToSpace";
  std::vector<int64_t> to_dims = {out.dim(0), out.dim(layout.spatial_axis(0)), out.dim(layout.spatial_axis(1)),
                                  out.dim(layout.channel_axis())};
  const std::vector<int64_t>& wide = to_space ? to_dims : from.dims();
  const int64_t height = wide[1], width = wide[2], pixel = wide[3] * SizeOf(dtype);
  for (int64_t i = 0; i < wide[0] * height * width; ++i) {
    const int64_t x = i % width, y = i / width % height, b = i / width / height;
    const int64_t deep = ((b * (height / block) + y / block) * (width / block) + x / block) * block * block +
                         y % block * block + x % block;
    std::memcpy(bytes.data() + (to_space ? i : deep) * pixel, from.data<char>() + (to_space ? deep : i) * pixel,
                static_cast<size_t>(pixel));
  }
  return Tensors{FromChannelsLast(Tensor::Buffer(dtype, to_dims, std::move(bytes)), layout)};
}

// ---- Cutting out

Status InferCropAndResize(const InferContext& context, std::vector<ValueType>& outputs) {
  RETURN_IF_ERROR(CheckRank(context.shape(0), 4, "the image"));
  RETURN_IF_ERROR(CheckRank(context.shape(1), 2, "the boxes"));
  RETURN_IF_ERROR(CheckRank(context.shape(2), 1, "the boxes' images"));
  Shape shape({context.shape(1).dim(0), KnownOr(context.ints(3), 0, 2), KnownOr(context.ints(3), 1, 2),
               context.shape(0).dim(3)});
  outputs = {{DType::kFloat32, std::move(shape), std::nullopt}};
  return OkStatus();
}

// Where the pixels of a crop of `count` lie along an axis of `size` pixels, for a box from `low` to `high` of 0..1.
float CropAt(float low, float high, int64_t i, int64_t count, int64_t size) {
  const auto last = static_cast<float>(size - 1);
  if (count <= 1) return 0.5F * (low + high) * last;
  return low * last + static_cast<float>(i) * ((high - low) * last / static_cast<float>(count - 1));
}

StatusOr<Tensors> CropAndResizeKernel(const Node& node, const Tensors& inputs) {
  ASSIGN_OR_RETURN(const std::string method, AttrAs<std::string>(node, "method", "bilinear"));
  ASSIGN_OR_RETURN(const float beyond, AttrAs<float>(node, "extrapolation_value", 0.0F));
  if (method != "bilinear" && method != "nearest") return InvalidArgument("method is '", method, "'");
  RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the image"));
  if ((!IsFloating(inputs[0].dtype()) && !IsInteger(inputs[0].dtype())) || inputs[1].dtype() != DType::kFloat32) {
    return InvalidArgument("the image and the boxes are ", NameOf(inputs[0].dtype()), " and ",
                           NameOf(inputs[1].dtype()), ", expected numbers and float32");
  }
  if (inputs[1].rank() != 2 || inputs[1].dims()[1] != 4) {
    return InvalidArgument("the boxes have shape ", inputs[1].shape().ToString(), ", expected [?,4]");
  }
  const int64_t boxes = inputs[1].dims()[0];
  ASSIGN_OR_RETURN(const std::vector<int64_t> images, IntegerList(inputs[2], boxes, "the boxes' images"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> size, IntegerList(inputs[3], 2, "the crop size"));
  const std::vector<int64_t>& in = inputs[0].dims();
  const int64_t height = in[1], width = in[2], channels = in[3];
  if (std::min({size[0], size[1], height, width}) < 1 || std::max({size[0], size[1], height, width}) > kMaxSize) {
    return InvalidArgument("cannot crop ", inputs[0].shape().ToString(), " to ", size[0], " x ", size[1]);
  }
  for (int64_t image : images) {
    if (image < 0 || image >= in[0]) return InvalidArgument("a box is for image ", image, " of ", in[0]);
  }
  ASSIGN_OR_RETURN(Result<float> y, Result<float>::Make({boxes, size[0], size[1], channels}));
  if (y.elements() == 0) return Tensors{std::move(y).Take()};
  const Tensor image = inputs[0].Cast(DType::kFloat32).Dense();
  const float* corners = inputs[1].data<float>();
  float* out = y.data();
  for (int64_t b = 0; b < boxes; ++b, corners += 4) {
    const float* x = image.data<float>() + images[static_cast<size_t>(b)] * height * width * channels;
    const auto pixel = [&](float row, float column, int64_t c) {
      return x[(static_cast<int64_t>(row) * width + static_cast<int64_t>(column)) * channels + c];
    };
    for (int64_t oy = 0; oy < size[0]; ++oy) {
      const float at_y = CropAt(corners[0], corners[2], oy, size[0], height);
      for (int64_t ox = 0; ox < size[1]; ++ox) {
        const float at_x = CropAt(corners[1], corners[3], ox, size[1], width);
        const bool inside = at_y >= 0 && at_y <= static_cast<float>(height - 1) && at_x >= 0 &&
                            at_x <= static_cast<float>(width - 1);  // false for NaN
        for (int64_t c = 0; c < channels; ++c) {
          if (!inside) {
            *out++ = beyond;
          } else if (method == "nearest") {
            *out++ = pixel(std::round(at_y), std::round(at_x), c);
          } else {
            const float up = std::floor(at_y), down = std::ceil(at_y), left = std::floor(at_x), right = std::ceil(at_x);
            const float above = pixel(up, left, c) + (pixel(up, right, c) - pixel(up, left, c)) * (at_x - left);
            const float below = pixel(down, left, c) + (pixel(down, right, c) - pixel(down, left, c)) * (at_x - left);
            *out++ = above + (below - above) * (at_y - up);
          }
        }
      }
    }
  }
  return Tensors{std::move(y).Take()};
}

// ExtractImagePatches names its attributes ksizes and rates.
StatusOr<WindowAttrs> ReadPatchAttrs(const Node& node, std::vector<int64_t>& kernel) {
  Node renamed;
  renamed.attrs = node.attrs;
  ASSIGN_OR_RETURN(const auto rates, AttrAs<std::vector<int64_t>>(node, "rates", {}));
  renamed.attrs["dilations"] = rates;
  ASSIGN_OR_RETURN(WindowAttrs attrs, ReadWindowAttrs(renamed, 2));
  if (attrs.padding == Padding::kExplicit) return InvalidArgument("padding is EXPLICIT, expected SAME or VALID");
  ASSIGN_OR_RETURN(const auto ksizes, AttrAs<std::vector<int64_t>>(node, "ksizes", {}));
  ASSIGN_OR_RETURN(kernel, SpatialPart(attrs.layout, "ksizes", ksizes));
  return attrs;
}

Status InferPatches(const InferContext& context, std::vector<ValueType>& outputs) {
  std::vector<int64_t> kernel;
  ASSIGN_OR_RETURN(const WindowAttrs attrs, ReadPatchAttrs(context.node(), kernel));
  const int64_t depth = CheckedElements({kernel[0], kernel[1], context.shape(0).dim(3)});
  ASSIGN_OR_RETURN(Shape shape, WindowedShape(attrs, context.shape(0), kernel, depth));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

StatusOr<Tensors> PatchesKernel(const Node& node, const Tensors& inputs) {
  std::vector<int64_t> kernel;
  ASSIGN_OR_RETURN(const WindowAttrs attrs, ReadPatchAttrs(node, kernel));
  RETURN_IF_ERROR(CheckRank(inputs[0].shape(), 4, "the images"));
  const std::vector<int64_t>& in = inputs[0].dims();
  ASSIGN_OR_RETURN(const Window rows, WindowOf(attrs, 0, in[1], kernel[0]));
  ASSIGN_OR_RETURN(const Window columns, WindowOf(attrs, 1, in[2], kernel[1]));
  const int64_t depth = CheckedElements({kernel[0], kernel[1], in[3]});
  const std::vector<int64_t> out = {in[0], rows.out, columns.out, depth};
  const DType dtype = inputs[0].dtype();
  ASSIGN_OR_RETURN(std::string bytes, ZeroBytes(out, SizeOf(dtype)));
  const int64_t pixel = in[3] * SizeOf(dtype), pixels = bytes.empty() ? 0 : in[0] * rows.out * columns.out;
  for (int64_t i = 0; i < pixels; ++i) {
    const int64_t ox = i % columns.out, oy = i / columns.out % rows.out, b = i / columns.out / rows.out;
    for (auto [ky, y1] = rows.Taps(oy); ky < y1; ++ky) {
      for (auto [kx, x1] = columns.Taps(ox); kx < x1; ++kx) {
        const int64_t from = (b * in[1] + rows.At(oy, ky)) * in[2] + columns.At(ox, kx);
        std::memcpy(bytes.data() + ((i * kernel[0] + ky) * kernel[1] + kx) * pixel,
                    inputs[0].data<char>() + from * pixel, static_cast<size_t>(pixel));
      }
    }
  }
  return Tensors{Tensor::Buffer(dtype, out, std::move(bytes))};
}

// ---- Non-maximum suppression

Status InferSuppression(const InferContext& context, std::vector<ValueType>& outputs) {
  const Node& node = context.node();
  RETURN_IF_ERROR(CheckRank(context.shape(0), 2, "the boxes"));
  RETURN_IF_ERROR(CheckRank(context.shape(1), 1, "the scores"));
  ASSIGN_OR_RETURN(const bool padded, AttrAs<bool>(node, "pad_to_max_output_size", false));
  const int64_t count = padded ? KnownOr(context.ints(2), 0, 1) : kUnknownDim;
  outputs = {{DType::kInt32, Shape({count}), std::nullopt}};
  if (node.op == "NonMaxSuppressionV5") outputs.push_back({context.dtype(1), Shape({count}), std::nullopt});
  if (node.op == "NonMaxSuppressionV4" || node.op == "NonMaxSuppressionV5") {
    outputs.push_back({DType::kInt32, Shape(std::vector<int64_t>()), std::nullopt});
  }
  return OkStatus();
}

StatusOr<float> ScalarInput(const Tensors& inputs, size_t i, float fallback) {
  if (i >= inputs.size()) return fallback;
  if (inputs[i].rank() != 0 || !IsFloating(inputs[i].dtype()))
    return InvalidArgument("input ", i, " is no real number");
  return inputs[i].Values<float>()[0];
}

StatusOr<Tensors> SuppressionKernel(const Node& node, const Tensors& inputs) {
  if (inputs[0].rank() != 2 || inputs[0].dims()[1] != 4 || inputs[1].rank() != 1 ||
      inputs[1].dims()[0] != inputs[0].dims()[0] || !IsFloating(inputs[0].dtype()) || !IsFloating(inputs[1].dtype())) {
    return InvalidArgument("boxes and scores have shapes ", inputs[0].shape().ToString(), " and ",
                           inputs[1].shape().ToString(), ", expected real numbers [n,4] and [n]");
  }
  if (inputs[2].rank() != 0 || inputs[2].dtype() != DType::kInt32) return InvalidArgument("the maximum is no int32");
  const int64_t most = inputs[2].Values<int64_t>()[0];
  ASSIGN_OR_RETURN(const float attr_overlap, AttrAs<float>(node, "iou_threshold", 0.5F));
  ASSIGN_OR_RETURN(const float overlap, ScalarInput(inputs, 3, attr_overlap));
  ASSIGN_OR_RETURN(const float least, ScalarInput(inputs, 4, std::numeric_limits<float>::lowest()));
  ASSIGN_OR_RETURN(const float sigma, ScalarInput(inputs, 5, 0.0F));
  ASSIGN_OR_RETURN(const bool padded, AttrAs<bool>(node, "pad_to_max_output_size", false));
  if (most < 0 || !(overlap >= 0 && overlap <= 1)) {
    return InvalidArgument("asked for ", most, " boxes that overlap by at most ", overlap);
  }
  if (sigma != 0) return Unsupported("soft suppression (soft_nms_sigma is ", sigma, ")");
  const std::vector<float> boxes = inputs[0].Values<float>(), scores = inputs[1].Values<float>();
  const ScoredBoxes all{.boxes = boxes.data(), .scores = scores.data(), .count = static_cast<int64_t>(scores.size())};
  int64_t pairs = 0;
  ASSIGN_OR_RETURN(std::vector<int32_t> selected, SelectBoxes(all, static_cast<double>(most), overlap, least, pairs));
  const auto valid = static_cast<int32_t>(selected.size());
  if (padded) {
    RETURN_IF_ERROR(ZeroBytes({most}, sizeof(float)).status());
    selected.resize(static_cast<size_t>(most));
  }
  Tensors outputs = {Tensor::Vector(selected)};
  if (node.op == "NonMaxSuppressionV5") {
    std::vector<float> kept(selected.size());
    for (size_t i = 0; i < static_cast<size_t>(valid); ++i) kept[i] = scores[static_cast<size_t>(selected[i])];
    outputs.push_back(Tensor::Vector(kept).Cast(inputs[1].dtype()).Dense());
  }
  if (node.op == "NonMaxSuppressionV4" || node.op == "NonMaxSuppressionV5") outputs.push_back(Tensor::Scalar(valid));
  return outputs;
}

}  // namespace

std::vector<OpDef> ImageOps() {
  const std::vector<AttrSpec> resize = {TypeOfInput("T"), Default("align_corners", false),
                                        Default("half_pixel_centers", false)};
  const std::vector<AttrSpec> depth = {TypeOfInput("T"), Required("block_size"),
                                       Default("data_format", std::string("NHWC"))};
  const auto blocked = [](std::string_view margins) {
    return std::vector<AttrSpec>{TypeOfInput("T"), TypeOfInput("Tblock_shape", 1), TypeOfInput(margins, 2)};
  };
  const auto suppression = [](bool thresholds, bool pads) {
    std::vector<AttrSpec> attrs = {TypeOfInput("T")};
    if (thresholds) attrs.push_back(TypeOfInput("T_threshold", 3));
    if (pads) attrs.push_back(Default("pad_to_max_output_size", false));
    return attrs;
  };
  return {
      {.name = "ResizeBilinear",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = resize,
       .infer = InferResize,
       .kernel = ResizeKernel,
       .output_names = {"resized_images"}},
      {.name = "ResizeNearestNeighbor",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = resize,
       .infer = InferResize,
       .kernel = ResizeKernel,
       .output_names = {"resized_images"}},
      {.name = "ResizeBicubic",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = resize,
       .infer = InferResize,
       .kernel = ResizeKernel,
       .output_names = {"resized_images"}},
      {.name = "ResizeArea",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("T"), Default("align_corners", false)},
       .infer = InferResize,
       .kernel = ResizeKernel,
       .output_names = {"resized_images"}},
      {.name = "SpaceToBatchND",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = blocked("Tpaddings"),
       .infer = InferBlocked,
       .kernel = BlockedKernel,
       .output_names = {"output"}},
      {.name = "BatchToSpaceND",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = blocked("Tcrops"),
       .infer = InferBlocked,
       .kernel = BlockedKernel,
       .output_names = {"output"}},
      {.name = "SpaceToBatch",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("T"), TypeOfInput("Tpaddings", 1), Required("block_size")},
       .infer = InferBlocked,
       .kernel = BlockedKernel,
       .output_names = {"output"}},
      {.name = "BatchToSpace",
       .min_inputs = 2,
       .max_inputs = 2,
       .attrs = {TypeOfInput("T"), Required("block_size"), TypeOfInput("Tidx", 1)},
       .infer = InferBlocked,
       .kernel = BlockedKernel,
       .output_names = {"output"}},
      {.name = "DepthToSpace",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = depth,
       .infer = InferDepth,
       .kernel = DepthKernel,
       .output_names = {"output"}},
      {.name = "SpaceToDepth",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = depth,
       .infer = InferDepth,
       .kernel = DepthKernel,
       .output_names = {"output"}},
      {.name = "ScaleAndTranslate",
       .min_inputs = 4,
       .max_inputs = 4,
       .attrs = {TypeOfInput("T"), Default("kernel_type", std::string("lanczos3")), Default("antialias", true)},
       .infer = InferResample,
       .kernel = ResampleKernel,
       .output_names = {"resized_images"}},
      {.name = "CropAndResize",
       .min_inputs = 4,
       .max_inputs = 4,
       .attrs = {TypeOfInput("T"), Default("method", std::string("bilinear")), Default("extrapolation_value", 0.0F)},
       .infer = InferCropAndResize,
       .kernel = CropAndResizeKernel,
       .output_names = {"crops"}},
      {.name = "ExtractImagePatches",
       .min_inputs = 1,
       .max_inputs = 1,
       .attrs = {TypeOfInput("T"), Required("ksizes"), Required("strides"), Required("rates"), Required("padding")},
       .infer = InferPatches,
       .kernel = PatchesKernel,
       .output_names = {"patches"}},
      {.name = "NonMaxSuppression",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = {Default("iou_threshold", 0.5F)},
       .infer = InferSuppression,
       .kernel = SuppressionKernel,
       .output_names = {"selected_indices"}},
      {.name = "NonMaxSuppressionV2",
       .min_inputs = 4,
       .max_inputs = 4,
       .attrs = suppression(true, false),
       .infer = InferSuppression,
       .kernel = SuppressionKernel,
       .output_names = {"selected_indices"}},
      {.name = "NonMaxSuppressionV3",
       .min_inputs = 5,
       .max_inputs = 5,
       .attrs = suppression(true, false),
       .infer = InferSuppression,
       .kernel = SuppressionKernel,
       .output_names = {"selected_indices"}},
      {.name = "NonMaxSuppressionV4",
       .min_inputs = 5,
       .max_inputs = 5,
       .attrs = suppression(true, true),
       .infer = InferSuppression,
       .kernel = SuppressionKernel,
       .output_names = {"selected_indices", "valid_outputs"}},
      {.name = "NonMaxSuppressionV5",
       .min_inputs = 6,
       .max_inputs = 6,
       .attrs = suppression(false, true),
       .infer = InferSuppression,
       .kernel = SuppressionKernel,
       .output_names = {"selected_indices", "selected_scores", "valid_outputs"}},
  };
}

}  // namespace permafrost
