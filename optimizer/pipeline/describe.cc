#include "optimizer/pipeline/describe.h"

#include <deque>
#include <set>

#include "optimizer/passes/name_outputs.h"
#include "optimizer/pipeline/version.h"

namespace permafrost {
namespace {

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool HasLayout(int rank) { return rank == 4 || rank == 5; }

// The layout in which the nodes around a value take it: the first data_format met, breadth first, upstream or down.
std::string LayoutOf(const GraphEditor& editor, Value value, bool downstream) {
  const Graph& graph = editor.graph();
  const int rank = graph.type(value).shape.rank();
  if (!HasLayout(rank)) return "";
  std::deque<NodeId> queue = {value.node};
  std::set<NodeId> seen = {value.node};
  while (!queue.empty()) {
    const Node& node = graph.node(queue.front());
    const NodeId id = queue.front();
    queue.pop_front();
    if (const auto* format = node.attr<std::string>("data_format")) {
      if (static_cast<int>(format->size()) == rank) return *format;
    }
    // Beyond these the axes mean something else.
    if (id != value.node && (node.op == "Reshape" || node.op == "Transpose")) continue;
    if (downstream) {
      for (const Use& use : editor.Users(id)) {
        if (seen.insert(use.node).second) queue.push_back(use.node);
      }
    } else {
      for (Value input : node.inputs) {
        if (seen.insert(input.node).second) queue.push_back(input.node);
      }
    }
  }
  return rank == 4 ? "NHWC" : "NDHWC";
}

TensorInfo DescribeTensor(const GraphEditor& editor, std::string name, Value value, bool is_input, bool for_opencv) {
  const ValueType& type = editor.graph().type(value);
  TensorInfo info;
  info.name = std::move(name);
  info.dtype = std::string(NameOf(type.dtype));
  info.rank_known = type.shape.has_rank();
  info.shape = type.shape.dims();
  info.layout = LayoutOf(editor, value, is_input);
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

}  // namespace

ModelInfo DescribeModel(const Graph& graph, const OptimizeOptions& options, const std::vector<PassReport>& passes) {
  Graph copy = graph;  // an editor for its index of users
  const GraphEditor editor(copy);
  const bool for_opencv = options.target.kind == Target::Kind::kOpenCv;
  ModelInfo info;
  info.tool_version = std::string(Version());
  info.file = FileName(options.output);
  info.source = FileName(options.model);
  info.target = ToString(options.target);
  for (const PassReport& pass : passes) info.passes.push_back(pass.name);
  for (NodeId id : graph.inputs()) {
    info.inputs.push_back(DescribeTensor(editor, graph.node(id).name, {id, 0}, true, for_opencv));
  }
  for (const GraphOutput& output : graph.outputs()) {
    info.outputs.push_back(DescribeTensor(editor, output.name, output.value, false, for_opencv));
  }
  return info;
}

}  // namespace permafrost
