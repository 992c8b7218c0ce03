#include "optimizer/tool/console.h"

#include <cstdio>
#include <exception>
#include <iostream>

namespace permafrost {

std::string WithCommas(int64_t number) {
  std::string digits = std::to_string(number < 0 ? -number : number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return number < 0 ? "-" + digits : digits;
}

std::string HumanBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

int Fail(std::string_view program, const Status& status) {
  std::cerr << program << ": " << Message(status) << "\n";
  return ExitCode(status);
}

int Guarded(std::string_view name, int (*program)(int, char**), int argc, char** argv) {
  try {
    return program(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << name << ": internal error: " << error.what() << "\n";
    return 3;
  }
}

}  // namespace permafrost
