#pragma once

#include <memory>
#include <string_view>

#include "optimizer/ir/tensor.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// A serialised TensorProto as a Tensor. Numbers that lie in the file as they lie in memory (tensor_content, packed
// floats) become views into `file` if it is given, copies otherwise. TensorFlow's compressed forms are understood: fewer
// values than elements repeat the last one, no values at all mean zeros.
// Source of the format: tensorflow/core/framework/tensor.proto and tensor_util.
// Errors: unknown dtype, shape beyond the limits, a number of bytes or values that does not fit the shape.
StatusOr<Tensor> ReadTensor(std::string_view proto, const std::shared_ptr<const MappedFile>& file,
                            const Limits& limits);

// The values alone, of a tensor whose dtype and shape are told elsewhere.
StatusOr<Tensor> ReadTensorValues(std::string_view proto, DType dtype, const Shape& shape,
                                  const std::shared_ptr<const MappedFile>& file, const Limits& limits);

// A serialised TensorShapeProto. Errors: damage, dims below -1.
StatusOr<Shape> ReadShape(std::string_view proto);

}  // namespace permafrost
