#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> ArrayOps() { return {}; }

}  // namespace permafrost
