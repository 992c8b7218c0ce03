#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

// NumPy's .npz: a zip archive of .npy files. Names are without ".npy", in the archive's order.
using NamedArrays = std::vector<std::pair<std::string, Array>>;

// Errors: a damaged archive, a member that is no .npy, more than `most_bytes` in all.
StatusOr<NamedArrays> ParseNpz(std::string_view bytes, uint64_t most_bytes = uint64_t{8} << 30);
StatusOr<NamedArrays> ReadNpz(const std::string& path);

// Stored, not packed: np.savez's form. Errors: the bytes of an array do not fit its dims, 4 GB or more.
StatusOr<std::string> NpzBytes(const NamedArrays& arrays);
Status WriteNpz(const std::string& path, const NamedArrays& arrays);

}  // namespace permafrost
