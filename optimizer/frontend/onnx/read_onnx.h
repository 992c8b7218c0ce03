#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/graph.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {

// An ONNX model as a graph of TensorFlow's ops with its inputs and outputs, which lie as the file says.
struct ImportedOnnx {
  Graph graph;
  std::vector<std::string> notes;
  std::vector<std::string> files;  // beside the model, with weights
};

// Does the file begin as an ONNX model does?
bool IsOnnxModel(std::string_view bytes);

// Weights become views into `file` if it is given (`bytes` then lies inside it), and into files beside it; copies
// otherwise. `shapes` fills dims of inputs that the model leaves open. Only what the outputs need is read.
// Errors: damage, limits, an op or a form of one that we do not know; the node is named.
StatusOr<ImportedOnnx> ReadOnnx(std::string_view bytes, const std::shared_ptr<const MappedFile>& file, const Limits& limits,
                                const std::map<std::string, Shape, std::less<>>& shapes = {});

}  // namespace permafrost
