#pragma once

#include "optimizer/passes/pass.h"

// What OpenCV's TensorFlow importer needs that plain TensorFlow does not. All of it stays valid TensorFlow. Each row of
// accepted_ops.cc that says "rewritten" is done by one of these.
namespace permafrost {

// Index constants int64 -> int32; a Cast of an integer input goes, the input becomes float32 (cv::dnn feeds floats).
extern const PassInfo kLegalizeDtypes;

// With --opencv-only: activations as one layer of OpenCV each.
//   before:  s = Sigmoid(x); y = Mul(x, s)     after:  y = cv::Swish(x)
extern const PassInfo kNameOpenCvLayers;

// Ops that are another by a second name, or a few others: Rint, Roll, EuclideanNorm, MaxPoolV2, Atan2, Pow of two live
// values ...
//   before:  y = EuclideanNorm(x, 1)     after:  s = Square(x); t = Sum(s, 1); y = Sqrt(t)
extern const PassInfo kLegalizeSynonyms;

// Whole numbers and truth values that come from data and go on as data, as floats: ArgMax that is converted, OneHot,
// TopK, tables looked up, outputs that are no floats.
extern const PassInfo kLegalizeIntegers;

// Pixels repeated by a product with ones or by joins, as feature pyramids say it, with one resize.
//   before:  s = Reshape(x, [n,h,1,w,1,c]); m = Mul(s, ones[1,1,2,1,2,1]); y = Reshape(m, [n,2h,2w,c])
//   after:   y = ResizeNearestNeighbor(x, [2h,2w])
extern const PassInfo kLegalizeUpsampling;

// Tile, BroadcastTo, Gather, Reverse, Cumsum, StridedSlice, Pack, Unpack, SplitV, PadV2 and MirrorPad by slices, joins,
// poolings and products with constant matrices.
extern const PassInfo kLegalizeMoves;

// ResizeBicubic, ResizeArea, ScaleAndTranslate and CropAndResize of constant boxes, by a product with a matrix along
// height and one along width.
extern const PassInfo kLegalizeResampling;

// Deconvolutions that are dilated: zeros between the kernel's elements. Those of volumes: pictures depth by depth.
extern const PassInfo kLegalizeDeconvolutions;

// Resize, deconvolution and DepthToSpace of unknown height and width; SpaceToBatchND around a convolution or
// alone.
//   before:  Conv2DBackpropInput(Shape(skip), k, x)      after:  Conv2DBackpropInput(Pack(n, h * 2, w * 2, c), k, x)
extern const PassInfo kLegalizeSizes;

// Functions that the importer lacks, in terms of those it has: Log1p, Expm1, Erfc, LogSoftmax, FloorDiv, FloorMod, Min,
// Prod, Pow, FakeQuant, AddN with constants.
//   before:  y = Expm1(x)                after:  e = Exp(x); y = Add(e, -1)
extern const PassInfo kLegalizeFunctions;

// Comparisons and Select as arithmetic with masks of zeros and ones.
//   before:  g = Greater(x, t); y = Select(g, x, b)
//   after:   m = ClipByValue((x - t) 2^100, 0, 1); y = Add(Mul(m, x), Mul(1 - m, b))
// Declines a branch that may be infinite or no number where it is not chosen.
extern const PassInfo kLegalizeSelections;

// Norms with the statistics of their own data: FusedBatchNorm in training mode on a known batch, layer norm as Keras
// says it with a batch norm.
extern const PassInfo kLegalizeNorms;

// Einsum of two operands, products of more than three dims and of constant matrices with batches:
//   before:  y = Einsum(x, w) {equation="abc,cd->abd"}     after:  r = Reshape(x, [-1, c]); m = MatMul(r, w)
//                                                                  y = Reshape(m, [-1, b, d])
extern const PassInfo kLegalizeProducts;

// Broadcasting between activations, where the importer has none: [N,H,W,1] over channels by a convolution with ones,
// [N,1,W,C] over height by a resize, [N,1] over a row by a MatMul with ones.
extern const PassInfo kLegalizeBroadcasts;

// Operand order and ops that the importer lacks: c - x, c / x, Neg, Rsqrt, SquaredDifference, Maximum and Minimum,
// leaky ReLU spelled out, BiasAdd and vector Add away from a convolution, live Add after MatMul, constants that differ
// from place to place.
extern const PassInfo kLegalizeElementwise;

// Kernels over pictures of one row or column lose the rows and columns that only ever meet padding: less work, and right
// from OpenCV 4.8 to 5.0, whose depthwise convolution of 3 x 3 reads past such pictures.
extern const PassInfo kLegalizeKernels;

// Convolutions and MatMul: transposed MatMul operands, dilations, a Pad that the importer would merge wrongly.
extern const PassInfo kLegalizeLinear;

// Reduction axes in the spelling that is taken; the axis of Softmax on anything but matrices.
extern const PassInfo kLegalizeReductions;

// Reshape, Transpose, ExpandDims and Squeeze: the order of data that the importer would not keep.
extern const PassInfo kLegalizeShapes;

// DetectionOutput over constant anchors: they come joined from two parts (detection_output.cc).
extern const PassInfo kLegalizeDetections;

// An output that the importer would merge into its neighbour, or that feeds another layer, gets a layer of its own.
//   before:  b = BiasAdd(conv, c); r = Relu(b); out b, r       after:  b/out = Mul(b, 1); out b=b/out, r
extern const PassInfo kIsolateOutputs;

// The importer empties the constants of convolutions and MatMul; other users get a copy (in the file only).
extern const PassInfo kUnshareConstants;

// The importer knows no Cast, but reads half constants and skips Dropout: a function of that name widens them for
// TensorFlow (backends/graphdef/widen_function.h). Runs after half-weights only.
//   before:  w = Cast(w_half)            after:  w = Dropout(w_half)
extern const PassInfo kSpellHalfWeights;

// Writes default attributes that the importer reads without a default, drops data_format where there is no layout.
extern const PassInfo kSpellOutAttributes;

}  // namespace permafrost
