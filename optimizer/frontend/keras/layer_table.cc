#include <map>

#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

constexpr std::vector<LayerRow> (*kFamilies[])() = {
    DenseLayers,    ConvolutionLayers, PoolingLayers,     ActivationLayers, BatchNormLayers,   ReshapingLayers,
    MergingLayers,  TrainingLayers,    FeatureNormLayers, ImageLayers,      CategoryLayers,    RecurrentLayers,
    ConvLstmLayers, EinsumLayers,      AttentionLayers,   FunctionLayers,   TensorFlowOpLayers};

std::map<std::string_view, LayerRow> AllLayers() {
  std::map<std::string_view, LayerRow> layers;
  for (const auto family : kFamilies) {
    for (const LayerRow& row : family()) layers.emplace(row.class_name, row);
  }
  return layers;
}

}  // namespace

const LayerRow* FindLayer(std::string_view class_name) {
  static const std::map<std::string_view, LayerRow> layers = AllLayers();
  const auto found = layers.find(class_name);
  return found == layers.end() ? nullptr : &found->second;
}

}  // namespace permafrost::keras
