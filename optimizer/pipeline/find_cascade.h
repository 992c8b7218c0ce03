#pragma once

#include <optional>
#include <vector>

#include "shared_io/cascade_json.h"
#include "shared_io/model_json.h"

namespace permafrost {

// The three networks of MTCNN among the nets of one graph, told by their inputs and outputs: pictures of any size, of 24
// and of 48 pixels; two probabilities and four numbers each, the last one ten more. Thresholds and the like are those of
// its authors. Nothing where they are not there.
std::optional<CascadeInfo> FindCascade(const std::vector<ModelInfo>& nets);

}  // namespace permafrost
