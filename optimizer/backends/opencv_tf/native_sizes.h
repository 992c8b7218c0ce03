#pragma once

#include <set>

#include "optimizer/passes/rewrite.h"

// Sizes that cv::dnn works out itself when it runs. The importer knows a few spellings of "a multiple of x's height and
// width"; these are the ones that Keras writes, and TensorFlow runs them as well.
//   resize:         Resize*(x, Mul(StridedSlice(Shape(x), 1, 3, 1), factors))
//   deconvolution:  Conv2DBackpropInput(Pack(N, H * stride, W * stride, channels), kernel, x)                  SAME
//                   Conv2DBackpropInput(Pack(N, H * stride + c, W * stride + c, channels), kernel, x)          VALID
// Nothing in them may be shared: the importer deletes what it matched.
namespace permafrost {

Value EmitResizeFactors(GraphEditor& editor, std::string_view name, Value x, int64_t height, int64_t width);

struct DeconvolutionSizes {
  int64_t stride_h, stride_w, kernel_h, kernel_w, channels;
  bool same;
};
Value EmitDeconvolutionShape(GraphEditor& editor, std::string_view name, Value x, const DeconvolutionSizes& sizes);

// Nodes that the importer takes as part of such a spelling.
std::set<NodeId> NativeSizeNodes(const Graph& graph);

}  // namespace permafrost
