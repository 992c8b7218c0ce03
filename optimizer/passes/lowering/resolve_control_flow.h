#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Takes the branch that is known: Switch/Merge, If and Case whose predicate is a constant (or follows from constants).
//   before:  s = Switch(x, false); a = Relu(s); b = Neg(s:1); m = Merge(a, b)
//   after:   a = Relu(x)                       (users of m now use a; b is dead)
// What only the dead branch computes disappears. If and Case become calls of the branch taken, inlined at once.
// Predicates that are not constant are declined, naming the node and the predicate.
extern const PassInfo kResolveControlFlow;

}  // namespace permafrost
