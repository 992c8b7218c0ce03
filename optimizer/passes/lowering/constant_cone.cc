#include "optimizer/passes/lowering/constant_cone.h"

#include <algorithm>
#include <set>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/op.h"

namespace permafrost {

bool MayGrow(std::string_view op) {
  static const std::set<std::string_view> kOps = {
      "BroadcastTo", "Fill",     "LinSpace",           "MirrorPad", "OneHot",        "Pad",
      "PadV2",       "Range",    "ResizeNearestNeighbor", "ScatterNd", "ResizeBilinear", "Tile",
      "ResizeBicubic", "ResizeArea", "CropAndResize", "BatchToSpaceND", "SpaceToBatchND", "Conv2DBackpropInput"};
  return kOps.contains(op);
}

std::optional<Tensor> KnownInts(const ValueType& type) {
  const bool known = type.ints.has_value() && (type.dtype == DType::kInt32 || type.dtype == DType::kInt64) &&
                     type.shape.FullyKnown() && type.shape.rank() <= 1 &&
                     type.shape.Elements() == static_cast<int64_t>(type.ints->size()) &&
                     std::find(type.ints->begin(), type.ints->end(), kUnknownInt) == type.ints->end();
  if (!known) return std::nullopt;
  return Tensor::Of(type.shape.dims(), *type.ints).Cast(type.dtype).Dense();
}

std::optional<int64_t> AsPredicate(const std::optional<Tensor>& tensor) {
  if (!tensor || tensor->elements() != 1 || SizeOf(tensor->dtype()) == 0) return std::nullopt;
  return tensor->Values<int64_t>()[0];
}

std::optional<Tensor> ConstantCone::Get(Value value, int depth) {
  constexpr int kMaxDepth = 64;
  if (depth > kMaxDepth || !graph_.IsLive(value.node)) return std::nullopt;
  if (const auto known = known_.find(value); known != known_.end()) return known->second;
  std::optional<Tensor> result = KnownInts(graph_.type(value));
  if (!result) result = WorkOut(graph_.node(value.node), value, depth);
  known_[value] = result;
  return result;
}

std::optional<Tensor> ConstantCone::WorkOut(const Node& node, Value value, int depth) {
  if (node.IsConst()) return *node.attr<Tensor>("value");
  if ((node.op == "Switch" || node.op == "RefSwitch") && !node.inputs.empty()) {
    return Get(node.inputs[0], depth + 1);  // both ports carry the data, if they carry anything
  }
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || !op->pure || op->kernel == nullptr || node.inputs.empty()) return std::nullopt;
  if (MayGrow(node.op)) {
    const int64_t elements = graph_.type(value).shape.Elements();
    if (elements < 0 || elements > kMaxConeBytes) return std::nullopt;
  }
  std::vector<Tensor> inputs;
  for (Value input : node.inputs) {
    std::optional<Tensor> tensor = Get(input, depth + 1);
    if (!tensor || tensor->byte_size() > kMaxConeBytes) return std::nullopt;
    inputs.push_back(*tensor);
  }
  auto outputs = EvaluateNode(node, inputs);
  if (!outputs.ok() || static_cast<size_t>(value.port) >= outputs->size()) return std::nullopt;
  return (*outputs)[static_cast<size_t>(value.port)];
}

}  // namespace permafrost
