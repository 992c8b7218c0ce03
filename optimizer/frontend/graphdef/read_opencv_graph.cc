#include "optimizer/frontend/graphdef/read_opencv_graph.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "optimizer/frontend/graphdef/check_detection_layers.h"
#include "optimizer/frontend/graphdef/read_graphdef.h"
#include "optimizer/ir/graph_editor.h"
#include "optimizer/proto/text.h"
#include "permafrost/graph.pb.h"

namespace permafrost {
namespace {

// The importer does not look at control inputs, whose nodes the scripts leave out.
void DropControlInputs(tf::GraphDef& text) {
  for (auto& node : *text.mutable_node()) {
    auto& inputs = *node.mutable_input();
    inputs.erase(std::remove_if(inputs.begin(), inputs.end(), [](const std::string& name) { return name.starts_with('^'); }),
                 inputs.end());
  }
}

// The constant called `name`, or the one that the Identity of that name forwards; null if there is none.
const Node* FindWeights(const Graph& weights, std::string_view name) {
  std::optional<NodeId> id = weights.Find(name);
  for (int64_t steps = 0; id && steps <= weights.node_count(); ++steps) {
    const Node& node = weights.node(*id);
    if (node.IsConst()) return &node;
    const bool forwards = node.op == "Identity" && node.inputs.size() == 1 && node.inputs[0].port == 0;
    id = forwards ? std::optional(node.inputs[0].node) : std::nullopt;
  }
  return nullptr;
}

std::string WhyNoWeights(const Graph& weights, std::string_view name) {
  const std::optional<NodeId> id = weights.Find(name);
  if (!id) return "has no node of that name; was the text graph made from another model?";
  return StrCat("has a node of type '", weights.node(*id).op, "' there, expected a constant; freeze the graph first");
}

// Gives each name that the text reads but does not hold a constant to be filled in.
std::vector<std::string> AddMissing(tf::GraphDef& text) {
  std::set<std::string> held, missing;
  for (const auto& node : text.node()) held.insert(node.name());
  for (const auto& node : text.node()) {
    for (const std::string& input : node.input()) {
      if (std::string name = input.substr(0, input.find(':')); !name.empty() && held.count(name) == 0) missing.insert(std::move(name));
    }
  }
  for (const std::string& name : missing) {
    auto* node = text.add_node();
    node->set_name(name);
    node->set_op("Const");
  }
  return {missing.begin(), missing.end()};
}

}  // namespace

StatusOr<Graph> ReadOpenCvGraph(std::string_view text, const Graph& weights, const Limits& limits) {
  tf::GraphDef proto;
  std::string error;
  if (!ParseText(text, proto, error)) {
    return DataLoss("is no text graph of OpenCV: ", error, "; expected the .pbtxt of one of its tf_text_graph_*.py");
  }
  if (proto.node_size() == 0) return DataLoss("holds no nodes; expected the .pbtxt of one of OpenCV's tf_text_graph_*.py");
  DropControlInputs(proto);
  const std::vector<std::string> missing = AddMissing(proto);
  std::string bytes;
  if (!proto.SerializeToString(&bytes)) return ResourceExhausted("is above protobuf's limit of 2 GiB");
  proto.Clear();
  ASSIGN_OR_RETURN(Graph graph, ReadGraphDef(bytes, nullptr, limits));
  GraphEditor editor(graph);
  for (const std::string& name : missing) {
    const NodeId id = *graph.Find(name);
    const Node* found = FindWeights(weights, name);
    if (found == nullptr) {
      const std::string user = editor.Users(id).empty() ? "" : graph.node(editor.Users(id)[0].node).name;
      return NotFound("node '", user, "' reads '", name, "', and the frozen graph ", WhyNoWeights(weights, name));
    }
    for (const auto& [key, value] : found->attrs) editor.SetAttr(id, key, value);
  }
  for (const NodeId id : graph.NodeIds()) {
    const std::string op = graph.node(id).op;
    if (op == "Const") {
      if (graph.node(id).attr<Tensor>("value") == nullptr) {
        return DataLoss("node '", graph.node(id).name, "' (Const) has no value");
      }
    } else if (op == "Placeholder") {
      editor.SetAttr(id, "dtype", DType::kFloat32);  // whatever it was trained with: cv::dnn takes floats
    } else {
      editor.SetOp(id, StrCat("cv::", op));
      // Picture, class, score and four corners of each thing found.
      if (op == "DetectionOutput") {
        editor.SetOutputTypes(id, {ValueType{DType::kFloat32, Shape({1, 1, -1, 7}), std::nullopt}});
      }
    }
  }
  RETURN_IF_ERROR(CheckDetectionLayers(graph));
  std::vector<GraphOutput> outputs;
  for (const NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.op.starts_with("cv::") && (editor.Users(id).empty() || node.name == "detection_out_final")) {
      outputs.push_back({node.name, {id, 0}});
    }
  }
  editor.SetGraphOutputs(std::move(outputs));
  return graph;
}

}  // namespace permafrost
