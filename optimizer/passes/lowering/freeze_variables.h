#pragma once

#include <map>
#include <string>
#include <vector>

#include "optimizer/ir/variable_source.h"
#include "optimizer/passes/pass.h"

namespace permafrost {

bool HasVariables(const Graph& graph);

// The values of a graph's variables: from the checkpoint, under the name and slice by which the graph's own restore ops
// read them, else under shared_name or the node's name; if it has none, the initial value where that is constant.
class VariableValues {
 public:
  // `original` is the graph as the file has it, with its restore and assign ops. `source` may be null.
  VariableValues(const Graph& original, const VariableSource* source);

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

  const Graph& original_;
  const VariableSource* source_;
  std::map<std::string, std::vector<Stored>, std::less<>> restores_;  // by the variable's node
  std::map<std::string, std::vector<Value>, std::less<>> assigned_;   // what is assigned to it, restores apart
};

// Turns every variable into a constant of the same name:
//   before:  w = VariableV2(); y = MatMul(x, Identity(w))      h = VarHandleOp(); y = MatMul(x, ReadVariableOp(h))
//   after:   w = Const;        y = MatMul(x, Identity(w))      h = Const;         y = MatMul(x, Identity(h))
// Run it when only what the outputs need is left: a variable without a value is an error.
Status FreezeVariables(GraphEditor& editor, const VariableValues& values, PassContext& context);

}  // namespace permafrost
