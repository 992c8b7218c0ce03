#include "optimizer/backends/onnx/emit_onnx.h"

#include "optimizer/proto/wire.h"
#include "permafrost/onnx.pb.h"

namespace permafrost {
namespace {

StatusOr<int> ElementType(DType dtype) {
  static const std::map<DType, int> kTypes = {
      {DType::kFloat32, 1},  {DType::kUint8, 2},   {DType::kInt8, 3},    {DType::kUint16, 4},   {DType::kInt16, 5},
      {DType::kInt32, 6},    {DType::kInt64, 7},   {DType::kString, 8},  {DType::kBool, 9},     {DType::kHalf, 10},
      {DType::kFloat64, 11}, {DType::kUint32, 12}, {DType::kUint64, 13}, {DType::kBFloat16, 16}};
  const auto found = kTypes.find(dtype);
  if (found != kTypes.end()) return found->second;
  return Unsupported("ONNX has no element type ", NameOf(dtype));
}

// The releases of ONNX that brought each opset; a file says the format version of its release.
int64_t FormatVersion(int opset) {
  if (opset <= 8) return 3;
  if (opset == 9) return 4;
  if (opset == 10) return 5;
  if (opset == 11) return 6;
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  return opset <= 20 ? 9 : 10;
}

StatusOr<onnx::ValueInfoProto> Describe(const OnnxValue& value, bool is_input) {
  onnx::ValueInfoProto info;
  info.set_name(value.name);
  onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
  ASSIGN_OR_RETURN(const int element, ElementType(value.dtype));
  type.set_elem_type(element);
  if (!value.shape.has_rank()) return info;
  type.mutable_shape();
  for (int i = 0; i < value.shape.rank(); ++i) {
    onnx::ShapeProto::Dim& dim = *type.mutable_shape()->add_dim();
    if (value.shape.dim(i) != kUnknownDim) {
      dim.set_size(value.shape.dim(i));
    } else if (is_input) {
      dim.set_symbol(i == 0 ? "batch" : StrCat(value.name, "_dim", i));
    }
  }
  return info;
}

Status Fill(const Attr& attr, onnx::AttributeProto& proto) {
  using Proto = onnx::AttributeProto;
  if (const auto* i = std::get_if<int64_t>(&attr)) {
    proto.set_type(Proto::INT);
    proto.set_i(*i);
  } else if (const auto* f = std::get_if<float>(&attr)) {
    proto.set_type(Proto::FLOAT);
    proto.set_f(*f);
  } else if (const auto* s = std::get_if<std::string>(&attr)) {
    proto.set_type(Proto::STRING);
    proto.set_s(*s);
  } else if (const auto* is = std::get_if<std::vector<int64_t>>(&attr)) {
    proto.set_type(Proto::INTS);
    for (int64_t value : *is) proto.add_ints(value);
  } else if (const auto* fs = std::get_if<std::vector<float>>(&attr)) {
    proto.set_type(Proto::FLOATS);
    for (float value : *fs) proto.add_floats(value);
  } else if (const auto* tensor = std::get_if<Tensor>(&attr)) {
    proto.set_type(Proto::TENSOR);
    for (int64_t dim : tensor->dims()) proto.mutable_t()->add_dims(dim);
    ASSIGN_OR_RETURN(const int element, ElementType(tensor->dtype()));
    proto.mutable_t()->set_data_type(element);
    proto.mutable_t()->set_raw_data(std::string(tensor->Dense().DenseBytes()));
  } else {
    return Internal("attribute '", proto.name(), "' has a type that ONNX lacks");
  }
  return OkStatus();
}

StatusOr<std::string> NodeBytes(const OnnxGraph& graph, const OnnxNode& node) {
  onnx::NodeProto proto;
  for (int id : node.inputs) proto.add_input(id == OnnxNode::kAbsent ? "" : graph.value(id).name);
  for (int id : node.outputs) proto.add_output(id == OnnxNode::kAbsent ? "" : graph.value(id).name);
  proto.set_name(node.name);
  proto.set_op_type(node.op);
  for (const auto& [name, value] : node.attrs) {
    onnx::AttributeProto& attribute = *proto.add_attribute();
    attribute.set_name(name);
    RETURN_IF_ERROR(Fill(value, attribute));
  }
  return proto.SerializeAsString();
}

// An initializer up to its raw data.
struct Weights {
  std::string head;
  const Tensor* tensor;
  uint64_t size() const { return head.size() + static_cast<uint64_t>(tensor->byte_size()); }
};

StatusOr<Weights> Prepare(const OnnxValue& value) {
  if (value.constant.dtype() == DType::kString) return Unsupported("constant '", value.name, "' holds strings");
  onnx::TensorProto proto;
  for (int64_t dim : value.constant.dims()) proto.add_dims(dim);
  ASSIGN_OR_RETURN(const int element, ElementType(value.constant.dtype()));
  proto.set_data_type(element);
  proto.set_name(value.name);
  Weights weights{proto.SerializeAsString(), &value.constant};
  AppendHeader(weights.head, 9, static_cast<uint64_t>(value.constant.byte_size()));
  return weights;
}

}  // namespace

Status EmitOnnx(const OnnxGraph& graph, const OnnxFileOptions& options,
                const std::function<Status(std::string_view)>& sink) {
  std::string nodes;  // GraphProto up to its weights
  for (const OnnxNode& node : graph.nodes) {
    const auto bytes = NodeBytes(graph, node);
    if (!bytes.ok()) return WithContext(bytes.status(), StrCat("node '", node.name, "' (", node.op, ")"));
    AppendHeader(nodes, 1, bytes->size());
    nodes += *bytes;
  }
  AppendHeader(nodes, 2, options.graph_name.size());
  nodes += options.graph_name;
  std::vector<Weights> weights;
  uint64_t weight_bytes = 0;
  for (int id : graph.Constants()) {
    ASSIGN_OR_RETURN(weights.emplace_back(), Prepare(graph.value(id)));
    std::string key;
    AppendHeader(key, 5, weights.back().size());
    weight_bytes += key.size() + weights.back().size();
  }
  onnx::GraphProto boundary;
  for (int id : graph.inputs) {
    ASSIGN_OR_RETURN(*boundary.add_input(), Describe(graph.value(id), true));
  }
  for (int id : graph.outputs) {
    ASSIGN_OR_RETURN(*boundary.add_output(), Describe(graph.value(id), false));
  }
  const std::string tail = boundary.SerializeAsString();
  const uint64_t graph_bytes = nodes.size() + weight_bytes + tail.size();
  if (graph_bytes > static_cast<uint64_t>(INT32_MAX)) {
    return ResourceExhausted("the model would take ", graph_bytes,
                             " bytes, an ONNX file at most 2^31 - 1; give a model "
                             "with half weights, which take half as much, or cut it with --inputs and --outputs");
  }
  onnx::ModelProto model;
  model.set_ir_version(FormatVersion(graph.opset));
  model.set_producer_name("permafrost");
  model.set_producer_version(options.producer_version);
  std::string head = model.SerializeAsString();
  AppendHeader(head, 7, graph_bytes);
  RETURN_IF_ERROR(sink(head));
  RETURN_IF_ERROR(sink(nodes));
  for (const Weights& one : weights) {
    std::string key;
    AppendHeader(key, 5, one.size());
    RETURN_IF_ERROR(sink(key));
    RETURN_IF_ERROR(sink(one.head));
    RETURN_IF_ERROR(one.tensor->ForEachChunk(sink, options.release_pages));
  }
  RETURN_IF_ERROR(sink(tail));
  onnx::ModelProto rest;
  rest.add_opset_import()->set_version(graph.opset);
  if (options.properties) {
    ASSIGN_OR_RETURN(const auto properties, options.properties());
    for (const auto& [key, value] : properties) {
      onnx::Property& property = *rest.add_metadata_props();
      property.set_key(key);
      property.set_value(value);
    }
  }
  return sink(rest.SerializeAsString());
}

}  // namespace permafrost
