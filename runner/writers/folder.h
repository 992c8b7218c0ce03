#pragma once

#include <string>

#include "optimizer/support/status.h"

namespace permafrost {

// Makes a folder and those above it. Errors: it cannot be, a file is in the way.
Status MakeFolder(const std::string& path);

}  // namespace permafrost
