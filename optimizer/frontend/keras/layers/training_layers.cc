#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/spatial.h"

// Layers that only do something while a model is trained.
namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

StatusOr<Values> Nothing(LayerContext& layer) { return layer.inputs(); }

// Augmentation works on floats, at inference too.
StatusOr<Values> OnlyFloat(LayerContext& layer) { return One(ToFloat(layer, layer.input())); }

}  // namespace

std::vector<LayerRow> TrainingLayers() {
  std::vector<LayerRow> rows;
  for (const std::string_view name :
       {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout",
        "GaussianNoise", "ActivityRegularization", "StochasticDepth", "FixedDropout", "DropConnect", "Identity"}) {
    rows.push_back({.class_name = name, .build = Nothing, .max_inputs = -1});
  }
  for (const std::string_view name :
       {"RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
        "RandomHeight", "RandomWidth", "RandomHue", "RandomSaturation", "RandomColorJitter", "RandomGrayscale",
        "RandomSharpness", "RandomPosterization", "RandomShear", "RandomPerspective", "RandomErasing",
        "RandomGaussianBlur", "RandomInvert", "RandomColorDegeneration", "RandomElasticTransform", "RandAugment",
        "AugMix"}) {
    rows.push_back({.class_name = name, .build = OnlyFloat, .mask = MaskUse::kStops});
  }
  return rows;
}

}  // namespace permafrost::keras
