#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "optimizer/ops/cost.h"
#include "optimizer/pipeline/optimize.h"

namespace permafrost {

struct InspectedTensor {
  std::string name, op, dtype, shape;
};

// What can be said of a file without being told anything.
struct Inspection {
  Format format = Format::kUnknown;
  GraphFigures figures;  // of the file; parameters: of what its inputs and outputs need
  std::vector<Signature> signatures;
  std::vector<InspectedTensor> placeholders;  // in the file
  std::vector<InspectedTensor> variables;     // not frozen yet
  std::vector<InspectedTensor> inputs, outputs;  // that the optimizer would choose
  std::map<std::string, int64_t> op_counts;      // function bodies included
  int64_t control_edges = 0, functions = 0;
  std::vector<std::string> unknown_ops;  // without a row in the op table
  std::optional<Cost> cost;              // of the graph between those inputs and outputs
  std::map<std::string, int64_t> refused;           // "Op: reason" -> nodes, of the file as it is
  std::vector<std::string> refused_after_optimizing;
  std::vector<std::string> notes;  // what was decided on the way
  std::string problem;  // why no inputs and outputs could be chosen
  std::string optimize_command, bench_command;
};

// `options`: the model and how to open it.
StatusOr<Inspection> Inspect(const OptimizeOptions& options);

}  // namespace permafrost
