#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/dtype.h"
#include "optimizer/ir/shape.h"
#include "optimizer/support/status.h"

namespace permafrost {

// One input or output of a signature.
struct SignatureTensor {
  std::string alias;   // what callers say
  std::string tensor;  // "node:port"; empty for what is no plain tensor (sparse, ragged)
  DType dtype = DType::kInvalid;
  Shape shape;
};

// A way to call the model that its author named. Sorted by alias.
struct Signature {
  std::string name, method;
  std::vector<SignatureTensor> inputs, outputs;
};

// The signature of that name; without a name: serving_default, else what is called when an object itself is (__call__,
// call_and_return_conditional_losses, serve), else the only one, else null if there is none.
// Errors: no such signature, several to choose from; they are listed.
StatusOr<const Signature*> ChooseSignature(const std::vector<Signature>& signatures, std::string_view name);

}  // namespace permafrost
