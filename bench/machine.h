#pragma once

#include <string>
#include <utility>
#include <vector>

namespace permafrost {

// What a number depends on, besides the model: processor, cores, memory, kernel, OpenCV, compiler, build type, version.
std::vector<std::pair<std::string, std::string>> MachineFacts();

}  // namespace permafrost
