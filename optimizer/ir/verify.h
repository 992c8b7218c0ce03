#pragma once

#include "optimizer/ir/graph.h"

namespace permafrost {

enum class Level {
  kImported,  // what a file may hold: control edges, Switch/Merge/If/While, variables, functions; only while loops cycle
  kFlat,      // what backends get: acyclic, no control edges, no control flow, no functions, every op pure
};

// Every input of the node is an output that a live node has, as far as the number of its outputs is known.
Status CheckInputs(const Graph& graph, NodeId id);

// Checks the IR's promises: unique names, every use has a live definition, inputs are placeholders, outputs exist and
// have distinct names; at kFlat the rest of Level. The error names the node.
Status Verify(const Graph& graph, Level level);

// Switch, Merge, Enter, Exit, NextIteration, LoopCond, If, While, Case and their stateless and Ref forms.
bool IsControlFlow(std::string_view op);

}  // namespace permafrost
