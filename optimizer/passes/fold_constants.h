#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

// Works out what does not depend on the inputs, and drops arithmetic that changes nothing.
//   before:  s = Add(Mul(a, 2), b); y = Mul(x, s)         after:  s = <numbers>; y = Mul(x, s)       (a, b constants)
//            n = StridedSlice(Shape(x), ...)              after:  n = <the dims that are known>
//            y = Add(Mul(x, 1), 0)                        after:  y is x, where shape and type provably stay
// The constants may grow by options().fold_growth_bytes in all; what dies is deducted. Reshape, Transpose, Cast and
// Dequantize of constants are always folded, the first three without a copy. Declines when the budget is used up, when
// the size of a result is unknown, and when there is no kernel or it refuses. Options: exclude_op, exclude_node,
// max_constant_size_in_bytes (of one result), clear_output_shapes (the shapes that the file's author noted; true).
extern const PassInfo kFoldConstants;

}  // namespace permafrost
