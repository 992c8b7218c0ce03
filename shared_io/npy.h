#pragma once

#include <string>
#include <string_view>

#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

// NumPy's .npy, versions 1 to 3, little endian, numbers and bool. Fortran order is turned into C order.
// Errors: anything else, and a header that promises more or other bytes than follow it.
StatusOr<Array> ParseNpy(std::string_view bytes);
StatusOr<Array> ReadNpy(const std::string& path);

// Errors: the bytes do not fit the dims.
StatusOr<std::string> NpyBytes(const Array& array);
Status WriteNpy(const std::string& path, const Array& array);

}  // namespace permafrost
