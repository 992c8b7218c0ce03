#include "optimizer/frontend/keras/layer.h"

#include "optimizer/frontend/keras/model_layers.h"
#include "optimizer/ops/infer.h"

namespace permafrost::keras {

Layer::Layer() = default;
Layer::~Layer() = default;

LayerContext::LayerContext(Build& build, Layer& layer, Call call)
    : build_(build), layer_(layer), name_(layer.scope), call_(std::move(call)) {
  if (layer_.calls > 0) name_ += StrCat("_", layer_.calls);
  ++layer_.calls;
  if (!call_.args.empty()) inputs_ = TensorsOf(call_.args[0]);
}

StatusOr<int> LayerContext::Rank(Value value) const {
  if (shape(value).has_rank()) return shape(value).rank();
  return InvalidArgument("the rank of its input is not known");
}

StatusOr<int64_t> LayerContext::Dim(Value value, int axis) const {
  const int64_t dim = shape(value).dim(axis);
  if (dim >= 0) return dim;
  return InvalidArgument("dim ", axis, " of its input ", shape(value).ToString(), " must be known");
}

StatusOr<Value> LayerContext::Emit(std::string_view op, std::vector<Value> inputs, AttrMap attrs,
                                   std::string_view suffix) {
  if (build_.editor.graph().next_id() >= build_.max_nodes) {
    return ResourceExhausted("the model has more than --max-nodes (", build_.max_nodes, ") nodes");
  }
  Node node;
  node.name = StrCat(name_, "/", suffix.empty() ? op : suffix);
  node.op = std::string(op);
  node.inputs = std::move(inputs);
  node.attrs = std::move(attrs);
  const NodeId id = build_.editor.AddNode(std::move(node));
  RETURN_IF_ERROR(InferNode(build_.editor, id));
  return Value{id, 0};
}

Value LayerContext::Const(std::string_view suffix, Tensor tensor) {
  const NodeId id = build_.editor.AddConst(StrCat(name_, "/", suffix), std::move(tensor));
  InferNode(build_.editor, id).IgnoreError();  // a Const has the type of its tensor
  return {id, 0};
}

StatusOr<Value> LayerContext::Scalar(std::string_view suffix, double number, Value like) {
  const DType type = dtype(like);
  if (!IsFloating(type) && !IsInteger(type)) return InvalidArgument("there is no number of type ", NameOf(type));
  return Const(suffix, Tensor::Scalar<double>(number).Cast(type).Dense());
}

Value LayerContext::Ints(std::string_view suffix, const std::vector<int64_t>& numbers) {
  return Const(suffix, Tensor::Vector(std::vector<int32_t>(numbers.begin(), numbers.end())));
}

StatusOr<Tensor> LayerContext::WeightTensor(std::string_view weight, const std::vector<int64_t>& dims, WeightKind kind) {
  if (const auto found = layer_.tensors.find(weight); found != layer_.tensors.end()) {
    if (found->second.dims() == dims) return found->second;
    return InvalidArgument("weight '", weight, "' is ", found->second.shape().ToString(), " in one call of the layer and ",
                           Shape(dims).ToString(), " in another");
  }
  if (CheckedElements(dims) < 0) return InvalidArgument("weight '", weight, "' cannot be ", Shape(dims).ToString());
  ASSIGN_OR_RETURN(Tensor tensor, layer_.weights->Next(weight, dims, kind));
  layer_.tensors.emplace(weight, tensor);
  return tensor;
}

Value LayerContext::SharedConst(std::string_view suffix, Tensor tensor) {
  if (const auto found = layer_.consts.find(suffix); found != layer_.consts.end()) return found->second;
  const NodeId id = build_.editor.AddConst(StrCat(layer_.scope, "/", suffix), std::move(tensor));
  InferNode(build_.editor, id).IgnoreError();
  layer_.consts.emplace(suffix, Value{id, 0});
  return {id, 0};
}

StatusOr<Value> LayerContext::Weight(std::string_view weight, const std::vector<int64_t>& dims, WeightKind kind) {
  ASSIGN_OR_RETURN(const Tensor tensor, WeightTensor(weight, dims, kind));
  return SharedConst(weight, tensor);
}

StatusOr<Value> LayerContext::WeightAs(std::string_view weight, const std::vector<int64_t>& dims,
                                       const std::vector<int64_t>& as, WeightKind kind) {
  ASSIGN_OR_RETURN(const Tensor tensor, WeightTensor(weight, dims, kind));
  if (CheckedElements(as) != tensor.elements()) return Internal("weight '", weight, "' reshaped to other elements");
  return SharedConst(weight, tensor.Reshaped(as));
}

Layer& LayerContext::Inner(std::string_view attribute, std::string_view scope_name, Config config) {
  for (const auto& [name, layer] : layer_.inner) {
    if (name == attribute) return *layer;
  }
  auto inner = std::make_unique<Layer>();
  inner->scope = StrCat(layer_.scope, "/", scope_name);
  inner->config = config;
  inner->weights = layer_.weights->Of(attribute);
  layer_.inner.emplace_back(attribute, std::move(inner));
  return *layer_.inner.back().second;
}

StatusOr<std::vector<Value>> LayerContext::CallInner(std::string_view attribute, const Json& json, Call call) {
  for (const auto& [name, layer] : layer_.inner) {
    if (name == attribute) return CallLayer(build_, *layer, std::move(call));
  }
  ASSIGN_OR_RETURN(auto inner, MakeLayer(json, layer_.scope, layer_.weights->Of(attribute)));
  layer_.inner.emplace_back(attribute, std::move(inner));
  return CallLayer(build_, *layer_.inner.back().second, std::move(call));
}

}  // namespace permafrost::keras
