#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/shape.h"

namespace permafrost {

// The equation with a letter for each axis that "..." stands for: "...ij,jk->...ik" of ranks 4 and 2 is
// "YZij,jk->YZik". Axes that "..." spreads over others (of size 1 in one operand only) are not understood: nullopt,
// and so are ranks that are not known and equations that do not fit them.
std::optional<std::string> PlainEinsum(std::string_view equation, const std::vector<Shape>& operands);

}  // namespace permafrost
