#pragma once

#include <string>
#include <vector>

#include "bench/bench.h"

namespace permafrost {

// A table for people: a line a file, with the tolerance that would have passed, then why what is not PASSED is not,
// which layers run on the CPU, and where the time goes if that was asked for.
std::string ReportTable(const std::vector<CaseReport>& reports);

}  // namespace permafrost
