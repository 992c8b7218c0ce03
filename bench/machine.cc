#include "bench/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "optimizer/support/version.h"
#include "runner/session.h"

namespace permafrost {
namespace {

// The value of the first "key : value" line.
std::string Field(const char* path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (line.rfind(key, 0) != 0 || colon == std::string::npos) continue;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? std::string() : line.substr(value);
  }
  return "unknown";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> MachineFacts() {
  utsname system{};
  ::uname(&system);
  return {{"cpu", Field("/proc/cpuinfo", "model name")},
          {"cores", std::to_string(std::thread::hardware_concurrency())},
          {"memory", Field("/proc/meminfo", "MemTotal")},
          {"kernel", std::string(system.sysname) + " " + system.release + " " + system.machine},
          {"opencv", OpenCvVersion()},
          {"compiler", __VERSION__},
          {"build_type", PERMAFROST_BUILD_TYPE},
          {"permafrost", std::string(Version())}};
}

}  // namespace permafrost
