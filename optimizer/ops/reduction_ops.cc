#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> ReductionOps() { return {}; }

}  // namespace permafrost
