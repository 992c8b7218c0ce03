#include <algorithm>
#include <map>

#include "optimizer/backends/opencv_tf/mover.h"
#include "optimizer/backends/opencv_tf/passes.h"

// Ops that pick, repeat or reverse elements, as slices, joins, poolings and products with matrices of zeros and ones.
// What comes out means the same in TensorFlow; legalize-shapes then brings Reshape and Transpose into the importer's
// form.
namespace permafrost {

void Mover::Visit(NodeId id) {
  using Rule = void (Mover::*)();
  static const std::map<std::string_view, Rule> kRules = {
      {"Tile", &Mover::Tile},
      {"BroadcastTo", &Mover::BroadcastTo},
      {"Cumsum", &Mover::Cumsum},
      {"Cumprod", &Mover::Cumprod},
      {"Gather", &Mover::Gather},
      {"GatherV2", &Mover::Gather},
      {"ReverseV2", &Mover::Reverse},
      {"ReverseSequence", &Mover::ReverseSequence},
      {"StridedSlice", &Mover::StridedSlice},
      {"Split", &Mover::Split},
      {"SplitV", &Mover::SplitV},
      {"Unpack", &Mover::Unpack},
      {"Pack", &Mover::Pack},
      {"Concat", &Mover::OldConcat},
      {"ConcatV2", &Mover::Concat},
      {"PadV2", &Mover::PadV2},
      {"MirrorPad", &Mover::MirrorPad}};
  const auto rule = kRules.find(graph_.node(id).op);
  if (rule == kRules.end()) return;
  const DType dtype = graph_.type({id, 0}).dtype;
  if (IsInteger(dtype) || dtype == DType::kBool) return;  // sizes and indices are for other passes
  id_ = id;
  name_ = StrCat(graph_.node(id).name, "/opencv");
  (this->*rule->second)();
}

namespace {

// Already as the rule would write it.
bool IsPlain(const Graph& graph, const Node& node) {
  if (node.op != "StridedSlice" || node.inputs.size() != 4) return false;
  for (const char* mask : {"begin_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
    if (node.attr_or<int64_t>(mask, 0) != 0) return false;
  }
  const Tensor *begin = ConstValue(graph, node.inputs[1]), *end = ConstValue(graph, node.inputs[2]);
  const Tensor* strides = ConstValue(graph, node.inputs[3]);
  if (begin == nullptr || end == nullptr || strides == nullptr) return false;
  const std::vector<int64_t> steps = strides->Values<int64_t>();
  if (std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; })) return false;
  const Shape& shape = graph.type(node.inputs[0]).shape;
  const std::vector<int64_t> ends = end->Values<int64_t>(), starts = begin->Values<int64_t>();
  if (static_cast<int>(ends.size()) != shape.rank() || ends.size() != starts.size()) return false;
  bool from_the_end = false;
  for (int i = 0; i < shape.rank(); ++i) {
    from_the_end = from_the_end || (shape.dim(i) < 0 && ends[static_cast<size_t>(i)] < 0);
    if (starts[static_cast<size_t>(i)] < 0) return false;
  }
  return from_the_end;
}

Status Run(GraphEditor& editor, PassContext& context) {
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, editor.graph().TopoOrder());
  Mover mover(editor, context);
  for (NodeId id : order) {
    if (!IsPlain(editor.graph(), editor.node(id))) mover.Visit(id);
  }
  return OkStatus();
}

}  // namespace

const PassInfo kLegalizeMoves{
    .name = "legalize-moves",
    .summary = "pick, repeat and reverse elements by slices, joins and products",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
