#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/passes/pass.h"
#include "optimizer/pipeline/specs.h"

namespace permafrost {

// One run of a pass.
struct PassStep {
  const PassInfo* pass = nullptr;
  PassArguments arguments;
  bool ignore_errors = false;

  std::string ToString() const { return StrCat(pass->name, arguments.ToString()); }
};

std::vector<PassStep> StepsOf(const std::vector<const PassInfo*>& passes);

// The passes that calls name. Transforms of transform_graph whose work is always done are left out, with a note.
// Errors begin with `flag` ("--passes"): a name that does not exist (for transform_graph's, what to do instead), and
// what CheckArguments says.
StatusOr<std::vector<PassStep>> ResolvePasses(const std::vector<PassCall>& calls, std::string_view flag,
                                              std::vector<std::string>& notes);

// What cannot work, or undoes what came before, in this order: each names the pass that has to come first. `have` holds
// at the beginning.
std::vector<std::string> OrderWarnings(const std::vector<PassStep>& steps, const std::vector<Fact>& have);

}  // namespace permafrost
