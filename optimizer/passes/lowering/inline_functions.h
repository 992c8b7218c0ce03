#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Puts the bodies of functions in place of their calls: PartitionedCall, StatefulPartitionedCall, and nodes whose op is
// a function's name; nested calls too. Inlined nodes are called "<call>/<name in the body>".
//   before:  y = PartitionedCall(x) {f=@body}      after:  y/r = Relu(x)
// Only calls that an output needs, or all when the graph has no outputs yet. Errors: a function that is missing or calls
// itself, a call whose number of arguments does not fit, more nodes than the limit.
extern const PassInfo kInlineFunctions;

// The same for every call, whether an output needs it or not. After an error some calls are left.
Status InlineAllCalls(GraphEditor& editor);

// Puts `body` in place of `call`, which must have the same number of inputs and is removed. Its users get the results.
Status InlineCall(GraphEditor& editor, NodeId call, const Graph& body);

}  // namespace permafrost
