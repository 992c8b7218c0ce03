#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// A condition that nothing decides, but that chooses between the statistics of the batch and kept ones, says whether the
// graph is trained. It becomes a constant that takes the kept ones:
//   before:  m = Merge(Switch(Mean(x, axes), p):1, Switch(Identity(moving_mean), p))       p a variable, a comparison ...
//   after:   p = false                                          (resolve-control-flow then takes the branch)
// Norms that are fused, in either branch of a Switch/Merge pair or of an If, are told by is_training. Noted.
void DecideTrainingConditions(GraphEditor& editor, PassContext& context);

}  // namespace permafrost
