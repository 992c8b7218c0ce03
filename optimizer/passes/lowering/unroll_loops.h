#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Puts the turns of a While, one after the other, in its place, where its condition follows from constants and shapes.
//   before:  func c { in i, a; out p=Less(i, 2) }; func b { in i, a; out j=Add(i, 1), t=Tanh(a) }
//            _, y = While(0, x) {cond=@c, body=@b}
//   after:   y = Tanh(Tanh(x))
// TensorLists and TensorArrays, inside loops and outside, become the tensors they hold; conditions and calls inside a
// body are resolved on the way. Nodes are called "<loop>/<turn>/<name in the body>".
// Errors: a condition that is not known, with what would decide it; more nodes than PassOptions::unroll_nodes; a list or
// array op that reads or writes where there is nothing.
extern const PassInfo kUnrollLoops;

}  // namespace permafrost
