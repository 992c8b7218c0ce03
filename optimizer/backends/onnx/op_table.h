#pragma once

#include <string_view>
#include <vector>

#include "optimizer/backends/onnx/conversion.h"

namespace permafrost {

struct OnnxOp;

// One TensorFlow node and its row of the table.
struct OnnxStep {
  const Node& node;
  NodeId id;
  const OnnxOp& row;
  Value in(int i) const { return node.inputs[static_cast<size_t>(i)]; }
  Value out(int port = 0) const { return {id, port}; }
  int inputs() const { return static_cast<int>(node.inputs.size()); }
};

// How a TensorFlow op is said in ONNX. Builders that several ops share read what differs from the row.
struct OnnxOp {
  std::string_view op;
  Status (*build)(OnnxConversion& to, const OnnxStep& step);
  std::string_view onnx = "";
  int since = 1;  // the first opset that has `onnx`
};

// Null: there is no row.
const OnnxOp* FindOnnxOp(std::string_view op);
const std::vector<OnnxOp>& AllOnnxOps();

// Puts one number per channel into the convolution or product that gives x, if nobody else uses x. False: not possible.
bool AddBias(OnnxConversion& to, const OnnxStep& step, Value x, const Tensor& bias);

// x at `indices` along one of TensorFlow's axes.
int TakeAlong(OnnxConversion& to, int id, const AxisOrder& order, int axis, const std::vector<int64_t>& indices);

// The rows, a family a file.
std::vector<OnnxOp> OnnxElementwiseOps();
std::vector<OnnxOp> OnnxWindowOps();
std::vector<OnnxOp> OnnxProductOps();
std::vector<OnnxOp> OnnxReductionOps();
std::vector<OnnxOp> OnnxShapeOps();
std::vector<OnnxOp> OnnxMoveOps();
std::vector<OnnxOp> OnnxPlaceOps();
std::vector<OnnxOp> OnnxImageOps();
std::vector<OnnxOp> OnnxDetectionOps();
std::vector<OnnxOp> OnnxCropOps();

}  // namespace permafrost
