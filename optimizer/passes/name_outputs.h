#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Makes every graph output a node of its own under exactly the asked name ("x:1" becomes "x_1": a node's name has no
// colon). The node that computes an output takes its name where it can; a second name for one value, an output that is a
// graph input, and a port other than 0 get a node of their own, a multiplication by 1 (Identity for what is no float).
//   before:  in x; r = Relu(x); out r, answer=r        after:  in x; r = Relu(x); answer = Mul(r, 1); out r, answer
extern const PassInfo kNameOutputs;

// The node name under which a requested tensor is found in the file.
std::string OutputNodeName(std::string_view output);

}  // namespace permafrost
