#pragma once

#include <map>
#include <optional>

#include "optimizer/ir/graph.h"

namespace permafrost {

constexpr int64_t kMaxConeBytes = 4096;  // larger values decide nothing

// Ops whose result may be far larger than what they are given.
bool MayGrow(std::string_view op);

// Works out small values that hang on constants, or on what inference knows of shapes, only. Answers are remembered:
// what lies behind a value that was asked for must not change afterwards.
class ConstantCone {
 public:
  explicit ConstantCone(const Graph& graph) : graph_(graph) {}
  std::optional<Tensor> Get(Value value) { return Get(value, 0); }

 private:
  std::optional<Tensor> Get(Value value, int depth);
  std::optional<Tensor> WorkOut(const Node& node, Value value, int depth);

  const Graph& graph_;
  std::map<Value, std::optional<Tensor>> known_;
};

// The elements, where inference knows all of them.
std::optional<Tensor> KnownInts(const ValueType& type);

// The number that a predicate or a branch index is.
std::optional<int64_t> AsPredicate(const std::optional<Tensor>& tensor);

}  // namespace permafrost
