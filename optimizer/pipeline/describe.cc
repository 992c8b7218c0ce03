#include "optimizer/pipeline/describe.h"

#include "optimizer/backends/opencv_tf/opencv_graph.h"
#include "optimizer/passes/name_outputs.h"
#include "optimizer/support/version.h"

namespace permafrost {
namespace {

// Of a file or a folder, which may be written with a '/' at its end.
std::string FileName(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

TensorInfo DescribeTensor(const GraphEditor& editor, std::string name, Value value, bool is_input, bool for_opencv) {
  const ValueType& type = editor.graph().type(value);
  TensorInfo info;
  info.name = std::move(name);
  info.dtype = std::string(NameOf(type.dtype));
  info.rank_known = type.shape.has_rank();
  info.shape = type.shape.dims();
  info.layout = is_input ? LayoutBelow(editor, value) : LayoutAbove(editor.graph(), value);
  if (editor.node(value.node).op == "cv::DetectionOutput") info.layout = "";  // a table
  if (!for_opencv) return info;
  info.cv_name = editor.node(value.node).name;
  info.cv_shape = info.shape;
  // cv::dnn keeps channels first.
  if (info.layout == "NHWC" || info.layout == "NDHWC") {
    info.cv_layout = info.layout == "NHWC" ? "NCHW" : "NCDHW";
    info.cv_shape.insert(info.cv_shape.begin() + 1, info.cv_shape.back());
    info.cv_shape.pop_back();
  } else {
    info.cv_layout = info.layout;
  }
  return info;
}

void DescribeBoundary(const OnnxGraph& graph, int id, const AxisOrder& order, TensorInfo& info) {
  const OnnxValue& value = graph.value(id);
  info.cv_name = value.name;
  info.cv_shape = value.shape.dims();
  if (!IsPlainOrder(order)) {
    info.layout = order.size() == 4 ? "NHWC" : "NDHWC";
    info.cv_layout = order.size() == 4 ? "NCHW" : "NCDHW";
  } else {
    info.cv_layout = info.layout;
  }
}

}  // namespace

void DescribeOnnx(const OnnxModel& model, ModelInfo& info) {
  for (size_t i = 0; i < info.inputs.size(); ++i) {
    DescribeBoundary(model.graph, model.graph.inputs[i], model.input_orders[i], info.inputs[i]);
  }
  for (size_t i = 0; i < info.outputs.size(); ++i) {
    DescribeBoundary(model.graph, model.graph.outputs[i], model.output_orders[i], info.outputs[i]);
  }
}

ModelInfo DescribeModel(const Graph& graph, const OptimizeOptions& options, const std::vector<PassReport>& passes) {
  Graph copy = graph;  // an editor for its index of users
  const GraphEditor editor(copy);
  const bool for_opencv = options.target.kind == Target::Kind::kOpenCv;
  ModelInfo info;
  info.tool_version = std::string(Version());
  info.file = FileName(options.output);
  info.source = FileName(options.model);
  info.target = ToString(options.target);
  for (NodeId id : graph.NodeIds()) info.opencv_only = info.opencv_only || graph.node(id).op.starts_with("cv::");
  for (const PassReport& pass : passes) info.passes.push_back(pass.name + pass.arguments);
  for (NodeId id : graph.inputs()) {
    info.inputs.push_back(DescribeTensor(editor, graph.node(id).name, {id, 0}, true, for_opencv));
  }
  for (const GraphOutput& output : graph.outputs()) {
    info.outputs.push_back(DescribeTensor(editor, output.name, output.value, false, for_opencv));
  }
  return info;
}

}  // namespace permafrost
