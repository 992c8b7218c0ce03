#include <cstring>

#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/backends/opencv_tf/passes.h"

namespace permafrost {
namespace {

// The part of a kernel [height, width, in, out] that `rows` and `columns` say, each a first index and a number.
struct Taps {
  int64_t first, count;
};

Tensor Cropped(const Tensor& kernel, Taps rows, Taps columns) {
  const Tensor dense = kernel.Dense();
  const std::vector<int64_t>& dims = dense.dims();
  const int64_t tap = dims[2] * dims[3] * SizeOf(dense.dtype());
  std::string bytes;
  for (int64_t y = rows.first; y < rows.first + rows.count; ++y) {
    bytes.append(dense.DenseBytes().substr(static_cast<size_t>((y * dims[1] + columns.first) * tap),
                                           static_cast<size_t>(columns.count * tap)));
  }
  return Tensor::Buffer(dense.dtype(), {rows.count, columns.count, dims[2], dims[3]}, std::move(bytes));
}

// What meets data along an axis: where the picture has one pixel, the tap above it.
Taps TapsOn(int64_t pixels, int64_t taps, int64_t dilation) {
  if (pixels != 1 || taps < 2 || (dilation != 1 && taps % 2 == 0)) return {0, taps};
  return {(taps - 1) / 2, 1};
}

void CropKernel(GraphEditor& editor, NodeId id) {
  const Graph& graph = editor.graph();
  const Node& node = graph.node(id);
  if ((node.op != "Conv2D" && node.op != "DepthwiseConv2dNative") || node.inputs.size() != 2 ||
      node.attr_or<std::string>("padding", "") != "SAME") {
    return;
  }
  const Tensor* kernel = ConstValue(graph, node.inputs[1]);
  const Shape& picture = graph.type(node.inputs[0]).shape;
  if (kernel == nullptr || kernel->rank() != 4 || !picture.IsRank(4)) return;
  const int rows = IsNchw(node) ? 2 : 1, columns = rows + 1;
  auto dilations = node.attr_or<std::vector<int64_t>>("dilations", {1, 1, 1, 1});
  if (dilations.size() != 4) return;
  const auto at = [](int axis) { return static_cast<size_t>(axis); };
  const Taps y = TapsOn(picture.dim(rows), kernel->dims()[0], dilations[at(rows)]);
  const Taps x = TapsOn(picture.dim(columns), kernel->dims()[1], dilations[at(columns)]);
  if (y.count == kernel->dims()[0] && x.count == kernel->dims()[1]) return;
  if (y.count == 1) dilations[at(rows)] = 1;
  if (x.count == 1) dilations[at(columns)] = 1;
  const Tensor cropped = Cropped(*kernel, y, x);
  const std::string name = StrCat(graph.node(node.inputs[1].node).name, "/opencv");
  if (node.attr<std::vector<int64_t>>("dilations") != nullptr) editor.SetAttr(id, "dilations", dilations);
  editor.SetInput(id, 1, EmitConst(editor, name, cropped));
}

Status Run(GraphEditor& editor, PassContext&) {
  for (NodeId id : editor.graph().NodeIds()) CropKernel(editor, id);
  return OkStatus();
}

}  // namespace

const PassInfo kLegalizeKernels{
    .name = "legalize-kernels",
    .summary = "crop kernels over pictures of one row or column to what meets data",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
