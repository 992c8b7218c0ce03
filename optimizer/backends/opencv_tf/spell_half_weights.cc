#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

Status SpellHalfWeights(GraphEditor& editor, PassContext&) {
  for (NodeId id : editor.graph().NodeIds()) {
    const Node& node = editor.node(id);
    if (node.op != "Cast" || editor.graph().type({id, 0}).dtype != DType::kFloat32) continue;
    const Tensor* half = ConstValue(editor.graph(), node.inputs[0]);
    if (half == nullptr || half->dtype() != DType::kHalf) continue;
    for (const char* attr : {"SrcT", "DstT", "Truncate"}) editor.RemoveAttr(id, attr);
    editor.SetOp(id, "Dropout");
    RETURN_IF_ERROR(InferNode(editor, id));
  }
  return OkStatus();
}

}  // namespace

const PassInfo kSpellHalfWeights{
    .name = "spell-half-weights",
    .summary = "widen half constants by a function that OpenCV takes for nothing",
    .needs = {Fact::kFlat},
    .gives = {},
    .run = SpellHalfWeights,
    .aliases = {},
};

}  // namespace permafrost
