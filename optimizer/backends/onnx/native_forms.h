#pragma once

#include "optimizer/backends/onnx/op_table.h"

namespace permafrost {

// Says what TensorFlow spells out in one op of ONNX, where the runtime takes it (accepted_ops.h):
//   x / sqrt(mean((x - mean(x))^2) + e) * gamma + beta      LayerNormalization, InstanceNormalization
//   the same between two Reshapes into groups of channels   GroupNormalization
//   x (1 + erf(x / sqrt(2))) / 2, and by tanh               Gelu
//   relu6(x + 3) / 6, clip(a x + b, 0, 1)                   HardSigmoid
//   x relu6(x + 3) / 6                                      HardSwish
//   x tanh(softplus(x))                                     Mish
// Norms for OpenCV before 4.8 are said in steps that it takes.
// `step` is the last node of such a group; the others, said already, go if nobody else uses them. False: it is none, or
// the runtime does not take it.
bool SayNatively(OnnxConversion& to, const OnnxStep& step);

// clip(alpha x + beta, 0, 1); where slope and offset are in what gives x, they are 1 and 0
struct HardSigmoidForm {
  Value x;
  float alpha, beta;
};
std::optional<HardSigmoidForm> FindHardSigmoid(const Graph& graph, Value y);

}  // namespace permafrost
