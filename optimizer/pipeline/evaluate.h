#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Seeded values in the range that suits the dtype: floats in [-1, 1), integers in [0, 255]. Unknown dims become
// `unknown_batch` for the first, 3 for the last of four, 64 for the others.
StatusOr<Tensor> SeededInput(const ValueType& type, uint64_t seed, int64_t unknown_batch = 2);

// Every graph output on the reference kernels, fed with SeededInput. Both graphs of a comparison get the same values when
// their inputs have the same names.
struct NamedTensor {
  std::string name;
  Tensor value;
};
StatusOr<std::vector<NamedTensor>> SeededInputs(const Graph& graph, uint64_t seed);
// Integers are converted where the graph takes floating-point numbers.
StatusOr<std::vector<NamedTensor>> EvaluateOutputs(const Graph& graph, const std::vector<NamedTensor>& inputs);

// Every node that the outputs depend on, constants too, in execution order; `visit` gets what the node gives and says false
// to stop. A value is kept until its last use only.
using NodeVisit = std::function<StatusOr<bool>(NodeId id, const std::vector<Tensor>& outputs)>;
Status EvaluateNodes(const Graph& graph, const std::vector<NamedTensor>& inputs, const NodeVisit& visit);

// max |a - b| / max |b|; 0 when both are empty or zero; infinity when shapes or non-finite places differ.
double RelativeError(const Tensor& actual, const Tensor& expected);

// For programs that compare files: reads `path` as a GraphDef with its Placeholders as inputs and `outputs` (all ends when
// empty) as outputs, and runs it on `inputs` (seeded ones when empty).
struct FileRun {
  std::vector<NamedTensor> inputs, outputs;
};
StatusOr<FileRun> RunOnReferenceKernels(const std::string& path, const std::vector<std::string>& outputs,
                                        const std::vector<NamedTensor>& inputs, uint64_t seed);

}  // namespace permafrost
