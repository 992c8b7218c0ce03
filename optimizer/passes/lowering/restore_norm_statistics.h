#pragma once

#include "optimizer/passes/lowering/freeze_variables.h"

namespace permafrost {

// Batch norms of a training graph take the statistics of their batch. Makes them take the moving ones:
//   before:  y, mean, var = FusedBatchNorm(x, scale, offset, [], [])  is_training = true
//            AssignSub(moving_mean, Mul(Sub(moving_mean, mean), decay)) ...
//   after:   y = FusedBatchNorm(x, scale, offset, moving_mean's value, moving_variance's value)  is_training = false
// They are inputs 3 and 4 where those are constants of the norm's size, else the variables that `original` updates with
// the norm's batch statistics. Norms made of plain ops:
//   before:  mean = Squeeze(Mean(x, [0,1,2]))      AssignSub(moving_mean, ...mean...)
//   after:   mean = moving_mean's value
// Each is noted.
// Errors: a norm whose statistics nobody has; it is named. `values` is null for graphs without variables, which may be
// frozen with batch statistics on purpose: their norms are left as they are, which is noted.
Status RestoreNormStatistics(GraphEditor& editor, const Graph& original, const VariableValues* values,
                             PassContext& context);

}  // namespace permafrost
