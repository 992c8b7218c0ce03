#pragma once

#include <vector>

#include "optimizer/backends/onnx/accepted_ops.h"
#include "optimizer/backends/onnx/onnx_graph.h"
#include "optimizer/ir/graph.h"

namespace permafrost {

// How the source stores weights in less than 32 bits each.
struct SmallWeights {
  // A weight of level q is factor (q - zero).
  struct Levels {
    float factor = 0;
    int zero = 0;
    int64_t elements = 0;
  };
  bool halves = false;
  std::vector<Levels> levels;
};
SmallWeights FindSmallWeights(const Graph& graph);

// Stores weights as small as the source has them, where the runtime takes it: in half precision with a Cast, in 8 bits
// with a DequantizeLinear. A constant is one of them if it is exactly what the small form gives, however it was turned
// on its way. True: everything that the source has small stays so.
bool StoreWeightsSmall(const SmallWeights& small, const OnnxRuntime& runtime, OnnxGraph& graph);

}  // namespace permafrost
