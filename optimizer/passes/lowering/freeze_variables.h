#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "optimizer/ir/variable_source.h"
#include "optimizer/passes/pass.h"

namespace permafrost {

// The values of a graph's variables: from the checkpoint, under the name and slice by which the graph's own restore ops
// read them, else under shared_name or the node's name; if it has none, the initial value where that is constant.
class VariableValues {
 public:
  // `original` is the graph as the file has it, with its restore and assign ops. `source` may be null. With `average`
  // (TensorFlow's default is ExponentialMovingAverage) a variable takes "<name>/<average>" where the source has it.
  VariableValues(const Graph& original, const VariableSource* source, std::string_view average = "");

  // Errors: averages are wanted, but the source has none.
  Status CheckAverages() const;
  // Says which variables took their plain value because they have no average.
  void NoteMissingAverages(PassContext& context) const;

  // Errors: nobody has a value, or it has another dtype or shape; the variable is named.
  StatusOr<Tensor> ValueOf(const Node& variable, PassContext& context) const;

 private:
  struct Stored {
    std::string key, slice;
  };
  const Node* VariableBehind(Value reference) const;
  void FindRestores();
  StatusOr<Tensor> Load(const Stored& stored) const;
  StatusOr<Tensor> InitialValue(const Node& variable) const;
  std::string AverageOf(const std::string& key) const;  // the key of its average; empty if there is none

  const Graph& original_;
  const VariableSource* source_;
  std::string average_;  // "/ExponentialMovingAverage"; empty: plain values
  std::vector<std::string> averages_;  // all keys of the source that end so
  mutable std::set<std::string> without_average_;
  std::map<std::string, std::vector<Stored>, std::less<>> restores_;  // by the variable's node
  std::map<std::string, std::vector<Value>, std::less<>> assigned_;   // what is assigned to it, restores apart
};

// Turns every variable into a constant of the same name:
//   before:  w = VariableV2(); y = MatMul(x, Identity(w))      h = VarHandleOp(); y = MatMul(x, ReadVariableOp(h))
//   after:   w = Const;        y = MatMul(x, Identity(w))      h = Const;         y = MatMul(x, Identity(h))
// Only variables that the outputs need as data; one without a value is an error.
Status FreezeVariables(GraphEditor& editor, const VariableValues& values, PassContext& context);
// Only those that the conditions of Switch, If and Case hang on, and that have a value: a step, is_training ...
Status FreezeConditions(GraphEditor& editor, const VariableValues& values, PassContext& context);

}  // namespace permafrost
