#pragma once

#include <string>

#include "optimizer/passes/lowering/symbolic_graph.h"

namespace permafrost {

// Why a value is not known when optimizing, and what would change that: "it follows from the shape of input 'x', which
// is [?,8]; give it with --inputs x:...".
std::string WhyUndecided(SymbolicGraph& graph, const Symbol& symbol);

}  // namespace permafrost
