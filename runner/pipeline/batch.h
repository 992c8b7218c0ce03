#pragma once

#include <cstdint>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/session.h"

namespace permafrost {

// Whether these feeds can go through the network at once: the same inputs, equal shapes, a first axis of 1.
bool CanJoin(const std::vector<const std::vector<NamedArray>*>& feeds);

// One feed of all, `size` rows of each input: the last one again where there are fewer feeds.
std::vector<NamedArray> Join(const std::vector<const std::vector<NamedArray>*>& feeds, int64_t size);

// The outputs of each of the first `count` rows. Errors: an output whose first axis is not `size`.
StatusOr<std::vector<std::vector<NamedArray>>> Split(const std::vector<NamedArray>& outputs, int64_t size,
                                                     int64_t count);

}  // namespace permafrost
