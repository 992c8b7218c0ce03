#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "optimizer/ir/verify.h"
#include "optimizer/passes/pass.h"
#include "optimizer/pipeline/pass_steps.h"

namespace permafrost {

struct PassReport {
  std::string name;
  std::string arguments;  // "(minimum_size=4)"
  bool changed = false;
  int64_t nodes_before = 0, nodes_after = 0;
  double milliseconds = 0;
  std::vector<std::string> notes;
  std::vector<PassContext::Declined> declined;
};

struct RunOptions {
  PassOptions passes;
  bool verify_each = false;  // Verify after every pass; at the end always
  int stop_after = -1;       // passes to run in all; -1: all of them. Counts down over several calls of RunPasses.
  std::function<Status(int index, std::string_view pass, const Graph&)> after_pass;  // for dumps
  std::function<void(std::string_view pass)> before_pass;                            // for progress
};

// Runs passes one after the other. `level` is what the graph must be before and after each.
// Errors carry the name of the pass; a graph that fails Verify after a pass is our own bug and says so.
Status RunPasses(Graph& graph, const std::vector<const PassInfo*>& passes, Level level, RunOptions& options,
                 std::vector<PassReport>& report);

Status RunStep(Graph& graph, const PassStep& step, Level level, RunOptions& options, std::vector<PassReport>& report);

}  // namespace permafrost
