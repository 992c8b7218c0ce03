#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Takes out what only training needs. Dropout is the identity at inference, whatever probability the file holds:
//   before:  d = Mul(RealDiv(x, keep), Floor(Add(keep, RandomUniform(Shape(x))))); y = Relu(d)        (TF 1)
//            d = Mul(Mul(x, 1/keep), Cast(GreaterEqual(RandomUniform(Shape(x)), rate)))               (TF 1.13)
//            d = SelectV2(GreaterEqual(RandomUniform(Shape(x)), rate), Mul(x, 1/keep), 0)             (TF 2)
//            d = Dropout(x)
//   after:   y = Relu(x)
// Also bypasses Print and gradient multipliers (x * c + StopGradient(x * (1 - c))). Each dropout taken out is noted,
// and so is every random op that still reaches an output: it makes the results differ from run to run. Declines a
// random mask whose scale is not the inverse of its probability.
extern const PassInfo kRemoveTraining;

}  // namespace permafrost
