#include "optimizer/passes/lowering/restore_norm_statistics.h"

#include <vector>

#include "optimizer/passes/lowering/batch_statistics.h"
#include "optimizer/passes/lowering/moving_averages.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// A constant with a number for each channel; the scale tells how many there are.
bool IsStatistic(const Graph& graph, const Node& norm, int input) {
  const Tensor* tensor = ConstantBehind(graph, norm.inputs[static_cast<size_t>(input)]);
  const Shape& scale = graph.type(norm.inputs[1]).shape;
  return tensor != nullptr && tensor->rank() == 1 && tensor->elements() > 0 &&
         (!scale.FullyKnown() || scale.Elements() == tensor->elements());
}

std::string What(const Node& norm) { return StrCat("norm '", norm.name, "' (", norm.op, ")"); }

Status Lost(std::string_view what, std::string_view statistic) {
  return NotFound(what, " and the graph keeps no moving ", statistic,
                  " of it; give the graph that was trained with its checkpoint (--checkpoint), or let norms use the "
                  "statistics of their batch with --keep-batch-stats");
}

class Restorer {
 public:
  Restorer(GraphEditor& editor, const Graph& original, const VariableValues& values, PassContext& context)
      : editor_(editor),
        original_(original),
        values_(values),
        context_(context),
        averages_(FindMovingAverages(original, editor.graph())) {}

  Status RestoreFused(NodeId id) {
    const std::string name = editor_.node(id).name, what = What(editor_.node(id));
    const std::optional<NodeId> before = original_.Find(name);
    Value statistics[2];
    std::string variables[2];
    for (int i = 0; i < 2; ++i) {
      const NodeId variable =
          before && IsTrainingNorm(original_.node(*before)) ? AverageOf({*before, 1 + i}) : kNoNode;
      if (variable == kNoNode) return Lost(StrCat(what, ": is_training is true"), i == 0 ? "mean" : "variance");
      variables[i] = original_.node(variable).name;
      ASSIGN_OR_RETURN(const Tensor value, ValueOf(variable, what));
      statistics[i] = Constant(variables[i], value);
    }
    for (int i = 0; i < 2; ++i) editor_.SetInput(id, 3 + i, statistics[i]);
    editor_.SetAttr(id, "is_training", false);
    context_.Note(StrCat(what, ": takes the moving statistics '", variables[0], "' and '", variables[1],
                         "' instead of its batch's"));
    return OkStatus();
  }

  // Means and variances of batches that plain ops work out.
  Status RestorePlain() {
    for (const auto& [value, variables] : averages_) {
      const std::string name = original_.node(value.node).name;
      const std::optional<NodeId> id = editor_.graph().Find(name);
      if (!id || IsFusedNorm(editor_.node(*id)) || variables.size() != 1) continue;
      const Value live{*id, value.port};
      if (!IsBatchStatistic(editor_.graph(), live, true)) continue;
      const NodeId variable = *variables.begin();
      const std::string what = StrCat("batch statistic '", ToString(editor_.graph(), live), "'");
      ASSIGN_OR_RETURN(Tensor average, ValueOf(variable, what));
      const Shape& shape = editor_.graph().type(live).shape;
      if (shape.FullyKnown() && shape.Elements() != average.elements()) {
        context_.Decline(editor_.node(*id), "its moving average has another size");
        continue;
      }
      const std::string average_name = original_.node(variable).name;
      Value constant = Constant(average_name, average);
      if (shape.FullyKnown() && shape.dims() != average.dims()) {
        constant = EmitConst(editor_, StrCat(name, "/moving"), average.Reshaped(shape.dims()));
      }
      editor_.ReplaceUses(live, constant);
      context_.Note(StrCat(what, ": its moving average '", average_name, "' is taken instead"));
    }
    editor_.PruneDead();
    for (NodeId id : editor_.graph().NodeIds()) {
      const Value variance = BatchVarianceBehind(editor_.graph(), editor_.node(id));
      if (variance.node == kNoNode) continue;
      return Lost(StrCat(What(editor_.node(id)), ": takes the variance '", ToString(editor_.graph(), variance),
                         "' of its batch"),
                  "variance");
    }
    return OkStatus();
  }

 private:
  NodeId AverageOf(Value statistic) const {
    const auto found = averages_.find(statistic);
    return found != averages_.end() && found->second.size() == 1 ? *found->second.begin() : kNoNode;
  }
  StatusOr<Tensor> ValueOf(NodeId variable, std::string_view what) {
    auto value = values_.ValueOf(original_.node(variable), context_);
    if (!value.ok()) return WithContext(value.status(), what);
    return value;
  }
  // The variable, if it is in the graph as a constant already.
  Value Constant(const std::string& variable, const Tensor& value) {
    const auto present = editor_.graph().Find(variable);
    return present && editor_.node(*present).IsConst() ? Value{*present, 0} : EmitConst(editor_, variable, value);
  }

  GraphEditor& editor_;
  const Graph& original_;
  const VariableValues& values_;
  PassContext& context_;
  std::map<Value, std::set<NodeId>> averages_;
};

}  // namespace

Status RestoreNormStatistics(GraphEditor& editor, const Graph& original, const VariableValues* values,
                             PassContext& context) {
  std::vector<NodeId> norms;
  for (NodeId id : editor.graph().NodeIds()) {
    if (!IsTrainingNorm(editor.node(id))) continue;
    if (!IsStatistic(editor.graph(), editor.node(id), 3) || !IsStatistic(editor.graph(), editor.node(id), 4)) {
      norms.push_back(id);
      continue;
    }
    editor.SetAttr(id, "is_training", false);
    context.Note(StrCat(What(editor.node(id)), ": takes the statistics of its inputs 3 and 4 instead of its batch's"));
  }
  if (values == nullptr) {
    for (NodeId id : norms) {
      context.Note(StrCat(What(editor.node(id)), ": takes the statistics of its batch, the file holds no others"));
    }
    return OkStatus();
  }
  Restorer restorer(editor, original, *values, context);
  for (NodeId id : norms) RETURN_IF_ERROR(restorer.RestoreFused(id));
  return restorer.RestorePlain();
}

}  // namespace permafrost
