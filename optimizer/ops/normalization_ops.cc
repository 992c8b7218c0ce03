#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> NormalizationOps() { return {}; }

}  // namespace permafrost
