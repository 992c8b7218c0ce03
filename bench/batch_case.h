#pragma once

#include <cstdint>

#include "bench/model_case.h"

namespace permafrost {

// The case with another batch: the rows of its inputs and references are repeated in turn. 0: as it is.
// Errors: inputs that do not share one batch, an output whose first dim is not that batch.
StatusOr<ModelCase> WithBatch(const ModelCase& model, int64_t batch);

}  // namespace permafrost
