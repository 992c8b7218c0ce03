#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> ControlOps() { return {}; }

}  // namespace permafrost
