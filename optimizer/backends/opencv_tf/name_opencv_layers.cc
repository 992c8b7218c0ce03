#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/passes/match_activation.h"

namespace permafrost {
namespace {

std::string_view LayerOf(Activation activation) {
  switch (activation) {
    case Activation::kSwish:
      return "cv::Swish";
    case Activation::kMish:
      return "cv::Mish";
    case Activation::kHardSwish:
      return "cv::HardSwish";
    case Activation::kGelu:
      return "cv::Gelu";
    case Activation::kGeluByTanh:
      break;
  }
  return "cv::GeluApproximation";
}

// Activations and rankings as one layer of OpenCV each, which TensorFlow does not know.
class LayerNames : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    const std::string& op = node(id).op;
    if (op == "TopK" || op == "TopKV2") return Largest(id);
    if (type({id, 0}).dtype != DType::kFloat32 || (op != "Mul" && op != "RealDiv")) return;
    const auto match = MatchActivation(graph_, {id, 0});
    if (match && Has(match->activation)) Replace(id, New(id, std::string(LayerOf(match->activation)), {match->x}));
  }

 private:
  bool Has(Activation activation) const {
    const bool gelu = activation == Activation::kGelu || activation == Activation::kGeluByTanh;
    return !gelu || context_.options().opencv_version >= 40800;
  }

  // OpenCV 5 gives places as 64-bit integers, which its other layers refuse. Pictures would be ranked along another axis.
  void Largest(NodeId id) {
    const int version = context_.options().opencv_version, rank = type(in(id, 0)).shape.rank();
    if (version < 41100 || version >= 50000 || rank < 2 || rank > 3 || !IsFloat({id, 0})) return;
    const int64_t k = type({id, 0}).shape.dim(-1);
    if (k < 1) return;
    const AttrMap attrs = {{"k", k}, {"axis", int64_t{-1}}, {"largest", int64_t{1}}, {"sorted", int64_t{1}}};
    const Value values = New(id, "cv::TopK", {in(id, 0)}, attrs), places{values.node, 1};
    Replace(id, values);
    if (editor_.Users(Value{id, 1}).empty() && !editor_.IsOutput({id, 1})) return;
    editor_.ReplaceUses({id, 1}, New(id, "Cast", {places}, {{"DstT", type({id, 1}).dtype}}));
  }
};

Status Run(GraphEditor& editor, PassContext& context) {
  LayerNames names(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { names.Visit(id); });
}

}  // namespace

const PassInfo kNameOpenCvLayers{
    .name = "name-opencv-layers",
    .summary = "say activations with one layer of OpenCV each (with --opencv-only)",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
