#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Folds batch norms, and whatever else only scales and shifts channels by constants (BiasAdd, Mul, Add, Sub, RealDiv),
// into the weights and the bias of the convolution or MatMul next to them.
//   before:  conv = Conv2D(x, w)         after:  conv = Conv2D(x, w * scale)
//            b = BiasAdd(conv, bias)             y = BiasAdd(conv, shift)
//            y = FusedBatchNormV3(b, ...)
// A norm before the convolution goes there as well, its shift only where no padding adds zeros. What nothing absorbs
// becomes Add(Mul(x, scale), shift), the vectors as long as each other, or scalars where all channels are alike.
//
// Declines: is_training, anything that is not a constant, values used elsewhere or asked for as outputs, constants that
// are not one value per channel. Weights with other users are copied; all weights stay recipes until they are written.
extern const PassInfo kFoldBatchNorm;

}  // namespace permafrost
