#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> ImageOps() { return {}; }

}  // namespace permafrost
