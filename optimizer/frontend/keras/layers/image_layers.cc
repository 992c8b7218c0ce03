#include <algorithm>

#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"

// Resizing and cropping of images, and what augmentation leaves of them at inference: themselves.
namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

// Calls `build` on images with channels last and turns its answer back when the layer wants channels first.
template <class F>
StatusOr<Values> WithChannelsLast(LayerContext& layer, F&& build) {
  ASSIGN_OR_RETURN(const std::string format, layer.config().String("data_format", "channels_last"));
  const DType from = layer.dtype(layer.input());
  ASSIGN_OR_RETURN(Value images, CastTo(layer, layer.input(), IsFloating(from) ? from : DType::kFloat32));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(images));
  if (rank != 3 && rank != 4) return InvalidArgument("takes images of rank 3 or 4, not ", rank);
  if (rank == 3) {
    ASSIGN_OR_RETURN(images, ExpandedAt(layer, images, 0));
  }
  if (format == "channels_first") {
    ASSIGN_OR_RETURN(images, ChannelsToLast(layer, images));
  }
  ASSIGN_OR_RETURN(images, build(images));
  if (format == "channels_first") {
    ASSIGN_OR_RETURN(images, ChannelsToFirst(layer, images));
  }
  if (rank == 3) {
    ASSIGN_OR_RETURN(images, SqueezedAt(layer, images, {0}));
  }
  return Values{images};
}

// Room on all sides, as much before as after, until the image has the target's proportions.
StatusOr<Value> PaddedToProportions(LayerContext& layer, Value images, int64_t height, int64_t width, double fill) {
  ASSIGN_OR_RETURN(const int64_t in_height, layer.Dim(images, 1));
  ASSIGN_OR_RETURN(const int64_t in_width, layer.Dim(images, 2));
  const auto room = [](int64_t in, int64_t other, int64_t target, int64_t other_target) {
    const double size = static_cast<double>(other) * static_cast<double>(target) / static_cast<double>(other_target);
    return size < 1e9 ? std::max(in, static_cast<int64_t>(size)) : int64_t{-1};
  };
  const int64_t padded_height = room(in_height, in_width, height, width),
                padded_width = room(in_width, in_height, width, height);
  if (padded_height < 0 || padded_width < 0) return InvalidArgument("pads to more than 10^9 pixels along an axis");
  const int64_t top = (padded_height - in_height) / 2, left = (padded_width - in_width) / 2;
  if (top == 0 && left == 0) return images;
  return PaddedBy(layer, images, {{0, 0}, {top, top}, {left, left}, {0, 0}}, fill);
}

struct Size {
  int64_t height, width;
};
StatusOr<Size> ReadSize(const LayerContext& layer) {
  Size size{};
  ASSIGN_OR_RETURN(size.height, layer.config().Int("height"));
  ASSIGN_OR_RETURN(size.width, layer.config().Int("width"));
  if (size.height < 1 || size.width < 1) return InvalidArgument("its size is ", size.height, " x ", size.width);
  return size;
}

StatusOr<Values> BuildResizing(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Size size, ReadSize(layer));
  ResizeMethod method;
  ASSIGN_OR_RETURN(method.name, layer.config().String("interpolation", "bilinear"));
  ASSIGN_OR_RETURN(method.antialias, layer.config().Bool("antialias", false));
  ASSIGN_OR_RETURN(const bool crop, layer.config().Bool("crop_to_aspect_ratio", false));
  ASSIGN_OR_RETURN(const bool pad, layer.config().Bool("pad_to_aspect_ratio", false));
  ASSIGN_OR_RETURN(const double fill, layer.config().Number("fill_value", 0.0));
  return WithChannelsLast(layer, [&](Value images) -> StatusOr<Value> {
    if (crop) return CroppedAndResizedTo(layer, images, size.height, size.width, method);
    if (pad) {
      ASSIGN_OR_RETURN(images, PaddedToProportions(layer, images, size.height, size.width, fill));
    }
    return ResizedTo(layer, images, size.height, size.width, method);
  });
}

// The middle of an image; one that is too small is resized.
StatusOr<Values> BuildCenterCrop(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Size size, ReadSize(layer));
  return WithChannelsLast(layer, [&](Value images) -> StatusOr<Value> {
    ASSIGN_OR_RETURN(const int64_t height, layer.Dim(images, 1));
    ASSIGN_OR_RETURN(const int64_t width, layer.Dim(images, 2));
    if (height < size.height || width < size.width) {
      return CroppedAndResizedTo(layer, images, size.height, size.width, {});
    }
    ASSIGN_OR_RETURN(const Value rows, SlicedAt(layer, images, 1, (height - size.height) / 2, size.height));
    return SlicedAt(layer, rows, 2, (width - size.width) / 2, size.width);
  });
}

// Keras 2 fits the whole image into the size at inference; Keras 3 says so and leaves it as it is.
StatusOr<Values> BuildRandomCrop(LayerContext& layer) {
  if (layer.keras_major() >= 3) return Values{layer.input()};
  ASSIGN_OR_RETURN(const Size size, ReadSize(layer));
  return WithChannelsLast(
      layer, [&](Value images) { return CroppedAndResizedTo(layer, images, size.height, size.width, {}); });
}

}  // namespace

std::vector<LayerRow> ImageLayers() {
  return {
      {.class_name = "Resizing", .build = BuildResizing},
      {.class_name = "CenterCrop", .build = BuildCenterCrop},
      {.class_name = "RandomCrop", .build = BuildRandomCrop},
  };
}

}  // namespace permafrost::keras
