#pragma once

#include "optimizer/passes/pass.h"

namespace permafrost {

struct PassRun {
  bool changed = false;
  PassContext context;
};

// Runs one pass the way pipelines do: the pass, then what died is pruned, then types are inferred again. `changed` is
// derived from the graph's revision. Errors name the pass; the graph is then not to be used.
StatusOr<PassRun> RunPass(const PassInfo& pass, Graph& graph, const PassOptions& options = {});

}  // namespace permafrost
