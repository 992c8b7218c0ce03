#pragma once

#include "optimizer/ir/graph.h"

namespace permafrost {

bool IsVariable(const Node& node);  // Variable, VariableV2, VarHandleOp
bool HasVariables(const Graph& graph);  // functions included

// The variable that a reference or a handle, or what is read of it, belongs to; kNoNode if there is none.
NodeId VariableBehind(const Graph& graph, Value reference);

}  // namespace permafrost
