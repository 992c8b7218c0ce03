#pragma once

#include <string>
#include <vector>

#include "bench/bench.h"

namespace permafrost {

// A table for people: a line a file, with the tolerance that would have passed, then why what is not PASSED is not.
std::string ReportTable(const std::vector<CaseReport>& reports);

// The same and more for machines, with machine and build.
std::string ReportJson(const std::vector<CaseReport>& reports, const BenchOptions& options);

}  // namespace permafrost
