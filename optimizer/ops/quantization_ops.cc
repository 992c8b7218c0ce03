#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> QuantizationOps() { return {}; }

}  // namespace permafrost
