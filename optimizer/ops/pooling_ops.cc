#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> PoolingOps() { return {}; }

}  // namespace permafrost
