#pragma once

#include "optimizer/passes/pass.h"

// Passes that run only when somebody asks for them (--passes, --add): smaller weights, and what transform_graph had
// for editing graphs by hand. Names and options are transform_graph's.
namespace permafrost {

// ---- Smaller weights: float32 constants with at least minimum_size elements. Each notes what it saved and its largest
// rounding error. They decline constants with infinities or NaNs, and those that are graph outputs.

// 8 bits: range of the constant and zero in 256 steps, zero on one of them, in the form that OpenCV reads too.
//   before:  y = MatMul(x, w)
//   after:   w = Dequantize(w_quantized_const, w_quantized_min, w_quantized_max) {mode="MIN_FIRST"}; y = MatMul(x, w)
// With per_channel=true the weights of Conv2D, DepthwiseConv2dNative and MatMul have one range per output channel:
// they are divided by it, and the product is multiplied by it afterwards.
extern const PassInfo kQuantizeWeights;

// Stays float32, with num_steps different values in a constant, so that the file compresses well. transform_graph's
// buckets; constants from 16 elements.
extern const PassInfo kRoundWeights;

// 16 bits: half keeps 11 binary digits.  before: y = MatMul(x, w)      after: w = Cast(w_half); y = MatMul(x, w)
extern const PassInfo kHalfWeights;

// ---- Editing

// Bypasses every op=... with one input (up to max_inputs), except graph inputs and outputs. Changes the numbers where
// the op computes something.
extern const PassInfo kRemoveNodes;

extern const PassInfo kRenameNode;       // old_node_name, new_node_name; a graph input or output gets the new name too
extern const PassInfo kRenameOp;         // old_op_name, new_op_name
extern const PassInfo kRenameAttribute;  // old_attribute_name, new_attribute_name, op_name (all ops)
extern const PassInfo kRemoveAttribute;  // attribute_name, op_name (all ops)

// Every node but graph inputs and outputs is called 0, 1 ... 9, a ... z, A ... Z, 10 ...
extern const PassInfo kObfuscateNames;

// SpaceToBatchND -> convolution -> BatchToSpaceND as one convolution whose kernel has the gaps.
//   before:  BatchToSpaceND(Conv2D(SpaceToBatchND(x, 2, p), k3x3), 2, c)      after:  Conv2D(x, k5x5)
// Declines where padding and crops are neither SAME nor VALID of that kernel.
extern const PassInfo kFlattenAtrousConv;

extern const PassInfo kBackportConcat;  // ConcatV2(a, b, axis) -> Concat(axis, a, b)

// Writes the attributes that a node leaves to their defaults, as far as the op's table has them.
extern const PassInfo kAddDefaultAttributes;

}  // namespace permafrost
