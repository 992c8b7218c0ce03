#pragma once

#include <string_view>

#include "optimizer/passes/pass.h"

namespace permafrost {

// Ops whose first input and result are a reference to a variable, which they change.
bool IsReferenceUpdate(std::string_view op);

// A frozen graph does not change its variables. Takes out updates whose result an output needs, and asks no more whether
// a variable has a value:
//   before:  m = AssignSub(v, d); y = Mul(x, m)      i = IsVariableInitialized(v)
//   after:   y = Mul(x, v)                           i = true
// An update that builds on the variable's own value (a moving average, a counter) hands on the value that the variable
// has, and so does one that assigns something random; Assign of anything else hands on what it assigns. Updates are
// noted.
Status SettleUpdates(GraphEditor& editor, PassContext& context);

}  // namespace permafrost
