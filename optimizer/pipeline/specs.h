#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/tensor.h"
#include "optimizer/passes/lowering/boundary.h"
#include "optimizer/passes/pass_arguments.h"

// The grammar of the tools' flags, one for every format and target.
namespace permafrost {

// "name", "name:k" (a port), then optionally ":1x224x224x3" (dims, "?" unknown), ":[10]" (any rank), ":float32", in this
// order. Several, separated by commas outside brackets.
StatusOr<std::vector<InputSpec>> ParseInputSpecs(std::string_view text);
// "name" or "name:k", separated by commas.
StatusOr<std::vector<TensorName>> ParseOutputSpecs(std::string_view text);

struct SetSpec {
  std::string name;
  Tensor value;  // float64 or bool
};
// "name=value": true, false, a number or a JSON array of them, nested for higher ranks.
StatusOr<SetSpec> ParseSetSpec(std::string_view text);

// "a,b" or transform_graph's "a(x=1, y="2,3") b": names separated by commas or spaces, arguments in brackets, values in
// quotes where they hold commas or brackets. "freeze" stands for no pass at all.
struct PassCall {
  std::string name;
  std::vector<PassArgument> arguments;
  bool ignore_errors = false;
};
// `flag` ("--passes") is for the error.
StatusOr<std::vector<PassCall>> ParsePasses(std::string_view text, std::string_view flag = "--passes");

}  // namespace permafrost
