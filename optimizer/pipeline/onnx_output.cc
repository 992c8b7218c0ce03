#include "optimizer/pipeline/onnx_output.h"

#include "optimizer/passes/name_outputs.h"

namespace permafrost {
namespace {

using Runtime = Target::Runtime;

// As .pb files do: no ':'.
Status NameOutputs(Graph& graph) {
  std::vector<GraphOutput> outputs = graph.outputs();
  for (GraphOutput& output : outputs) {
    output.name = OutputNodeName(output.name);
    for (NodeId id : graph.inputs()) {
      if (graph.node(id).name == output.name) {
        return InvalidArgument("output '", output.name, "': a graph input has this name");
      }
    }
  }
  GraphEditor(graph).SetGraphOutputs(std::move(outputs));
  return OkStatus();
}

// The earliest opset that serves a runtime; a graph may need a later one. 10 is what every OpenCV from 4.5.5 on takes.
int OpsetOf(const Target& target) {
  if (target.opset > 0) return target.opset;
  switch (target.runtime) {
    case Runtime::kOpenCv: return target.opencv_version < 41000 ? 10 : 13;
    case Runtime::kOnnxRuntime: return 14;  // a later BatchNormalization is not taken into its blocked layout
    case Runtime::kTensorRt: return 17;
    case Runtime::kAny: break;
  }
  return 10;
}

OnnxRuntime RuntimeOf(const Target& target) {
  using Kind = OnnxRuntime::Kind;
  OnnxRuntime runtime;
  runtime.opencv_version = target.opencv_version;
  switch (target.runtime) {
    case Runtime::kAny: runtime.kind = Kind::kAny; break;
    case Runtime::kOpenCv: runtime.kind = Kind::kOpenCv; break;
    case Runtime::kOnnxRuntime: runtime.kind = Kind::kOnnxRuntime; break;
    case Runtime::kTensorRt: runtime.kind = Kind::kTensorRt; break;
  }
  return runtime;
}

}  // namespace

bool SuppressesInOnnx(const Target& target) {
  const OnnxRuntime runtime = RuntimeOf(target);
  return runtime.Takes("NonMaxSuppression") && runtime.Takes("TopK") && runtime.Takes("GatherND");
}

StatusOr<OnnxModel> MakeOnnx(Graph& graph, const OptimizeOptions& options, std::vector<std::string>& refused) {
  RETURN_IF_ERROR(NameOutputs(graph));
  const Target& target = options.target;
  OnnxOptions onnx;
  onnx.opset = OpsetOf(target);
  onnx.may_raise = target.opset == 0;
  onnx.channels_first = !options.keep_nhwc;
  onnx.runtime = RuntimeOf(target);
  std::vector<OnnxRefusal> refusals;
  auto model = ConvertToOnnx(graph, onnx, refusals);
  for (const OnnxRefusal& refusal : refusals) {
    refused.push_back(StrCat("node '", refusal.node, "' (", refusal.op, "): ", refusal.reason));
  }
  return model;
}

GraphFigures FiguresOf(const OnnxGraph& graph) {
  const std::vector<int> constants = graph.Constants();
  GraphFigures figures;
  figures.ops = static_cast<int64_t>(graph.nodes.size());
  figures.nodes = figures.ops + static_cast<int64_t>(constants.size());
  for (int id : constants) figures.parameters += graph.value(id).constant.elements();
  return figures;
}

}  // namespace permafrost
