#pragma once

#include "optimizer/passes/pass.h"

// What OpenCV's TensorFlow importer needs that plain TensorFlow does not. All of it stays valid TensorFlow. Each row of
// accepted_ops.cc that says "rewritten" is done by one of these.
namespace permafrost {

// Index constants int64 -> int32; a Cast of an integer input goes, the input becomes float32 (cv::dnn feeds floats).
extern const PassInfo kLegalizeDtypes;

// Tile, BroadcastTo, Gather, Reverse, Cumsum, StridedSlice, Pack, Unpack, SplitV, PadV2 and MirrorPad by slices, joins,
// poolings and products with constant matrices.
extern const PassInfo kLegalizeMoves;

// Resize, deconvolution and DepthToSpace of unknown height and width; SpaceToBatchND around a convolution.
//   before:  Conv2DBackpropInput(Shape(skip), k, x)      after:  Conv2DBackpropInput(Pack(n, h * 2, w * 2, c), k, x)
extern const PassInfo kLegalizeSizes;

// Operand order and ops that the importer lacks: c - x, c / x, Neg, Rsqrt, SquaredDifference, Maximum and Minimum, Pow,
// leaky and thresholded ReLU spelled out, BiasAdd and vector Add away from a convolution, live Add after MatMul.
extern const PassInfo kLegalizeElementwise;

// Convolutions and MatMul: transposed MatMul operands, dilations, a Pad that the importer would merge wrongly.
extern const PassInfo kLegalizeLinear;

// Reduction axes in the spelling that is taken; the axis of Softmax on anything but matrices.
extern const PassInfo kLegalizeReductions;

// Reshape, Transpose, ExpandDims and Squeeze: the order of data that the importer would not keep.
extern const PassInfo kLegalizeShapes;

// An output that the importer would merge into its neighbour, or that feeds another layer, gets a layer of its own.
//   before:  b = BiasAdd(conv, c); r = Relu(b); out b, r       after:  b/out = Mul(b, 1); out b=b/out, r
extern const PassInfo kIsolateOutputs;

// The importer empties the constants of convolutions and MatMul; other users get a copy (in the file only).
extern const PassInfo kUnshareConstants;

// Writes default attributes that the importer reads without a default, drops data_format where there is no layout.
extern const PassInfo kSpellOutAttributes;

}  // namespace permafrost
