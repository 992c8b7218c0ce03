#include <algorithm>
#include <set>

#include "optimizer/ops/training_ops.h"
#include "optimizer/passes/lowering/boundary.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

using NodeSet = std::vector<bool>;

// Ops that hold weights: what leads into one of them is data, not a label.
bool HoldsWeights(const Node& node) {
  static const std::set<std::string_view> kOps = {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D",
                                                  "MatMul", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3",
                                                  "BatchMatMul", "BatchMatMulV2", "BiasAdd"};
  return kOps.contains(node.op);
}

// What belongs to training by its op or by the names that TensorFlow's optimizers and moving averages give.
bool IsTraining(const Node& node) {
  const auto has_scope = [&](std::string_view scope) {
    return node.name.starts_with(scope) || node.name.find(StrCat("/", scope)) != std::string::npos;
  };
  return IsTrainingOp(node.op) || IsAssertOp(node.op) || node.op == "NoOp" || has_scope("gradients/") ||
         has_scope("AssignMovingAvg");
}

// Which class is best: the scores behind it say more.
bool IsRanking(const Node& node) {
  return node.op == "ArgMax" || node.op == "ArgMin" || node.op.starts_with("InTopK") || node.op.starts_with("TopK");
}

// Facts about a value that are no results.
bool IsMeasure(const Node& node) {
  return node.op == "Shape" || node.op == "ShapeN" || node.op == "Size" || node.op == "Rank" || node.op == "L2Loss";
}

// Nodes that hang on `roots` without passing through training, a ranking or a measure.
NodeSet Downstream(const GraphEditor& editor, std::vector<Value> roots) {
  NodeSet reached(static_cast<size_t>(editor.graph().next_id()), false);
  std::vector<NodeId> work;
  const auto visit = [&](NodeId id) {
    const Node& node = editor.node(id);
    if (!reached[static_cast<size_t>(id)] && !IsTraining(node) && !IsRanking(node) && !IsMeasure(node)) {
      reached[static_cast<size_t>(id)] = true;
      work.push_back(id);
    }
  };
  for (Value root : roots) {
    for (const Use& use : editor.Users(root)) visit(use.node);
  }
  while (!work.empty()) {
    const NodeId id = work.back();
    work.pop_back();
    for (const Use& use : editor.Users(id)) visit(use.node);
  }
  return reached;
}

// Placeholders and what input pipelines hand over.
std::vector<Value> Sources(const GraphEditor& editor) {
  const Graph& graph = editor.graph();
  std::vector<Value> sources;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (node.op.starts_with("Placeholder")) {
      sources.push_back({id, 0});
    } else if (IsInputPipelineOp(node.op)) {
      std::set<Value> ports;
      for (const Use& use : editor.Users(id)) {
        if (!IsInputPipelineOp(graph.node(use.node).op)) {
          ports.insert(graph.node(use.node).inputs[static_cast<size_t>(use.index)]);
        }
      }
      sources.insert(sources.end(), ports.begin(), ports.end());
    }
  }
  return sources;
}

Status Run(GraphEditor& editor, PassContext& context) {
  const Graph& graph = editor.graph();
  if (!graph.outputs().empty()) return OkStatus();
  std::vector<Value> data, labels;
  const std::vector<Value> sources = Sources(editor);
  for (Value source : sources) {
    const NodeSet reached = Downstream(editor, {source});
    bool weighty = false;
    for (NodeId id : graph.NodeIds()) weighty |= reached[static_cast<size_t>(id)] && HoldsWeights(graph.node(id));
    (weighty ? data : labels).push_back(source);
  }
  for (NodeId id : graph.inputs()) {
    if (std::find(data.begin(), data.end(), Value{id, 0}) == data.end()) data.push_back({id, 0});
  }
  if (data.empty()) std::swap(data, labels);  // no weights at all: everything is data
  std::erase_if(labels, [&](Value label) { return std::find(data.begin(), data.end(), label) != data.end(); });
  const NodeSet on_data = Downstream(editor, data);
  NodeSet on_labels = Downstream(editor, labels);
  const auto is_candidate = [&](NodeId id) {
    return on_data[static_cast<size_t>(id)] && !on_labels[static_cast<size_t>(id)];
  };
  // An op that compares its input with labels: a loss, whatever it is called.
  const auto sees_labels = [&](NodeId id) {
    const std::vector<Value>& inputs = graph.node(id).inputs;
    return on_labels[static_cast<size_t>(id)] || std::any_of(inputs.begin(), inputs.end(), [&](Value input) {
             return on_labels[static_cast<size_t>(input.node)] ||
                    std::find(labels.begin(), labels.end(), input) != labels.end();
           });
  };
  // What only hands scores over to a loss belongs to the loss. Consumers come later in the file as a rule: walked from
  // the end, a chain of such nodes goes in one round.
  static const std::set<std::string_view> kPassive = {"Reshape", "Identity", "StopGradient", "Squeeze", "Cast", "ExpandDims"};
  const std::vector<NodeId> ids = graph.NodeIds();
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const std::vector<Use>& users = editor.Users(*id);
    const bool for_loss = std::any_of(users.begin(), users.end(), [&](const Use& use) { return sees_labels(use.node); });
    const bool inner = std::any_of(users.begin(), users.end(), [&](const Use& use) { return is_candidate(use.node); });
    if (kPassive.contains(graph.node(*id).op) && is_candidate(*id) && for_loss && !inner) {
      on_labels[static_cast<size_t>(*id)] = true;
    }
  }
  std::vector<GraphOutput> chosen;
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    if (!is_candidate(id)) continue;
    bool inner = false, for_loss = false, summarised = false;
    for (const Use& use : editor.Users(id)) {
      inner |= is_candidate(use.node);
      for_loss |= sees_labels(use.node) || IsRanking(graph.node(use.node));
      summarised |= IsSummaryOp(graph.node(use.node).op);
    }
    // Statistics that only training looks at; a histogram of the predictions does not make them one.
    const bool statistic = !editor.Users(id).empty() && !for_loss &&
                           !(summarised && graph.type({id, 0}).shape.rank() != 0);
    if (inner || statistic) continue;
    // A port that nobody names is port 0.
    chosen.push_back({node.name, {id, 0}});
  }
  if (chosen.empty()) {
    return InvalidArgument("no output found: nothing that depends on an input is left at the end; name it with --outputs");
  }
  std::string names;
  for (const GraphOutput& output : chosen) names += StrCat(names.empty() ? "" : ", ", output.name);
  context.Note(StrCat("outputs chosen: ", names, " (--outputs overrides)"));
  editor.SetGraphOutputs(std::move(chosen));
  return OkStatus();
}

}  // namespace

const PassInfo kChooseOutputs{
    .name = "choose-outputs",
    .summary = "without --outputs: take the ends that depend on data but not on labels",
    .needs = {},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
