#pragma once

#include <string_view>

#include "optimizer/pipeline/optimize.h"

// What permafrost-optimize prints.
namespace permafrost {

// --list-passes
void PrintPasses();
void PrintReport(const OptimizeOptions& options, const OptimizeReport& report);
// --json
void PrintJson(const OptimizeOptions& options, const OptimizeReport& report);
// --explain: what a pass did and why it left the rest alone.
void PrintExplanation(const OptimizeReport& report, std::string_view pass_name);

}  // namespace permafrost
