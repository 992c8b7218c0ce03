#pragma once

#include "optimizer/passes/lowering/symbolic_graph.h"

namespace permafrost {

// TensorListReserve, TensorListStack, TensorArrayReadV3 and their like.
bool IsListOp(std::string_view op);

// What the op gives for these inputs: lists and arrays of known length, whose elements are symbols of their own. What
// reads them whole becomes Pack or ConcatV2, what fills them slices.
//   before:  a, flow = TensorArrayV3(2); b = TensorArrayWriteV3(a, 0, x, flow); c = TensorArrayWriteV3(a, 1, y, b);
//            z = TensorArrayGatherV3(a, [0, 1], c)
//   after:   z = Pack(x, y)
// Errors name the node: an index or length that is not known, an index out of range, an element that nobody wrote.
StatusOr<Symbols> ApplyListOp(SymbolicGraph& graph, const Node& node, const Symbols& inputs);

}  // namespace permafrost
