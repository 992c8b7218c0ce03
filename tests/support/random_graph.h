#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/graph.h"
#include "optimizer/pipeline/evaluate.h"

namespace permafrost {

// A small graph of random ops, attributes, shapes and broadcasts, the same for the same seed. Every value in it is
// finite and depends on the inputs smoothly enough to be compared: noise of rounding's size on every result stays of
// that size. Nodes are called by their op and a number ("Conv2D_3").
struct RandomGraph {
  Graph graph;  // flat, types inferred
  std::vector<NamedTensor> inputs;
  std::vector<NamedTensor> outputs;  // on the reference kernels
  std::set<std::string> ops;         // of its nodes, without constants and inputs
};

struct RandomGraphOptions {
  int most_ops = 8;       // besides those that bring values into a function's range
  std::string must_hold;  // an op that comes first; empty: any
};
// Errors: shape inference contradicts a kernel (our own bug).
StatusOr<RandomGraph> MakeRandomGraph(uint64_t seed, const RandomGraphOptions& options = {});

// The ops that come up, and those with a kernel that do not, each with the reason.
std::vector<std::string> RandomOps();
std::vector<std::pair<std::string_view, std::string_view>> OpsLeftOutOfRandomGraphs();

}  // namespace permafrost
