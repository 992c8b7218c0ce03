#pragma once

#include <string>
#include <string_view>

#include "optimizer/support/status.h"

// What the programs print with.
namespace permafrost {

// "1,234,567".
std::string WithCommas(int64_t number);
// "12.3 MB".
std::string HumanBytes(int64_t bytes);

// Prints "permafrost-x: message" on stderr and returns the exit code.
int Fail(std::string_view program, const Status& status);
// `program` with what no library may throw turned into exit code 3 (our own bug).
int Guarded(std::string_view name, int (*program)(int, char**), int argc, char** argv);
// The exit code for wrong usage.
constexpr int kUsage = 2;

}  // namespace permafrost
