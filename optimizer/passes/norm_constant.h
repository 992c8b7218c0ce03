#pragma once

#include <map>
#include <optional>

#include "optimizer/ir/graph.h"

namespace permafrost {

// Reads what a value always is: a Const, or the result of pure ops on constants as long as it is small, so that
// gamma * rsqrt(variance + epsilon) is read before constants are folded as well as after. The graph must not change
// below values already read.
class ConstantReader {
 public:
  explicit ConstantReader(const Graph& graph) : graph_(graph) {}

  // Null when the value depends on an input, is too large to be a statistic, or its ops have no kernel.
  const Tensor* Read(Value value) { return Read(value, 0); }

 private:
  const Tensor* Read(Value value, int depth);
  std::optional<Tensor> Compute(Value value, int depth);
  const Graph& graph_;
  std::map<Value, std::optional<Tensor>> computed_;
};

}  // namespace permafrost
