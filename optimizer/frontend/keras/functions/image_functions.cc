#include <algorithm>
#include <cmath>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/functions/function.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Result = StatusOr<Values>;

const Parameter kImages{0, {"images", "image", "input", "x"}};
constexpr int64_t kMaxSide = int64_t{1} << 24;

struct Images {
  Value value{};
  int64_t height = 0, width = 0;
};
StatusOr<Images> ReadImages(FunctionCall& call) {
  Images images;
  ASSIGN_OR_RETURN(images.value, call.Tensor(kImages));
  ASSIGN_OR_RETURN(const int rank, call.layer().Rank(images.value));
  if (rank != 4) return Unsupported("is called on a tensor of rank ", rank, ", expected images of rank 4");
  ASSIGN_OR_RETURN(const std::string format, call.String({-1, {"data_format"}}, "channels_last"));
  if (format != "channels_last") return Unsupported("its data_format is ", format);
  ASSIGN_OR_RETURN(images.height, call.layer().Dim(images.value, 1));
  ASSIGN_OR_RETURN(images.width, call.layer().Dim(images.value, 2));
  if (images.height > kMaxSide || images.width > kMaxSide)
    return Unsupported("images of more than ", kMaxSide, " pixels a side");
  return images;
}

struct Size {
  int64_t height = 0, width = 0;
};
StatusOr<Size> ReadSize(FunctionCall& call) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> size, call.Ints({1, {"size"}}));
  if (size.size() != 2) return InvalidArgument("its size has ", size.size(), " numbers, expected height and width");
  return Size{size[0], size[1]};
}

Result Resize(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Size size, ReadSize(call));
  ASSIGN_OR_RETURN(const Value images, call.Tensor(kImages));
  ResizeMethod method;
  ASSIGN_OR_RETURN(method.name, call.String({-1, {"method", "interpolation"}}, "bilinear"));
  ASSIGN_OR_RETURN(method.antialias, call.Bool({-1, {"antialias"}}, false));
  ASSIGN_OR_RETURN(const bool keeps_proportions,
                   call.Bool({-1, {"preserve_aspect_ratio", "pad_to_aspect_ratio"}}, false));
  if (keeps_proportions) return Unsupported("keeps the proportions of images");
  ASSIGN_OR_RETURN(const bool crops, call.Bool({-1, {"crop_to_aspect_ratio"}}, false));
  ASSIGN_OR_RETURN(const std::string format, call.String({-1, {"data_format"}}, "channels_last"));
  if (format != "channels_last") return Unsupported("its data_format is ", format);
  if (crops) return One(CroppedAndResizedTo(call.layer(), images, size.height, size.width, method));
  return One(ResizedTo(call.layer(), images, size.height, size.width, method));
}

// TensorFlow 1's, whose pixels are points unless asked otherwise.
Result ResizeOld(FunctionCall& call, std::string_view op) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Value images, call.Tensor(kImages));
  ASSIGN_OR_RETURN(const Size size, ReadSize(call));
  std::string name(op);
  if (name.empty()) {
    static constexpr std::string_view kOps[] = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic",
                                                "ResizeArea"};
    static constexpr std::string_view kNames[] = {"bilinear", "nearest", "bicubic", "area"};
    const Json& method = call.FindJson({-1, {"method"}});
    size_t which = method.is_null() ? 0 : 4;
    for (size_t i = 0; i < 4; ++i) {
      if (method == kNames[i] || method == i) which = i;
    }
    if (which == 4) return Unsupported("its method is none of TensorFlow 1's");
    name = kOps[which];
  }
  ASSIGN_OR_RETURN(const bool align_corners, call.Bool({-1, {"align_corners"}}, false));
  ASSIGN_OR_RETURN(const bool half_pixel_centers, call.Bool({-1, {"half_pixel_centers"}}, false));
  if (size.height < 1 || size.width < 1 || size.height > kMaxSide || size.width > kMaxSide) {
    return InvalidArgument("resizes to ", size.height, " x ", size.width);
  }
  const Value target = layer.Ints("resize/size", {size.height, size.width});
  AttrMap attrs = {{"align_corners", align_corners}};
  if (name != "ResizeArea") attrs["half_pixel_centers"] = half_pixel_centers;
  return One(layer.Emit(name, {images, target}, attrs, "resize"));
}

Result Flip(FunctionCall& call, std::string_view axis) {
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  return One(ReversedAt(call.layer(), images.value, {axis == "1" ? 1 : 2}));
}

// Pixels [top, top + height) x [left, left + width), which lie inside the image.
StatusOr<Value> Cropped(LayerContext& layer, const Images& images, int64_t top, int64_t left, Size size) {
  if (top < 0 || left < 0 || size.height < 1 || size.width < 1 || top > images.height - size.height ||
      left > images.width - size.width) {
    return InvalidArgument("crops ", size.height, " x ", size.width, " at ", top, ", ", left, " of images of ",
                           images.height, " x ", images.width);
  }
  Value value = images.value;
  if (size.height != images.height) {
    ASSIGN_OR_RETURN(value, SlicedAt(layer, value, 1, top, size.height));
  }
  if (size.width != images.width) {
    ASSIGN_OR_RETURN(value, SlicedAt(layer, value, 2, left, size.width));
  }
  return value;
}
// Zeros around an image that lies at (top, left) of the result.
StatusOr<Value> Padded(LayerContext& layer, Value images, Size from, int64_t top, int64_t left, Size to) {
  const int64_t bottom = to.height - top - from.height, right = to.width - left - from.width;
  if (top == 0 && left == 0 && bottom == 0 && right == 0) return images;
  return PaddedBy(layer, images, {{0, 0}, {top, bottom}, {left, right}, {0, 0}});
}

StatusOr<Size> ReadTarget(FunctionCall& call) {
  Size size;
  ASSIGN_OR_RETURN(size.height, call.Int({-1, {"target_height"}}));
  ASSIGN_OR_RETURN(size.width, call.Int({-1, {"target_width"}}));
  if (size.height < 1 || size.width < 1 || size.height > kMaxSide || size.width > kMaxSide) {
    return InvalidArgument("asks for images of ", size.height, " x ", size.width);
  }
  return size;
}

Result CropToBox(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  ASSIGN_OR_RETURN(const Size size, ReadTarget(call));
  ASSIGN_OR_RETURN(const int64_t top, call.Int({-1, {"offset_height"}}));
  ASSIGN_OR_RETURN(const int64_t left, call.Int({-1, {"offset_width"}}));
  return One(Cropped(call.layer(), images, top, left, size));
}

Result PadToBox(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  ASSIGN_OR_RETURN(const Size size, ReadTarget(call));
  ASSIGN_OR_RETURN(const int64_t top, call.Int({-1, {"offset_height"}}));
  ASSIGN_OR_RETURN(const int64_t left, call.Int({-1, {"offset_width"}}));
  if (top > kMaxSide || left > kMaxSide) return InvalidArgument("pads by ", top, " and ", left);
  return One(Padded(call.layer(), images.value, {images.height, images.width}, top, left, size));
}

Result CropOrPad(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  ASSIGN_OR_RETURN(const Size size, ReadTarget(call));
  const Size cut = {std::min(size.height, images.height), std::min(size.width, images.width)};
  ASSIGN_OR_RETURN(const Value cropped, Cropped(call.layer(), images, (images.height - cut.height) / 2,
                                                (images.width - cut.width) / 2, cut));
  return One(Padded(call.layer(), cropped, cut, (size.height - cut.height) / 2, (size.width - cut.width) / 2, size));
}

Result CentralCrop(FunctionCall& call, std::string_view) {
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  ASSIGN_OR_RETURN(const double fraction, call.Number({1, {"central_fraction"}}));
  if (!(fraction > 0 && fraction <= 1)) return InvalidArgument("its central_fraction is ", fraction);
  const auto start = [fraction](int64_t size) {
    const auto pixels = static_cast<double>(size);
    return static_cast<int64_t>((pixels - pixels * fraction) / 2);
  };
  const int64_t top = start(images.height), left = start(images.width);
  return One(Cropped(call.layer(), images, top, left, {images.height - 2 * top, images.width - 2 * left}));
}

// Pads or crops each side by a number; Keras 3.
Result EachSide(FunctionCall& call, std::string_view what) {
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  int64_t sides[4] = {0, 0, 0, 0};  // top, bottom, left, right
  const std::string_view names[4] = {"top", "bottom", "left", "right"};
  const bool pads = what == "padding";
  if (call.Has({-1, {"target_height"}}) || call.Has({-1, {"target_width"}}))
    return Unsupported("is given a target size");
  for (size_t i = 0; i < 4; ++i) {
    const std::string name = StrCat(names[i], "_", what);
    ASSIGN_OR_RETURN(sides[i], call.Int({-1, {name}}, 0));
    if (sides[i] < 0 || sides[i] > kMaxSide) return InvalidArgument("its ", name, " is ", sides[i]);
  }
  if (pads) {
    return One(PaddedBy(call.layer(), images.value, {{0, 0}, {sides[0], sides[1]}, {sides[2], sides[3]}, {0, 0}}));
  }
  return One(Cropped(call.layer(), images, sides[0], sides[2],
                     {images.height - sides[0] - sides[1], images.width - sides[2] - sides[3]}));
}

// (x - mean) / max(deviation, 1 / sqrt(pixels))
Result Standardize(FunctionCall& call, std::string_view) {
  LayerContext& layer = call.layer();
  ASSIGN_OR_RETURN(const Images images, ReadImages(call));
  ASSIGN_OR_RETURN(const int64_t channels, layer.Dim(images.value, 3));
  ASSIGN_OR_RETURN(const Value x, CastTo(layer, images.value, DType::kFloat32));
  ASSIGN_OR_RETURN(const Moments moments, MomentsOver(layer, x, {1, 2, 3}));
  ASSIGN_OR_RETURN(const Value deviation, layer.Emit("Sqrt", {moments.variance}));
  const double elements =
      static_cast<double>(images.height) * static_cast<double>(images.width) * static_cast<double>(channels);
  if (elements < 1) return InvalidArgument("is called on empty images");
  ASSIGN_OR_RETURN(const Value bounded, WithNumber(layer, "Maximum", deviation, 1 / std::sqrt(elements)));
  ASSIGN_OR_RETURN(const Value centered, layer.Emit("Sub", {x, moments.mean}));
  return One(layer.Emit("RealDiv", {centered, bounded}));
}

}  // namespace

std::vector<FunctionRow> ImageFunctions() {
  return {
      {"image.resize", "ops>Resize", Resize},
      {"compat.v1.image.resize", "", ResizeOld},
      {"compat.v1.image.resize_images", "", ResizeOld},
      {"image.resize_bilinear", "", ResizeOld, "ResizeBilinear"},
      {"image.resize_nearest_neighbor", "", ResizeOld, "ResizeNearestNeighbor"},
      {"image.resize_bicubic", "", ResizeOld, "ResizeBicubic"},
      {"image.resize_area", "", ResizeOld, "ResizeArea"},
      {"image.flip_up_down", "", Flip, "1"},
      {"image.flip_left_right", "", Flip, "2"},
      {"image.crop_to_bounding_box", "", CropToBox},
      {"image.pad_to_bounding_box", "", PadToBox},
      {"image.resize_with_crop_or_pad", "", CropOrPad},
      {"image.resize_image_with_crop_or_pad", "", CropOrPad},
      {"image.central_crop", "", CentralCrop},
      {"image.per_image_standardization", "", Standardize},
      {"", "ops>PadImages", EachSide, "padding"},
      {"", "ops>CropImages", EachSide, "cropping"},
  };
}

}  // namespace permafrost::keras
