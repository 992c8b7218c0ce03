#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Ops that compute in 8 bits, as transform_graph's quantize_nodes wrote them, by the same ops on real numbers.
//   before:  q = QuantizeV2(x, Min(x), Max(x)); c = QuantizedConv2D(q, w, q:1, q:2, low, high); y = Dequantize(c, c:1, c:2)
//   after:   y = Conv2D(x, Dequantize(w, low, high))
// Where a range is a constant, QuantizeV2 and Requantize become FakeQuantWithMinMaxVars, which cuts and rounds as they
// do; so does QuantizeAndDequantizeV2 to V4. A range that is found in the data cuts nothing, and its rounding is lost.
// Declines ranges and attributes that it cannot follow; then nothing on the way to that Dequantize changes.
extern const PassInfo kReplaceQuantizedOps;

}  // namespace permafrost
