#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/verify.h"
#include "optimizer/passes/run_pass.h"

namespace permafrost {

// The graph of a text (ir/text.h) with its types inferred. A text that is wrong fails the test and gives an empty
// graph.
Graph ParseOrDie(std::string_view text);

struct RewriteOptions {
  Level before = Level::kFlat;  // what Verify holds the graph against before and after the pass
  Level after = Level::kFlat;
  PassOptions pass;
  // Outputs of both graphs, on the same seeded inputs, agree to within this part of the largest value. Graphs at level
  // imported have no numbers to compare.
  double tolerance = 1e-5;
  bool same_numbers = true;  // false only for a pass that changes them on purpose, such as taking dropout out
};

// Of passes on a graph as its frontend gives it.
inline RewriteOptions Imported() {
  RewriteOptions options;
  options.before = options.after = Level::kImported;
  return options;
}

// Runs the pass on `before` and expects `after`, both as text. Besides: Verify passes before and after, the changed
// flag is honest, names and types of inputs and outputs stay, a second run changes nothing, and the reference kernels
// give the same numbers (unknown dims are fed as 2). Returns what the pass told.
PassContext ExpectRewrite(const PassInfo& pass, std::string_view before, std::string_view after,
                          const RewriteOptions& options = {});

// Expects the pass to leave the graph as it is and to decline or note with a text that holds `reason` ("" for any
// or none).
PassContext ExpectNoRewrite(const PassInfo& pass, std::string_view text, std::string_view reason,
                            const RewriteOptions& options = {});

// The outputs of a flat graph on seeded inputs: floats in [-1, 1), integers 0 to 3, bools by coin; unknown dims are 2,
// unknown ranks [2, 3]. Two graphs whose inputs have the same names and shapes get the same feeds.
StatusOr<std::vector<Tensor>> EvaluateOnSeed(const Graph& graph, uint64_t seed);

// Fails the test when the graphs' outputs, matched by position, differ on seeded inputs.
void ExpectSameNumbers(const Graph& expected, const Graph& actual, double tolerance = 1e-5);

// max |a-b| / max |a|, the worst of all outputs; infinity where dtypes, shapes or NaNs differ. For tests that must show
// that a wrong rewrite would be seen.
StatusOr<double> LargestError(const Graph& expected, const Graph& actual);

}  // namespace permafrost
