#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Puts the bodies of TensorFlow 1's while frames into functions, inner loops first: the form that TensorFlow 2 writes.
//   before:  e = Enter(x) {frame_name="w"}; m = Merge(e, next); l = LoopCond(Less(m, 5)); s = Switch(m, l);
//            next = NextIteration(Add(s:1, 1)); y = Exit(s)
//   after:   func w/cond { in a; out r=Less(a, 5) }; func w/body { in a; out r=Add(a, 1) }
//            y = While(x) {cond=@w/cond, body=@w/body}
// What a loop takes from outside without changing it becomes a variable that the body hands on. Loops that no output
// needs stay. Errors: frames that are not the loops that TensorFlow writes; node and frame are named.
extern const PassInfo kOutlineLoops;

// The same for the graph of a function's body.
Status OutlineLoops(GraphEditor& editor);

}  // namespace permafrost
