#pragma once

#include "optimizer/ir/graph_editor.h"

namespace permafrost {

// Types of one node from those of its inputs; written to the graph. Unknown ops keep the types they have.
Status InferNode(GraphEditor& editor, NodeId id);

// Types of all nodes, producers first. In a graph with while loops the values that come round start unknown.
// Errors name the node.
Status InferTypes(GraphEditor& editor);

// The reverse of Shape's question: broadcasting as numpy does it, with unknown dims. Errors: dims that do not fit.
StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b);

}  // namespace permafrost
