#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Removes what no output reaches, and functions that nobody names. Graph inputs stay, used or not; an unused one is
// noted.
//   before:  a = Relu(x); b = Neg(x); out a        after:  a = Relu(x); out a
// transform_graph's options describe the placeholders that stand where --inputs cuts (pipeline/set_boundary.h).
// Refuses a graph without outputs: everything in it is unused.
extern const PassInfo kStripUnused;

}  // namespace permafrost
