#pragma once

#include <map>
#include <string>
#include <vector>

#include "optimizer/frontend/signature.h"
#include "optimizer/passes/lowering/boundary.h"

namespace permafrost {

// What was made of the names.
struct BoundaryReport {
  std::map<std::string, std::string> input_tensors,
      output_tensors;  // by name in the graph: the model's own "node:port"
  std::map<std::string, int64_t> asked_batches;  // first dims asked for, where the model has another number
  std::vector<std::string> notes;
};

// Sets the inputs and outputs of an imported graph and puts function bodies in place of their calls on the way, so that
// tensors of either can be named. A name is an alias of the signature, else a tensor. Without outputs the signature's
// are taken, without inputs its too; what has an alias is called by it. `signature` may be null; when nothing is named
// then, both are left to choose-outputs and choose-inputs.
//   before:  serving_default_x = Placeholder(); y = StatefulPartitionedCall(serving_default_x) {f=@body}
//   after:   in x;                              y/r = Relu(x);  out dense=y/r
// A serialised tf.Example gives way to the dense tensors parsed from it, called by their keys. Scalars of a signature
// stay placeholders: training switches are among them. Inputs that are not given with `inputs` keep the shape that the
// graph has, else the signature's. A first dim that is asked for where the model says another number is reported, not set.
// Errors: a name that neither has; what CutInputs says. A call that cannot be opened is left for inline-functions.
Status SetBoundary(GraphEditor& editor, const Signature* signature, const std::vector<InputSpec>& inputs,
                   const std::vector<TensorName>& outputs, BoundaryReport& report);

// What transform_graph's strip_unused_nodes(type=..., shape=..., name=...) says of inputs that are no placeholders yet:
// fills in the shapes and types that `inputs` leave open. Arguments that change nothing are noted.
void DescribeCutInputs(const Graph& graph, const PassArguments& arguments, std::vector<InputSpec>& inputs,
                       std::vector<std::string>& notes);

// Inputs of a signature that no output needs cease to be inputs; each is noted.
void DropUnusedInputs(GraphEditor& editor, BoundaryReport& report);

}  // namespace permafrost
