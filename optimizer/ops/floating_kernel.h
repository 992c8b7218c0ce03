#pragma once

#include <string>
#include <utility>
#include <vector>

#include "optimizer/ir/graph.h"

// How kernels make their results, and run on every floating-point type.
namespace permafrost {

using Tensors = std::vector<Tensor>;

// No single result of a kernel takes more: a node of a damaged file may ask for any size.
constexpr int64_t kMaxResultBytes = int64_t{1} << 31;

// Zeros for a tensor of `dims` whose elements have `size` bytes.
inline StatusOr<std::string> ZeroBytes(const std::vector<int64_t>& dims, int64_t size) {
  const int64_t elements = CheckedElements(dims);
  if (elements < 0 || size < 1 || elements > kMaxResultBytes / size) {
    return ResourceExhausted("the result would have shape ", Shape(dims).ToString(), ", more than ", kMaxResultBytes,
                             " bytes");
  }
  return std::string(static_cast<size_t>(elements * size), '\0');
}

// A tensor in the making: zeros at first.
template <class T>
class Result {
 public:
  static StatusOr<Result> Make(std::vector<int64_t> dims) {
    ASSIGN_OR_RETURN(std::string bytes, ZeroBytes(dims, sizeof(T)));
    return Result(std::move(dims), std::move(bytes));
  }
  T* data() { return reinterpret_cast<T*>(bytes_.data()); }
  int64_t elements() const { return static_cast<int64_t>(bytes_.size() / sizeof(T)); }
  Tensor Take() && { return Tensor::Buffer(DTypeOf<T>(), std::move(dims_), std::move(bytes_)); }

 private:
  Result(std::vector<int64_t> dims, std::string bytes) : dims_(std::move(dims)), bytes_(std::move(bytes)) {}
  std::vector<int64_t> dims_;
  std::string bytes_;
};

// A KernelFn out of Kernel::Run<float> and Kernel::Run<double>. half and bfloat16 are computed in float32 and rounded
// at the end. Errors: inputs of differing floating types, a first floating input that is none, too few inputs.
template <class Kernel>
StatusOr<Tensors> RunFloating(const Node& node, const Tensors& inputs) {
  DType dtype = DType::kInvalid;
  for (const Tensor& input : inputs) {
    if (!IsFloating(input.dtype())) continue;
    if (dtype == DType::kInvalid) dtype = input.dtype();
    if (input.dtype() != dtype) {
      return InvalidArgument("inputs are ", NameOf(dtype), " and ", NameOf(input.dtype()), ", expected one type");
    }
  }
  if (inputs.size() <= Kernel::kDataInput || inputs[Kernel::kDataInput].dtype() != dtype) {
    return InvalidArgument("input ", Kernel::kDataInput, " is no floating-point tensor");
  }
  if (dtype == DType::kFloat64) return Kernel::template Run<double>(node, inputs);
  if (dtype == DType::kFloat32) return Kernel::template Run<float>(node, inputs);
  Tensors wide = inputs;
  for (Tensor& input : wide) {
    if (input.dtype() == dtype) input = input.Cast(DType::kFloat32).Dense();
  }
  ASSIGN_OR_RETURN(Tensors outputs, Kernel::template Run<float>(node, wide));
  for (Tensor& output : outputs) {
    if (output.dtype() == DType::kFloat32) output = output.Cast(dtype).Dense();
  }
  return outputs;
}

}  // namespace permafrost
