#include <cstring>
#include <optional>

#include "optimizer/ops/infer.h"
#include "optimizer/passes/requested/passes.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

struct Atrous {
  NodeId conv = kNoNode;
  Value input;
  std::string padding;
  int64_t rate[2] = {1, 1};
  std::vector<int64_t> kernel;  // dims with the gaps
};

// `count` integers of a constant, else nullopt.
std::optional<std::vector<int64_t>> Ints(const Graph& graph, Value value, int64_t count) {
  const Tensor* tensor = ConstantBehind(graph, value);
  if (tensor == nullptr || !IsInteger(tensor->dtype()) || tensor->elements() != count) return std::nullopt;
  return tensor->Values<int64_t>();
}

// Fills `found`, or says why the node is not the end of such a convolution.
std::string Match(const GraphEditor& editor, NodeId id, int64_t byte_limit, Atrous& found) {
  const Graph& graph = editor.graph();
  const Node& to_space = graph.node(id);
  if (to_space.inputs.size() != 3) return "it has not three inputs";
  const Node& conv = graph.node(to_space.inputs[0].node);
  if ((conv.op != "Conv2D" && conv.op != "DepthwiseConv2dNative") || conv.inputs.size() != 2) {
    return "its input is no convolution";
  }
  const Node& to_batch = graph.node(conv.inputs[0].node);
  if (to_batch.op != "SpaceToBatchND" || to_batch.inputs.size() != 3) return "the convolution's input is no SpaceToBatchND";
  if (!editor.HasOneUse(to_space.inputs[0])) return "the convolution has other users";
  const std::vector<int64_t> ones = {1, 1, 1, 1};
  if (conv.attr_or("strides", ones) != ones || conv.attr_or("dilations", ones) != ones) {
    return "the convolution has strides or dilations of its own";
  }
  if (conv.attr_or<std::string>("padding", "") != "VALID" || IsNchw(conv)) return "the convolution is not VALID on NHWC";
  const Tensor* kernel = ConstantBehind(graph, conv.inputs[1]);
  if (kernel == nullptr || kernel->rank() != 4 || kernel->dtype() != DType::kFloat32) {
    return "the kernel is no constant of float32 (fold-constants first)";
  }
  const auto rate = Ints(graph, to_batch.inputs[1], 2), rate_back = Ints(graph, to_space.inputs[1], 2);
  const auto pads = Ints(graph, to_batch.inputs[2], 4), crops = Ints(graph, to_space.inputs[2], 4);
  if (!rate || !rate_back || !pads || !crops) return "blocks, paddings or crops are no constants (fold-constants first)";
  if (*rate != *rate_back) return "the blocks differ";
  found = {to_space.inputs[0].node, to_batch.inputs[0], "", {1, 1}, kernel->dims()};
  bool same = true, valid = true;
  for (size_t axis = 0; axis < 2; ++axis) {
    found.rate[axis] = (*rate)[axis];
    if (found.rate[axis] < 1 || found.rate[axis] > INT32_MAX || kernel->dims()[axis] > INT32_MAX) return "the blocks are out of range";
    found.kernel[axis] = (kernel->dims()[axis] - 1) * found.rate[axis] + 1;
    const int64_t before = (*pads)[2 * axis] - (*crops)[2 * axis], after = (*pads)[2 * axis + 1] - (*crops)[2 * axis + 1];
    const int64_t total = found.kernel[axis] - 1;
    same = same && before == total / 2 && after == total - total / 2;
    valid = valid && before == 0 && after == 0;
  }
  if (!same && !valid) return "paddings and crops are neither SAME nor VALID";
  found.padding = same ? "SAME" : "VALID";
  const int64_t elements = CheckedElements(found.kernel);
  if (elements <= 0 || elements > byte_limit / 4) return "the kernel with gaps is too large";
  return "";
}

// Zeros between the elements of the first two axes.
Tensor WithGaps(const Tensor& kernel, const Atrous& atrous) {
  std::string bytes(static_cast<size_t>(CheckedElements(atrous.kernel)) * sizeof(float), '\0');
  const Tensor dense = kernel.Dense();
  const std::vector<int64_t>& dims = dense.dims();
  const int64_t run = dims[2] * dims[3];
  for (int64_t y = 0; y < dims[0]; ++y) {
    for (int64_t x = 0; x < dims[1]; ++x) {
      const int64_t to = (y * atrous.rate[0] * atrous.kernel[1] + x * atrous.rate[1]) * run;
      std::memcpy(bytes.data() + to * 4, dense.data<float>() + (y * dims[1] + x) * run, static_cast<size_t>(run) * 4);
    }
  }
  return Tensor::Buffer(DType::kFloat32, atrous.kernel, std::move(bytes));
}

Status FlattenAtrousConv(GraphEditor& editor, PassContext& context) {
  int64_t budget = context.options().fold_growth_bytes;
  for (NodeId id : editor.graph().NodeIds()) {
    if (editor.node(id).op != "BatchToSpaceND") continue;
    Atrous atrous;
    if (const std::string why = Match(editor, id, budget, atrous); !why.empty()) {
      context.Decline(editor.node(id), why);
      continue;
    }
    const Tensor kernel = WithGaps(*ConstantBehind(editor.graph(), editor.node(atrous.conv).inputs[1]), atrous);
    budget -= kernel.byte_size();
    // The kernel may have other users: it gets a constant of its own.
    const Value weights = EmitConst(editor, StrCat(editor.node(atrous.conv).name, "/flatten-atrous-conv"), kernel);
    AttrMap attrs = editor.node(atrous.conv).attrs;
    attrs["padding"] = atrous.padding;
    const std::string op = editor.node(atrous.conv).op, name = StrCat(editor.node(id).name, "/flatten-atrous-conv");
    editor.ReplaceUses({id, 0}, Emit(editor, op, name, {atrous.input, weights}, std::move(attrs)));
  }
  return OkStatus();
}

}  // namespace

const PassInfo kFlattenAtrousConv{
    .name = "flatten-atrous-conv",
    .summary = "make SpaceToBatchND around a convolution one convolution with a larger kernel",
    .needs = {Fact::kFlat},
    .gives = {},
    .run = FlattenAtrousConv,
    .aliases = {},
    .wants = {Fact::kConstantsFolded},
};

}  // namespace permafrost
