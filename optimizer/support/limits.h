#pragma once

#include <cstdint>

namespace permafrost {

// What a file may ask of us. Every number can be raised by a flag of the tools.
struct Limits {
  int64_t max_tensor_bytes = int64_t{4} << 30;  // one constant, expanded
  int64_t max_nodes = 2'000'000;                // of a graph, functions inlined
};

}  // namespace permafrost
