#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Bypasses nodes that hand on their input: Identity, IdentityN, StopGradient, CheckNumerics, PreventGradient, Snapshot,
// debug copies, EnsureShape whose shape is known to fit, PlaceholderWithDefault that is no graph input.
//   before:  id = Identity(conv); y = Relu(id); out y, z=id        after:  y = Relu(conv); out y, z=conv
// Names of outputs belong to the graph, not to nodes: they stay. Declines a node with control inputs.
extern const PassInfo kRemoveIdentity;

}  // namespace permafrost
