#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/passes/pass_arguments.h"
#include "optimizer/support/status.h"

namespace permafrost {

// What a pipeline may rely on after a pass. Order is data: CheckOrder (pipeline/) holds every pipeline against it.
enum class Fact {
  kNoFunctions,      // no calls, no function library
  kNoControlEdges,   // no node has a control input
  kNoControlFlow,    // no Switch, Merge, If, While ...
  kFlat,             // Verify(kFlat) passes
  kNoTrainingOps,    // dropout, gradients, iterators, summaries and asserts are gone
  kNoIdentity,       // Identity and its like are gone
  kConstantsFolded,  // nothing pure has only constant inputs
  kNormsFolded,      // every batch norm is folded or in its cheapest form
  kExecutionOrder,   // position is execution order
  kOpenCvOps,        // only ops that the importer takes
  kOutputsNamed,     // every output is a node of its own under the asked name
  kWeightsEncoded,   // some constants are stored small and widened by a node
};

struct PassOptions {
  int64_t fold_growth_bytes = int64_t{16} << 20;  // what fold-constants may add to the constants' bytes, in all
  int64_t unroll_nodes = 100'000;                 // what unrolling loops may add
  int opencv_version = 40600;                     // 10000 major + 100 minor + patch of the release aimed at
  PassArguments arguments;                        // of this one pass, checked
};

// What a pass tells besides changing the graph.
class PassContext {
 public:
  struct Declined {
    std::string node, reason;
  };
  explicit PassContext(const PassOptions& options = {}) : options_(options) {}
  const PassOptions& options() const { return options_; }
  // A pattern that did not fit, for --explain. Not an error.
  void Decline(const Node& node, std::string_view reason) {
    declined_.push_back({node.name, std::string(reason)});
  }
  // Something the user should read in the report.
  void Note(std::string text) { notes_.push_back(std::move(text)); }
  const std::vector<Declined>& declined() const { return declined_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  PassOptions options_;
  std::vector<Declined> declined_;
  std::vector<std::string> notes_;
};

// One function and one row of pipeline/catalog.cc. `run` matches by reading only, then applies without declining half
// way. The run loop prunes what died, infers types again, derives "changed" from the revision, and verifies.
struct PassInfo {
  std::string_view name;                  // verb-object, kebab-case: what --passes takes
  std::string_view summary;               // one line for --help
  std::vector<Fact> needs, gives;
  Status (*run)(GraphEditor& editor, PassContext& context);
  std::vector<std::string_view> aliases;  // transform_graph's names for it
  std::vector<PassOption> options = {};
  std::vector<Fact> wants = {};   // works without, but does less or harm: a warning
  std::vector<Fact> breaks = {};  // what holds no longer after it
  bool lossy = false;             // changes the numbers on purpose
};

}  // namespace permafrost
