#include <map>
#include <string>

#include "optimizer/frontend/graphdef/read_graphdef.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/functions/function.h"
#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/ir/verify.h"
#include "optimizer/ops/op.h"
#include "optimizer/proto/text.h"
#include "permafrost/graph.pb.h"

namespace permafrost::keras {
namespace {

constexpr size_t kMaxNodeDefBytes = 16 << 20;

// A NodeDef as an object, as its text, or serialised, all without inputs; the op and its attributes are wanted.
StatusOr<Node> ReadNodeDef(const Json& json) {
  if (!json.is_object() && !json.is_string()) return InvalidArgument("its config has no 'node_def'");
  const std::string text =
      json.is_string() ? json.get<std::string>() : json.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxNodeDefBytes) return ResourceExhausted("its node_def has ", text.size(), " bytes");
  tf::GraphDef graph_def;
  tf::NodeDef& node = *graph_def.add_node();
  std::string error;
  if (text.starts_with('{') ? !ParseJsonForm(text, node, error) : !ParseWire(text, node)) {
    return InvalidArgument("its node_def is damaged", error.empty() ? "" : ": ", error);
  }
  node.set_name("node");
  node.clear_input();
  ASSIGN_OR_RETURN(const Graph graph, ReadGraphDef(graph_def.SerializeAsString(), nullptr, Limits{}));
  return graph.node(graph.NodeIds().front());
}

bool IsOtherFloat(DType dtype) { return IsFloating(dtype) && dtype != DType::kFloat32; }

// Where the file says numbers and not their type, the op does: a fraction has the type of the values, a whole number
// that of indices where the op has such.
StatusOr<Tensor> ConstantFor(const Node& node, const Json& json) {
  ASSIGN_OR_RETURN(const Tensor plain, TensorSpelledOut(json, std::nullopt));
  if (IsOtherFloat(plain.dtype())) return plain.Cast(DType::kFloat32).Dense();
  const DType* values = node.attr<DType>("T");
  if (json.is_object() || values == nullptr || plain.dtype() == DType::kBool) return plain;
  if (IsFloating(plain.dtype())) return IsFloating(*values) ? plain.Cast(*values).Dense() : plain;
  for (const char* index : {"Tidx", "Tperm", "Tshape", "Tpaddings", "Tdim", "Taxis", "Tindices", "Tmultiples"}) {
    const DType* type = node.attr<DType>(index);
    if (type != nullptr && IsInteger(*type)) return plain.Cast(*type).Dense();
  }
  return IsInteger(*values) ? plain.Cast(*values).Dense() : plain;
}

// One op of TensorFlow with its attributes; inputs that are constants are kept beside it, by their position.
StatusOr<std::vector<Value>> BuildTensorFlowOp(LayerContext& layer) {
  ASSIGN_OR_RETURN(Node node, ReadNodeDef(layer.config()["node_def"]));
  const OpDef* op = FindOp(node.op);
  if (op == nullptr || !op->pure || IsControlFlow(node.op)) {
    return Unsupported("holds the op ", node.op,
                       ", which Permafrost does not know as a function of its inputs; store "
                       "what the model computes with TensorFlow (model.export or a frozen graph) and give that");
  }
  for (auto& [name, attr] : node.attrs) {
    DType* type = std::get_if<DType>(&attr);
    if (type != nullptr && IsOtherFloat(*type)) *type = DType::kFloat32;  // as all weights and inputs
  }
  std::vector<Value> inputs = layer.inputs();
  static const Json kNone = Json::object();
  const Json& constants = layer.config()["constants"].is_object() ? layer.config()["constants"] : kNone;
  std::map<int64_t, const Json*> by_index;
  for (const auto& [key, value] : constants.items()) {
    const bool digits = !key.empty() && key.size() < 6 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) return InvalidArgument("its constants have the key '", key, "', expected the number of an input");
    by_index[std::stoll(key)] = &value;
  }
  for (const auto& [index, json] : by_index) {
    if (index > static_cast<int64_t>(inputs.size())) {
      return InvalidArgument("has a constant for input ", index, " and ", inputs.size(), " inputs before it");
    }
    auto tensor = ConstantFor(node, *json);
    if (!tensor.ok()) return WithContext(tensor.status(), StrCat("constant ", index));
    inputs.insert(inputs.begin() + index, layer.Const(StrCat(node.op, "/input_", index), *tensor));
  }
  ASSIGN_OR_RETURN(const Value first, layer.Emit(node.op, std::move(inputs), std::move(node.attrs)));
  std::vector<Value> outputs;
  for (size_t port = 0; port < layer.graph().node(first.node).outputs.size(); ++port) {
    outputs.push_back({first.node, static_cast<int>(port)});
  }
  return outputs;
}

}  // namespace

std::vector<LayerRow> TensorFlowOpLayers() {
  return {{.class_name = "TensorFlowOpLayer", .build = BuildTensorFlowOp, .min_inputs = 0, .max_inputs = -1}};
}

}  // namespace permafrost::keras
