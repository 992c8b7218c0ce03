#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/bench.h"

namespace permafrost {

// Everything a run has found, for machines: checks, times and their statistics, machine and build.
std::string ReportJson(const std::vector<CaseReport>& reports, const BenchOptions& options);

nlohmann::ordered_json ToJson(const Speedup& speedup);
nlohmann::ordered_json ToJson(const Check& check);  // of all outputs

}  // namespace permafrost
