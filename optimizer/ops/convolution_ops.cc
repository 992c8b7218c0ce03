#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> ConvolutionOps() { return {}; }

}  // namespace permafrost
