#pragma once

#include <vector>

#include "runner/inputs/items.h"
#include "runner/tool/run_flags.h"

namespace permafrost {

// Errors: a file that --out, --draw or --save-npz would write is one that the run reads, or two of them are the same file.
// Pictures and arrays are told by their paths, what flags name also through links.
Status KeepInputs(const RunFlags& flags, const std::vector<Item>& items);

}  // namespace permafrost
