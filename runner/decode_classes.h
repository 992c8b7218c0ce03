#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

struct ClassScore {
  int64_t index;
  float score;
};

// The k best classes of each picture of the batch, best first; equal scores in the order of the classes. The output's
// first axis is the batch, all others together are the classes. `softmax` turns logits into probabilities first.
// Errors: no scores, a score that is no number.
StatusOr<std::vector<std::vector<ClassScore>>> TopClasses(const Array& output, int64_t k, bool softmax);

// One label a line; a CR at the end of a line and empty lines at the end are dropped.
StatusOr<std::vector<std::string>> ReadLabels(const std::string& path);

}  // namespace permafrost
