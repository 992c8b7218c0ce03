#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Merges nodes that compute the same: pure, same op, same attributes, same inputs (in either order where the op does
// not care); constants of the same type, shape and bits. The first in position stays.
//   before:  a = Relu(x); b = Relu(x); y = Add(a, b)      after:  a = Relu(x); y = Add(a, a)
// Never placeholders, nodes with control inputs, or ops that are random, stateful or unknown.
extern const PassInfo kMergeDuplicates;

}  // namespace permafrost
