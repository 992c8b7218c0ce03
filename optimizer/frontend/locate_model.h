#pragma once

#include <string>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

// Where the parts of a model lie.
struct ModelPlace {
  std::string graph;       // the file that holds it
  std::string checkpoint;  // that belongs to it, as far as its place tells; may be empty
  std::vector<std::string> notes;
};

// Finds the graph behind a path: a file that is one; a SavedModel's folder, or the newest of numbered exports in it; a
// checkpoint or training folder with a graph beside it.
// Errors: nothing of these; what was looked for is said.
StatusOr<ModelPlace> LocateModel(const std::string& path);

}  // namespace permafrost
