#include "tests/support/places.h"

namespace permafrost {

std::string SourceDir() { return PERMAFROST_SOURCE_DIR; }
std::string BinaryDir() { return PERMAFROST_BINARY_DIR; }

}  // namespace permafrost
