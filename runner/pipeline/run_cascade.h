#pragma once

#include <memory>
#include <vector>

#include "runner/cascade.h"
#include "runner/pipeline/run_items.h"

namespace permafrost {

// As RunItems, for a cascade: pictures and videos, one after the other on the calling thread. The results of an item are
// "faces", boxes, and "points", the key points of all faces one face after the other. Errors as there; an item that is no
// picture fails.
StatusOr<RunStats> RunCascade(const std::vector<Item>& items, int64_t skip, Cascade& cascade,
                              const std::vector<std::unique_ptr<Writer>>& writers, const ItemRunOptions& options,
                              const RunHooks& hooks);

// Faces as the writers take them.
std::vector<OutputResult> FaceResults(const std::vector<Face>& faces, const cv::Mat& pixels);

}  // namespace permafrost
