#pragma once

#include <string>
#include <vector>

#include "runner/session.h"

namespace permafrost {

// A network of cv::dnn from the inside: nothing is translated, names, shapes and axes are its own. All in a child
// process: a crash is an error.

StatusOr<std::vector<std::string>> LayerNames(const std::string& model_path);

struct LayerOrder {
  std::vector<NamedArray> inputs;
  std::vector<std::string> layers;
  // Off: no layer is fused with its neighbours, and one forward pass gives them all. On: a pass and a net for each, as
  // a layer that is fetched is not fused away, and some nets run only once with fusion.
  bool fusion = false;
};
// The first output of each layer. Errors: whatever OpenCV throws, a name that does not exist.
StatusOr<std::vector<Array>> LayerValues(const std::string& model_path, const LayerOrder& order);

}  // namespace permafrost
