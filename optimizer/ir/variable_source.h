#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/tensor.h"
#include "optimizer/support/status.h"

namespace permafrost {

// Where the values of variables come from: a checkpoint, read when asked.
class VariableSource {
 public:
  virtual ~VariableSource() = default;
  virtual std::vector<std::string> Names() const = 0;  // sorted
  virtual bool Has(std::string_view name) const = 0;
  // The whole tensor, put together if it is stored in slices. Errors: no such name, damage, limits.
  virtual StatusOr<Tensor> Get(std::string_view name) const = 0;
  // What and where it is, for messages.
  virtual std::string Describe() const = 0;
};

}  // namespace permafrost
