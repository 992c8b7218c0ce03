#include "optimizer/frontend/keras/stored_weights.h"

namespace permafrost::keras {

StatusOr<Tensor> ReadWeight(const Hdf5File& file, std::string_view path, std::string_view name,
                            const std::vector<int64_t>& dims) {
  const auto found = file.datasets.find(path);
  if (found == file.datasets.end()) {
    return NotFound("its weight '", name, "' is missing: the file has no dataset '", path, "'");
  }
  const Tensor& tensor = found->second;
  if (tensor.dims() != dims) {
    return InvalidArgument("its weight '", name, "' is ", tensor.shape().ToString(), " in the file (", path, "), expected ",
                           Shape(dims).ToString());
  }
  return IsFloating(tensor.dtype()) && tensor.dtype() != DType::kFloat32 ? tensor.Cast(DType::kFloat32) : tensor;
}

}  // namespace permafrost::keras
