#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "optimizer/passes/lowering/set_batch.h"
#include "optimizer/pipeline/evaluate.h"

// Another batch than the file has, and the proof that its rows are what the file gives for each alone.
namespace permafrost {

struct BatchPlan {
  std::vector<std::string> inputs;  // whose first dim is the batch
  int64_t from = 1, to = 1;         // to: kUnknownDim for any
  std::string flag;                 // who asked, for errors
};

// Which inputs have the batch, once the graph has its inputs: those whose first dim is open, which is made 1 here, else
// those of rank 2 and more that share the first one's. `asked`: batches that --inputs gave to inputs of another one;
// `given`: inputs whose batch the user has said. Nullopt: nothing is to change.
// Errors: no input has a batch; one has no known rank.
StatusOr<std::optional<BatchPlan>> PlanBatch(GraphEditor& editor, std::optional<int64_t> batch,
                                             const std::map<std::string, int64_t>& asked,
                                             std::vector<std::string>& notes);

struct RowCheck {
  std::string name;
  double relative_error = 0;  // max |a - b| / max |b|
};

// The answers of a graph for every row alone (or in its own batches), and what to feed for all rows at once.
class RowProof {
 public:
  // `source` before the change, `changed` after it.
  static StatusOr<RowProof> Make(const Graph& source, const Graph& changed, const BatchPlan& plan,
                                 const BatchReport& report);
  const std::vector<NamedTensor>& inputs() const { return inputs_; }
  // Against the answers for all rows at once.
  StatusOr<std::vector<RowCheck>> Check(const std::vector<NamedTensor>& results) const;
  // The first node of `changed`, in its order, whose rows differ; empty when none does.
  StatusOr<std::string> FirstDifference(const Graph& source, const Graph& changed, const BatchReport& report) const;

 private:
  static StatusOr<RowProof> MakeWith(const Graph& source, const Graph& changed, const BatchPlan& plan,
                                     const BatchReport& report, int64_t integers_below);
  // Value `now` of all rows against value `alone` of group `group`.
  StatusOr<double> Differs(const Tensor& alone, const Tensor& now, const std::optional<BatchAxis>& place,
                           int64_t group) const;
  std::vector<NamedTensor> Group(int64_t group) const;

  BatchPlan plan_;
  int64_t rows_ = 0;                 // of the result
  std::vector<NamedTensor> inputs_;  // of all rows
  std::vector<NamedTensor> padded_;  // the same with whole groups
  std::vector<int64_t> groups_;      // those that are tried
  struct Output {
    std::string name;
    std::optional<BatchAxis> place;
    std::vector<Tensor> alone;  // by group tried
  };
  std::vector<Output> outputs_;
};

// A graph whose batch was changed.
struct Batched {
  BatchPlan plan;
  RowProof proof;
  Graph source, changed;  // without training ops, to be evaluated
  BatchReport report;
};

// Changes the batch of a flat graph, where a batch of one is dropped in the way that keeps the rows apart.
// Errors: a node takes rows together; nothing can be proven because a node has no kernel.
StatusOr<Batched> ChangeBatch(Graph& graph, const BatchPlan& plan, int64_t max_nodes, double tolerance);

// Errors: an output's rows are not those of the source, with the first node at which they part.
StatusOr<std::vector<RowCheck>> JudgeRows(const Batched& batched, const std::vector<NamedTensor>& results,
                                          double tolerance);

}  // namespace permafrost
