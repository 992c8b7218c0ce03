#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Drops every control input. In a frozen graph nothing is left whose order matters.
//   before:  y = Relu(x, ^assert)        after:  y = Relu(x)
extern const PassInfo kRemoveControlEdges;

}  // namespace permafrost
