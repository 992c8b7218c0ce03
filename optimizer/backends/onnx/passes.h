#pragma once

#include "optimizer/passes/pass.h"

// What ONNX has an op for and TensorFlow graphs spell out.
namespace permafrost {

// exp(x - max) / sum(exp(x - max)) over the last axis.
//   before:  s = Sub(x, Max(x, -1)); e = Exp(s); y = RealDiv(e, Sum(e, -1))       after:  y = Softmax(x)
// Declines where somebody else uses a part of it.
extern const PassInfo kFuseSoftmax;

}  // namespace permafrost
