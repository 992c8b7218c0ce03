#pragma once

#include <string>

namespace permafrost {

std::string SourceDir();  // of the checkout
std::string BinaryDir();  // of the build; programs lie in its bin/

}  // namespace permafrost
