#include "optimizer/passes/norm_constant.h"

#include <vector>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/op.h"

namespace permafrost {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 16;
constexpr int kMaxDepth = 32;

}  // namespace

const Tensor* ConstantReader::Read(Value value, int depth) {
  if (const Tensor* tensor = ConstValue(graph_, value)) return tensor;
  if (!graph_.IsLive(value.node) || graph_.node(value.node).inputs.empty() || depth > kMaxDepth) return nullptr;
  const auto found = computed_.find(value);
  if (found == computed_.end()) {
    std::optional<Tensor> result = Compute(value, depth);
    computed_.insert_or_assign(value, std::move(result));
  }
  const std::optional<Tensor>& known = computed_[value];
  return known.has_value() ? &*known : nullptr;
}

std::optional<Tensor> ConstantReader::Compute(Value value, int depth) {
  const Node& node = graph_.node(value.node);
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || !op->pure || op->kernel == nullptr || !node.controls.empty()) return std::nullopt;
  const int64_t elements = graph_.type(value).shape.Elements();
  if (elements == kUnknownDim || elements > kMaxElements) return std::nullopt;
  std::vector<Tensor> inputs;
  for (Value input : node.inputs) {
    const Tensor* tensor = Read(input, depth + 1);
    if (tensor == nullptr || tensor->elements() < 0 || tensor->elements() > kMaxElements) return std::nullopt;
    inputs.push_back(*tensor);
  }
  StatusOr<std::vector<Tensor>> outputs = EvaluateNode(node, inputs);
  if (!outputs.ok() || static_cast<size_t>(value.port) >= outputs->size()) return std::nullopt;
  return (*outputs)[static_cast<size_t>(value.port)];
}

}  // namespace permafrost
