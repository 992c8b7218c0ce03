#pragma once

#include <vector>

#include "optimizer/frontend/keras/layer.h"

// One function per file of layers/, listed once in layer_table.cc. To add a layer, add a row to the file of its family.
namespace permafrost::keras {

std::vector<LayerRow> DenseLayers();  // Dense

}  // namespace permafrost::keras
