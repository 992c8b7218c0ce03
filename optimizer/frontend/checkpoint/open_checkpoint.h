#pragma once

#include <memory>
#include <string>
#include <vector>

#include "optimizer/ir/variable_source.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// Opens a checkpoint however it is named: the prefix that TensorFlow's savers take (model.ckpt-20000, of V2 or V1), its
// .index, .meta or a .data file, a V1 file, the `checkpoint` state file, or the folder that holds one. Paths in a state
// file are looked up beside it: folders are copied.
// Errors: nothing there, nothing that is a checkpoint; what was looked for is said.
StatusOr<std::shared_ptr<const VariableSource>> OpenCheckpoint(const std::string& path, const Limits& limits);

// The prefix of the checkpoint that OpenCheckpoint would open; it may turn out not to be there.
StatusOr<std::string> ResolveCheckpoint(const std::string& path);

// The files that make up the checkpoint with this prefix.
std::vector<std::string> CheckpointFiles(const std::string& prefix);

// True if a checkpoint with this prefix lies there.
bool HasCheckpoint(const std::string& prefix);

}  // namespace permafrost
