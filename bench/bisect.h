#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/optimize.h"
#include "runner/layers.h"

namespace permafrost {

// Where the layers' values come from: the cv::dnn that is linked, or another release behind a command.
struct LayerSource {
  std::string release;
  std::function<StatusOr<std::vector<std::string>>(const std::string& model_path)> names;
  std::function<StatusOr<std::vector<Array>>(const std::string& model_path, const LayerOrder& order)> values;
};
LayerSource LinkedOpenCv();
// `command` is run with the path of a JSON file added, as tests/compat/layers reads it: file, inputs (name, npy),
// layers, fusion, answer (a folder). It writes answer/<i>.npy for each layer, and answer/names.json: all the layers
// that there are.
LayerSource OpenCvBehind(const std::string& command, const std::string& work_folder);

struct BisectOptions {
  double tolerance = 1e-4;
  int64_t window_bytes = int64_t{64} << 20;  // of values that wait to be compared
  size_t window_layers = 64;
};

// A node whose layer was compared. What differs only in the order of axes does not differ.
struct ComparedNode {
  std::string name, op;
  std::vector<int64_t> dims, cv_dims;
  bool channels_first = false;  // in cv::dnn, of a value that is channels-last in the graph
  std::string holds;  // the later node whose value the layer holds (a bias merged into a convolution), if another
  Comparison comparison;
};

struct Divergence {
  ComparedNode node;
  std::string failure;               // what OpenCV said instead of giving a value; empty if it gave one
  bool only_fused = false;           // right unless layers are fused
  std::vector<ComparedNode> inputs;  // the node's own, those that were compared
};

struct BisectReport {
  std::string release;
  size_t nodes = 0;  // without inputs, and what depends on none
  std::vector<ComparedNode> compared;
  std::optional<Divergence> first;
};

// The first node in execution order whose layer in cv::dnn differs from the reference kernels. `graph` is what the file
// says, `inputs` are in the graph's axes. Both sides are evaluated and compared in windows of nodes, so memory does not
// grow with the net. First without fusion of layers; when nothing differs so but the outputs do with it, with fusion.
// Only a layer's first output is compared. Errors: a file that cv::dnn does not load or run at all (NarrowRefusal).
StatusOr<BisectReport> Bisect(const Graph& graph, const std::string& model_path, const std::vector<NamedTensor>& inputs,
                              const LayerSource& source, const BisectOptions& options);

// The inputs as cv::dnn takes them: as the file's model.json says; without one, pictures and volumes channels first.
StatusOr<std::vector<NamedArray>> CvInputs(const std::string& model_path, const std::vector<NamedTensor>& inputs);

// The nodes of the source that a node of the optimized graph came from: the one of its name or behind an output of its
// name, else the one it was made for (new nodes are called <origin>/<pass>), else those that lie below that name.
std::vector<std::string> SourceNodes(const std::string& name, const Graph& source);

}  // namespace permafrost
