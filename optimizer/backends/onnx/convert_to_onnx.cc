#include "optimizer/backends/onnx/convert_to_onnx.h"

#include "optimizer/backends/onnx/native_forms.h"
#include "optimizer/backends/onnx/op_table.h"
#include "optimizer/backends/onnx/recurrent_forms.h"
#include "optimizer/backends/onnx/store_weights.h"
#include "optimizer/backends/onnx/tensorrt_limits.h"

namespace permafrost {
namespace {

constexpr int kLastOpset = 21;

Status ConvertNodes(const Graph& graph, OnnxConversion& to, std::vector<OnnxRefusal>& refused) {
  const OnnxOptions& options = to.options();
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, graph.TopoOrder());
  RecurrentForms recurrent(to);
  for (NodeId id : order) {
    const Node& node = graph.node(id);
    if (node.IsConst() || to.constant({id, 0}) != nullptr || graph.IsInput(id)) continue;
    to.Begin(id);
    static const OnnxOp kNoRow = {};
    const OnnxOp* row = FindOnnxOp(node.op);
    const OnnxStep step{node, id, row == nullptr ? kNoRow : *row};
    Status status;
    if (!recurrent.Say(step) && !SayNatively(to, step)) {
      status = row == nullptr ? Unsupported("there is no ONNX for this op here") : row->build(to, step);
    }
    if (to.needed_opset() > to.opset() && options.may_raise) return OkStatus();  // begins again there
    if (status.ok()) status = to.status();
    if (status.ok()) continue;
    refused.push_back({node.name, node.op, Message(status)});
    // What comes after would only say that its input is missing.
    return OkStatus();
  }
  return OkStatus();
}

Status Refusal(const std::vector<OnnxRefusal>& refused) {
  return Unsupported("node '", refused[0].node, "' (", refused[0].op, "): ", refused[0].reason,
                     "; cut the graph with --inputs or --outputs");
}

Status CheckForTensorRt(const OnnxGraph& graph, std::vector<OnnxRefusal>& refused) {
  if (graph.opset > kLastOpsetOfTensorRt) {
    return Unsupported("needs opset ", graph.opset, " of ONNX, TensorRT 10 reads up to ", kLastOpsetOfTensorRt);
  }
  for (const OnnxNode& node : graph.nodes) {
    const std::string why = WhyNotInTensorRt(graph, node);
    if (!why.empty()) refused.push_back({node.name, node.op, why});
  }
  return refused.empty() ? OkStatus() : Refusal(refused);
}

}  // namespace

StatusOr<OnnxModel> ConvertToOnnx(const Graph& graph, const OnnxOptions& options, std::vector<OnnxRefusal>& refused) {
  Graph copy = graph;  // an editor for its index of users
  const GraphEditor users(copy);
  for (OnnxOptions now = options; now.opset <= kLastOpset;) {
    OnnxConversion to(graph, users, now);
    OnnxModel model;
    for (NodeId id : graph.inputs()) {
      const int rank = to.rank({id, 0});
      const bool turned = options.channels_first && (rank == 4 || rank == 5) && to.WantsChannelsFirst({id, 0});
      model.input_orders.push_back(turned ? PlanarOrder(rank) : PlainOrder(rank));
      to.AddInput(id, model.input_orders.back());
    }
    RETURN_IF_ERROR(ConvertNodes(graph, to, refused));
    if (!refused.empty() && to.needed_opset() <= now.opset) return Refusal(refused);
    if (to.needed_opset() > now.opset) {
      refused.clear();
      if (!options.may_raise) {
        return Unsupported("needs opset ", to.needed_opset(), " of ONNX, allowed is ", now.opset, "; give --opset ",
                           to.needed_opset());
      }
      now.opset = to.needed_opset();
      continue;
    }
    for (const GraphOutput& output : graph.outputs()) {
      to.AddOutput(output, options.channels_first);
      RETURN_IF_ERROR(to.status());
      model.output_orders.push_back(to.output_order(model.output_orders.size()));
    }
    model.graph = to.Take();
    model.weights_stay_small = StoreWeightsSmall(FindSmallWeights(graph), options.runtime, model.graph);
    if (options.runtime.kind == OnnxRuntime::Kind::kTensorRt) RETURN_IF_ERROR(CheckForTensorRt(model.graph, refused));
    return model;
  }
  return Unsupported("needs a later opset than ", kLastOpset);
}

}  // namespace permafrost
