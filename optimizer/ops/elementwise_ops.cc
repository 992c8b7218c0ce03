#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> ElementwiseOps() { return {}; }

}  // namespace permafrost
