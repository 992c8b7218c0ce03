#include "optimizer/pipeline/batch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"
#include "optimizer/passes/remove_training.h"
#include "optimizer/passes/run_pass.h"

namespace permafrost {
namespace {

constexpr uint64_t kRowSeed = 1;
constexpr int64_t kMostGroups = 16;

std::string BatchName(int64_t batch) { return batch == kUnknownDim ? "any" : StrCat(batch); }

Status SetFirstDim(GraphEditor& editor, NodeId id, int64_t dim) {
  Shape shape = editor.graph().type({id, 0}).shape;
  shape.set_dim(0, dim);
  editor.SetAttr(id, "shape", shape);
  return InferNode(editor, id);
}

// Rows [first, first + count) of the first dim; past the end it starts again.
Tensor RowsOf(const Tensor& tensor, int64_t first, int64_t count) {
  std::vector<int64_t> dims = tensor.dims();
  const Tensor dense = tensor.Dense();
  const std::string_view bytes = dense.DenseBytes();
  const size_t row = bytes.size() / static_cast<size_t>(dims[0]);
  std::string taken;
  taken.reserve(row * static_cast<size_t>(count));
  for (int64_t i = first; i < first + count; ++i)
    taken.append(bytes.substr(static_cast<size_t>(i % dims[0]) * row, row));
  dims[0] = count;
  return Tensor::Buffer(tensor.dtype(), std::move(dims), std::move(taken));
}

// Integers may be places in a table: `below` bounds them, 0: as they come.
StatusOr<std::vector<NamedTensor>> SeededRows(const Graph& source, const BatchPlan& plan, int64_t rows, int64_t below) {
  Graph wide = source;
  GraphEditor editor(wide);
  for (const std::string& name : plan.inputs) RETURN_IF_ERROR(SetFirstDim(editor, *wide.Find(name), rows));
  ASSIGN_OR_RETURN(std::vector<NamedTensor> inputs, SeededInputs(wide, kRowSeed));
  for (NamedTensor& input : inputs) {
    if (below == 0 || !IsInteger(input.value.dtype())) continue;
    std::vector<int64_t> values = input.value.Values<int64_t>();
    for (int64_t& value : values) value %= below;
    input.value = Tensor::Of<int64_t>(input.value.dims(), values).Cast(input.value.dtype()).Dense();
  }
  return inputs;
}

std::optional<BatchAxis> PlaceOf(const BatchReport& report, Value value) {
  const auto found = report.values.find(value);
  return found != report.values.end() ? std::optional<BatchAxis>(found->second) : std::nullopt;
}

bool IsBatchInput(const BatchPlan& plan, const std::string& name) {
  return std::find(plan.inputs.begin(), plan.inputs.end(), name) != plan.inputs.end();
}

StatusOr<Graph> ForEvaluation(const Graph& graph) {
  Graph copy = graph;
  RETURN_IF_ERROR(RunPass(kRemoveTraining, copy).status());
  return copy;
}

// Where a batch was dropped, rows may end up in another dim of an output than the batch has.
Status CheckOutputs(const Graph& source, const Graph& changed, const BatchReport& report, int64_t from) {
  for (size_t i = 0; i < changed.outputs().size(); ++i) {
    const auto place = PlaceOf(report, changed.outputs()[i].value);
    const Shape& shape = source.type(source.outputs()[i].value).shape;
    if (!place || place->axis < 0 || place->added) continue;
    if (shape.dim(place->axis) == from && (place->axis == 0 || shape.dim(0) != from)) continue;
    return Unsupported("the rows of output '", changed.outputs()[i].name, "' would lie in dim ", place->axis, " of ",
                       changed.type(changed.outputs()[i].value).shape.ToString());
  }
  return OkStatus();
}

StatusOr<std::map<NodeId, Tensor>> Feeds(const Graph& graph, const std::vector<NamedTensor>& inputs) {
  std::map<NodeId, Tensor> feeds;
  for (const NamedTensor& input : inputs) {
    const auto id = graph.Find(input.name);
    if (!id) return Internal("input '", input.name, "' is gone");
    feeds[*id] = input.value;
  }
  return feeds;
}

}  // namespace

StatusOr<std::optional<BatchPlan>> PlanBatch(GraphEditor& editor, std::optional<int64_t> batch,
                                             const std::map<std::string, int64_t>& asked,
                                             std::vector<std::string>& notes) {
  const Graph& graph = editor.graph();
  BatchPlan plan;
  plan.flag = batch ? StrCat("--batch ", *batch) : "--inputs with another batch";
  if (batch) {
    for (const auto& [name, other] : asked) {
      if (other == *batch || other == kUnknownDim) continue;
      return InvalidArgument(plan.flag, ": --inputs gives '", name, "' a batch of ", BatchName(other));
    }
  } else {
    if (asked.empty()) return std::nullopt;
    batch = asked.begin()->second;
    if (std::any_of(asked.begin(), asked.end(), [&](const auto& other) { return other.second != *batch; })) {
      // No one batch: sizes that the user knows more about.
      for (NodeId id : graph.inputs()) {
        const auto own = asked.find(graph.node(id).name);
        if (own != asked.end()) RETURN_IF_ERROR(SetFirstDim(editor, id, own->second));
      }
      RETURN_IF_ERROR(InferTypes(editor));
      return std::nullopt;
    }
  }
  plan.to = *batch;
  std::vector<NodeId> open, known;
  for (NodeId id : graph.inputs()) {
    const Shape& shape = graph.type({id, 0}).shape;
    if (!shape.has_rank()) {
      return InvalidArgument(plan.flag, ": input '", graph.node(id).name,
                             "' has no known rank; give its shape with --inputs name:1x224x224x3");
    }
    if (shape.rank() > 0 && shape.dim(0) < 0) open.push_back(id);
    if (shape.rank() > 1 && shape.dim(0) > 0) known.push_back(id);
  }
  if (!asked.empty()) {
    open.clear();
    std::erase_if(known, [&](NodeId id) { return !asked.contains(graph.node(id).name); });
  }
  std::vector<NodeId> chosen = open;
  if (open.empty()) {
    if (known.empty()) {
      std::string inputs;
      for (NodeId id : graph.inputs()) {
        inputs +=
            StrCat(inputs.empty() ? "" : ", ", "'", graph.node(id).name, "' is ", graph.type({id, 0}).shape.ToString());
      }
      return InvalidArgument(plan.flag, ": no input has a batch dimension: ", inputs);
    }
    plan.from = graph.type({known[0], 0}).shape.dim(0);
    for (NodeId id : known) {
      if (graph.type({id, 0}).shape.dim(0) == plan.from) chosen.push_back(id);
    }
  }
  for (NodeId id : chosen) {
    plan.inputs.push_back(graph.node(id).name);
    if (!open.empty()) RETURN_IF_ERROR(SetFirstDim(editor, id, plan.from));
  }
  for (NodeId id : graph.inputs()) {
    if (IsBatchInput(plan, graph.node(id).name)) continue;
    notes.push_back(StrCat("input '", graph.node(id).name, "' of shape ", graph.type({id, 0}).shape.ToString(),
                           " has no batch and stays as it is"));
  }
  if (plan.from != plan.to) {
    notes.push_back(StrCat("batch: made ", BatchName(plan.to), open.empty() ? StrCat(" from ", plan.from) : ""));
  }
  return plan;
}

StatusOr<RowProof> RowProof::Make(const Graph& source, const Graph& changed, const BatchPlan& plan,
                                  const BatchReport& report) {
  Status first_error = OkStatus();
  for (const int64_t below : {0, 8, 2}) {
    auto proof = MakeWith(source, changed, plan, report, below);
    if (proof.ok()) return proof;
    if (first_error.ok()) first_error = proof.status();
    const auto takes_integers = [&](NodeId id) { return IsInteger(source.type({id, 0}).dtype); };
    if (std::none_of(source.inputs().begin(), source.inputs().end(), takes_integers)) break;
  }
  return first_error;
}

StatusOr<RowProof> RowProof::MakeWith(const Graph& source, const Graph& changed, const BatchPlan& plan,
                                      const BatchReport& report, int64_t below) {
  RowProof proof;
  proof.plan_ = plan;
  BatchChange change;
  change.from = plan.from;
  change.to = plan.to;
  proof.rows_ = ProbeBatch(change);
  const int64_t groups = (proof.rows_ + plan.from - 1) / plan.from;
  ASSIGN_OR_RETURN(proof.padded_, SeededRows(source, plan, groups * plan.from, below));
  for (const NamedTensor& input : proof.padded_) {
    const bool rows = IsBatchInput(plan, input.name);
    proof.inputs_.push_back({input.name, rows ? RowsOf(input.value, 0, proof.rows_) : input.value});
  }
  const int64_t tried = std::min(groups, kMostGroups);
  for (int64_t i = 0; i < tried; ++i) proof.groups_.push_back(tried == 1 ? 0 : i * (groups - 1) / (tried - 1));
  for (const GraphOutput& output : changed.outputs()) {
    proof.outputs_.push_back({output.name, PlaceOf(report, output.value), {}});
  }
  for (int64_t group : proof.groups_) {
    ASSIGN_OR_RETURN(const auto values, EvaluateOutputs(source, proof.Group(group)));
    for (size_t i = 0; i < values.size(); ++i) proof.outputs_[i].alone.push_back(values[i].value);
  }
  return proof;
}

std::vector<NamedTensor> RowProof::Group(int64_t group) const {
  std::vector<NamedTensor> inputs;
  for (const NamedTensor& input : padded_) {
    const bool rows = IsBatchInput(plan_, input.name);
    inputs.push_back({input.name, rows ? RowsOf(input.value, group * plan_.from, plan_.from) : input.value});
  }
  return inputs;
}

StatusOr<double> RowProof::Differs(const Tensor& alone, const Tensor& now, const std::optional<BatchAxis>& given,
                                   int64_t group) const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!given) return RelativeError(now, alone);
  BatchAxis place = *given;
  std::vector<int64_t> dims = alone.dims();
  if (place.added) dims.insert(dims.begin(), 1);
  if (dims.size() != now.dims().size()) return kInfinity;
  if (place.axis < 0) {
    for (size_t i = 0; place.axis < 0 && i < dims.size(); ++i) {
      if (dims[i] != now.dims()[i]) place.axis = static_cast<int>(i);
    }
    if (place.axis < 0) return RelativeError(now, alone);
  }
  const auto axis = static_cast<size_t>(place.axis);
  if (dims[axis] % (place.before * plan_.from) != 0) return kInfinity;
  std::vector<int64_t> wanted = dims;
  wanted[axis] = dims[axis] / plan_.from * rows_;
  if (wanted != now.dims()) return kInfinity;
  const int64_t before = CheckedElements({dims.begin(), dims.begin() + place.axis}) * place.before;
  if (before <= 0 || alone.elements() == 0) return RelativeError(now, alone);
  const int64_t inner = alone.elements() / before / plan_.from;
  const int64_t first = group * plan_.from, count = std::min(plan_.from, rows_ - first);
  const std::vector<double> a = now.Values<double>(), b = alone.Values<double>();
  std::vector<float> got, want;
  for (int64_t o = 0; o < before; ++o) {
    for (int64_t i = 0; i < count * inner; ++i) {
      got.push_back(static_cast<float>(a[static_cast<size_t>((o * rows_ + first) * inner + i)]));
      want.push_back(static_cast<float>(b[static_cast<size_t>(o * plan_.from * inner + i)]));
    }
  }
  return RelativeError(Tensor::Vector<float>(got), Tensor::Vector<float>(want));
}

StatusOr<std::vector<RowCheck>> RowProof::Check(const std::vector<NamedTensor>& results) const {
  std::vector<RowCheck> checks;
  for (const NamedTensor& result : results) {
    const auto output =
        std::find_if(outputs_.begin(), outputs_.end(), [&](const Output& o) { return o.name == result.name; });
    if (output == outputs_.end()) return Internal("output '", result.name, "' is new");
    RowCheck check{result.name, 0};
    for (size_t i = 0; i < groups_.size(); ++i) {
      ASSIGN_OR_RETURN(const double error, Differs(output->alone[i], result.value, output->place, groups_[i]));
      check.relative_error = std::max(check.relative_error, error);
    }
    checks.push_back(check);
  }
  return checks;
}

StatusOr<std::string> RowProof::FirstDifference(const Graph& source, const Graph& changed,
                                                const BatchReport& report) const {
  constexpr double kClearly = 1e-3;
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, changed.TopoOrder());
  std::vector<Value> here, there;
  for (NodeId id : order) {
    const Value value{id, 0};
    const auto origin = report.origins.find(value);
    const Value same = origin != report.origins.end() ? origin->second : value;
    if (!source.IsLive(same.node) || (same == value && source.node(id).name != changed.node(id).name)) continue;
    if (!IsFloating(changed.type(value).dtype) || changed.node(id).IsConst()) continue;
    here.push_back(value);
    there.push_back(same);
  }
  ASSIGN_OR_RETURN(const auto feeds, Feeds(changed, inputs_));
  ASSIGN_OR_RETURN(const std::vector<Tensor> now, Evaluate(changed, feeds, here));
  size_t first = here.size();
  for (int64_t group : groups_) {
    ASSIGN_OR_RETURN(const auto alone_feeds, Feeds(source, Group(group)));
    ASSIGN_OR_RETURN(const std::vector<Tensor> alone, Evaluate(source, alone_feeds, there));
    for (size_t i = 0; i < first; ++i) {
      ASSIGN_OR_RETURN(const double error, Differs(alone[i], now[i], PlaceOf(report, here[i]), group));
      if (!(error <= kClearly)) first = i;
    }
  }
  if (first == here.size()) return std::string();
  const Node& node = source.node(there[first].node);
  return StrCat("'", node.name, "' (", node.op, ")");
}

StatusOr<Batched> ChangeBatch(Graph& graph, const BatchPlan& plan, int64_t max_nodes, double tolerance) {
  const Graph source = graph;
  BatchChange change;
  change.from = plan.from;
  change.to = plan.to;
  change.max_nodes = max_nodes;
  for (const std::string& name : plan.inputs) {
    if (const auto id = graph.Find(name)) change.inputs.push_back(*id);
  }
  BatchPlan kept = plan;
  std::erase_if(kept.inputs, [&](const std::string& name) { return !graph.Find(name); });
  const auto change_in_a_way = [&](bool by_sample) -> StatusOr<Batched> {
    change.by_sample = by_sample;
    graph = source;
    GraphEditor editor(graph);
    Batched batched;
    batched.plan = kept;
    ASSIGN_OR_RETURN(batched.report, SetBatch(editor, change));
    ASSIGN_OR_RETURN(batched.source, ForEvaluation(source));
    ASSIGN_OR_RETURN(batched.changed, ForEvaluation(graph));
    auto proof = RowProof::Make(batched.source, graph, kept, batched.report);
    if (!proof.ok()) return WithContext(proof.status(), "its rows cannot be proven");
    batched.proof = *std::move(proof);
    if (batched.report.dropped && !by_sample) {
      RETURN_IF_ERROR(CheckOutputs(source, graph, batched.report, plan.from));
      ASSIGN_OR_RETURN(const auto results, EvaluateOutputs(batched.changed, batched.proof.inputs()));
      RETURN_IF_ERROR(JudgeRows(batched, results, tolerance).status());
    }
    if (plan.to == kUnknownDim) {
      for (NodeId id : change.inputs) RETURN_IF_ERROR(SetFirstDim(editor, id, kUnknownDim));
      RETURN_IF_ERROR(InferTypes(editor));
    }
    return batched;
  };
  auto batched = change_in_a_way(false);
  if (!batched.ok()) {
    auto by_sample = change_in_a_way(true);
    if (by_sample.ok()) return by_sample;
    // What works on one sample at a time says that it wants a number.
    return WithContext(plan.to == kUnknownDim ? by_sample.status() : batched.status(), plan.flag);
  }
  return batched;
}

StatusOr<std::vector<RowCheck>> JudgeRows(const Batched& batched, const std::vector<NamedTensor>& results,
                                          double tolerance) {
  ASSIGN_OR_RETURN(const std::vector<RowCheck> checks, batched.proof.Check(results));
  for (const RowCheck& check : checks) {
    if (check.relative_error <= tolerance) continue;
    const auto first = batched.proof.FirstDifference(batched.source, batched.changed, batched.report);
    const std::string where = first.ok() && !first->empty() ? StrCat("; they part at node ", *first) : "";
    return FailedCheck("the rows of output '", check.name,
                       "' are not what the file gives for each alone: they differ by ", check.relative_error,
                       " relative, allowed is ", tolerance, where);
  }
  return checks;
}

}  // namespace permafrost
