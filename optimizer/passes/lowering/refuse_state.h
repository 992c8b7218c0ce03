#pragma once

#include "optimizer/ir/graph.h"
#include "optimizer/support/status.h"

namespace permafrost {

// What keeps values of its own between or within runs has no place in a frozen graph. Errors: a lookup table, a
// temporary variable, an update of something that is no variable; with the output that needs it. Run it once variables
// are frozen and the graph is stripped to its outputs.
Status RefuseState(const Graph& graph);

}  // namespace permafrost
