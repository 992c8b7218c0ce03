#include "optimizer/ops/families.h"

namespace permafrost {

std::vector<OpDef> TrainingOps() { return {}; }

}  // namespace permafrost
