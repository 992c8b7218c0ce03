#include "optimizer/support/version.h"

namespace permafrost {

std::string_view Version() { return PERMAFROST_VERSION; }

}  // namespace permafrost
