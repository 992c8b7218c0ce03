#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/bench.h"
#include "optimizer/support/status.h"

namespace permafrost {

struct BaselineLimits {
  double slowdown = 1.1;  // the new time over the old one, when Mann-Whitney's test tells them apart
  double accuracy = 2;    // the new needed tolerance over the old one, when it is above 1e-6
};

// What got worse since `baseline`, a report of ReportJson: one sentence each, none when nothing did. Only files that
// both runs have are compared (same case, file and setting); a file that passed then and does not now counts.
// Errors: not such a report; nothing in common; another machine, where times mean nothing.
StatusOr<std::vector<std::string>> Regressions(const std::vector<CaseReport>& reports, std::string_view baseline,
                                               const BaselineLimits& limits);

}  // namespace permafrost
