#pragma once

#include <string_view>

namespace permafrost {

// "0.1.0".
std::string_view Version();

}  // namespace permafrost
