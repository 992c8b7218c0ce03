#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Puts every node after what it needs: graph inputs first, in their order, each constant right before its first user,
// all else as near to its old place as that allows.
//   before:  y = Add(a, b); in x; b = Neg(x); a = Relu(x)      after:  in x; b = Neg(x); a = Relu(x); y = Add(a, b)
// A cycle is an error.
extern const PassInfo kSortByExecutionOrder;

}  // namespace permafrost
