#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/ir/graph.h"
#include "optimizer/passes/norm_affine.h"

namespace permafrost {

// A convolution or MatMul with constant weights, as a fold sees it.
struct LinearOp {
  // How the weights lie in memory: [taps, in, out], [taps, out, in], or [taps, channel, multiplier] (depthwise).
  enum class Order { kInOut, kOutIn, kDepthwise };
  Order order = Order::kInOut;
  Tensor weights;
  int data_input = 0;
  int weight_input = 1;
  int data_axis = -1;    // of the channels of its input, from the end
  int result_axis = -1;  // of the channels of its result
  int64_t taps = 1;
  int64_t out_channels = 0;
  int64_t kernel_in_channels = 0;  // of one group
  bool has_groups = false;         // the input may have a multiple of kernel_in_channels
  bool scatters = false;           // a transposed convolution: taps overlap differently at the borders
  bool pads = false;               // may see zeros around its input
  bool result_is_nchw = false;
};

// Null and no reason when the node is no such op; a reason when its weights cannot be changed.
std::optional<LinearOp> DescribeLinear(const Graph& graph, NodeId id, std::string& why_not);

// The weights with which it gives scale[o] * result; `scale` has one value or out_channels.
Tensor ScaleResult(const LinearOp& linear, const std::vector<double>& scale);

// Why scale * x + shift on its input cannot move into its weights and a bias; empty when it can.
std::string WhyNotOnInput(const LinearOp& linear, const ChannelAffine& map);
// The weights with which it gives the same for x as it did for scale[i] * x.
Tensor ScaleInput(const LinearOp& linear, const std::vector<double>& scale);
// What it gives, per result channel, when its input is shift[i] everywhere.
std::vector<double> ResponseTo(const LinearOp& linear, const std::vector<double>& shift);

}  // namespace permafrost
