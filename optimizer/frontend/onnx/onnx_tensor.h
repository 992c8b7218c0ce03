#pragma once

#include <memory>
#include <string_view>

#include "optimizer/frontend/onnx/external_files.h"
#include "optimizer/ir/tensor.h"
#include "optimizer/support/limits.h"

namespace permafrost::from_onnx {

struct TensorSource {
  std::shared_ptr<const MappedFile> file;  // null: tensors are copied
  ExternalFiles& external;
  const Limits& limits;
};

// A serialised TensorProto: raw bytes, typed lists, or bytes in a file beside the model. Raw and external bytes stay
// where they lie.
StatusOr<Tensor> ReadOnnxTensor(std::string_view wire, const TensorSource& source);

}  // namespace permafrost::from_onnx
