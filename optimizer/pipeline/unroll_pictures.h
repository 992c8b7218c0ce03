#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/ir/graph.h"
#include "optimizer/passes/pass.h"

namespace permafrost {

// TensorFlow 2 chooses boxes, and resizes pictures, in a While over the batch (map_fn). Where there is a suppression, or peaks of
// a map, and such a loop, inputs take one picture of the size that the graph brings it to, and all loops that this decides are unrolled, so that the
// detector can be found. Other graphs, and those whose loops are undecided all the same, stay as they are. Returns that size
// where it was found here.
StatusOr<std::optional<std::vector<int64_t>>> UnrollPictures(Graph& graph, const PassOptions& options, std::vector<std::string>& notes);

}  // namespace permafrost
