#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/session.h"

namespace permafrost {

// Arrays as bytes, for the way through a pipe.
StatusOr<std::string> PackArrays(const std::vector<NamedArray>& arrays);
StatusOr<std::vector<NamedArray>> UnpackArrays(std::string_view bytes);

}  // namespace permafrost
