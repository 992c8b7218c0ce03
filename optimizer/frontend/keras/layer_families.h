#pragma once

#include <vector>

#include "optimizer/frontend/keras/layer.h"

// One function per file of layers/, listed once in layer_table.cc. To add a layer, add a row to the file of its family.
namespace permafrost::keras {

std::vector<LayerRow> DenseLayers();        // Dense
std::vector<LayerRow> ConvolutionLayers();  // plain, transposed, depthwise, separable
std::vector<LayerRow> PoolingLayers();
std::vector<LayerRow> ActivationLayers();
std::vector<LayerRow> BatchNormLayers();    // and what else scales: Rescaling, Normalization
std::vector<LayerRow> ReshapingLayers();    // and padding, cropping, upsampling
std::vector<LayerRow> MergingLayers();      // Add, Concatenate, Dot ...
std::vector<LayerRow> TrainingLayers();     // Dropout, augmentation: gone at inference
std::vector<LayerRow> FeatureNormLayers();  // LayerNormalization, GroupNormalization ...
std::vector<LayerRow> ImageLayers();        // Resizing, CenterCrop
std::vector<LayerRow> CategoryLayers();     // Embedding, CategoryEncoding ...
std::vector<LayerRow> RecurrentLayers();    // LSTM, GRU ..., Bidirectional, TimeDistributed
std::vector<LayerRow> ConvLstmLayers();
std::vector<LayerRow> EinsumLayers();
std::vector<LayerRow> AttentionLayers();
std::vector<LayerRow> FunctionLayers();      // tf.* and keras.ops.* called as layers
std::vector<LayerRow> TensorFlowOpLayers();  // ops of TensorFlow as Keras 2.0 to 2.3 stored them

}  // namespace permafrost::keras
