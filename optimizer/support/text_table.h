#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace permafrost {

// Columns as wide as their widest cell, in bytes; the first `left` of them left-aligned, the others right.
std::string TextTable(const std::vector<std::vector<std::string>>& rows, size_t left = 1);

}  // namespace permafrost
