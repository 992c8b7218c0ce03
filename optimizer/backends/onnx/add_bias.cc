#include "optimizer/backends/onnx/op_table.h"

namespace permafrost {

namespace {

// x * factors + bias, one of each per channel, is a batch norm.
bool MakeBatchNorm(OnnxConversion& to, OnnxNode& mul, int rank, int64_t channels, const Tensor& bias) {
  const size_t at = to.IsConstant(mul.inputs[1]) ? 1 : 0;
  if (!to.IsConstant(mul.inputs[at])) return false;
  const Tensor factors = to.ConstantOf(mul.inputs[at]);
  const int at_channels = factors.rank() - rank + 1;
  if (at_channels < 0 || factors.elements() != channels ||
      factors.dims()[static_cast<size_t>(at_channels)] != channels) {
    return false;
  }
  const std::vector<int64_t> dims = {channels};
  const auto all = [&](double value) {
    const Tensor one = Tensor::Scalar<double>(value).Cast(factors.dtype()).Dense();
    return to.Constant(Tensor::Splat(factors.dtype(), dims, std::string(one.DenseBytes())));
  };
  const int x = mul.inputs[1 - at], scale = to.Constant(factors.Reshaped(dims));
  mul.op = "BatchNormalization";
  mul.inputs = {x, scale, to.Constant(bias.Reshaped(dims)), all(0), all(1)};
  mul.attrs["epsilon"] = 0.0F;
  return true;
}

}  // namespace

bool AddBias(OnnxConversion& to, const OnnxStep& step, Value x, const Tensor& bias) {
  // Into the convolution or product above, if nobody else sees its result.
  if (!to.HasOneUse(x) || to.FlattenedIn(x) != nullptr || bias.elements() < 1) return false;
  const AxisOrder order = to.OrderOf(x);
  const int id = to.In(x, order);
  OnnxNode* producer = to.Producer(id);
  const Node& node = to.graph().node(x.node);
  // A transposed convolution whose surplus is cut off.
  const bool cut = producer != nullptr && producer->op == "Slice" && node.op.find("BackpropInput") != std::string::npos;
  if (cut) producer = to.Producer(producer->inputs[0]);
  if (producer == nullptr || producer->inputs.size() != 2) return false;
  const bool convolves = producer->op == "Conv" || producer->op == "ConvTranspose";
  const bool multiplies = producer->op == "MatMul" && node.op == "MatMul" && to.IsConstant(producer->inputs[1]);
  if (order.size() < 2 || to.shape(x).dim(order[1]) != bias.elements()) return false;
  if (producer->op == "Mul" && order.size() >= 4 &&
      MakeBatchNorm(to, *producer, static_cast<int>(order.size()), bias.elements(), bias)) {
    producer->name = step.node.name;
    to.Set(step.out(), id, order);
    return true;
  }
  if (!convolves && !multiplies) return false;
  producer->inputs.push_back(to.Constant(bias.Reshaped({bias.elements()})));
  if (multiplies) {
    // OpenCV 4.6 takes a bias only with weights that are transposed.
    producer->op = "Gemm";
    producer->inputs[1] = to.Constant(to.ConstantOf(producer->inputs[1]).Transposed({1, 0}));
    producer->attrs["transB"] = int64_t{1};
  }
  producer->name = step.node.name;
  to.Set(step.out(), id, order);
  return true;
}

}  // namespace permafrost
