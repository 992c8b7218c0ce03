#pragma once

#include <string>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

// The SHA-256 of a model: of its file or, when it has several, of their list as `sha256sum` prints it: a line
// "<hash>  <path>" for each, sorted by path, the paths relative to the folder that holds them all.
StatusOr<std::string> Sha256OfSource(const std::vector<std::string>& files);

}  // namespace permafrost
