#pragma once

#include <optional>
#include <string>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/passes/norm_affine.h"
#include "optimizer/passes/norm_constant.h"

namespace permafrost {

// A node that does no more than y = scale * x + shift per channel, with constant scale and shift.
struct NormStep {
  int input = 0;         // the index of x
  bool is_norm = false;  // a batch norm op; otherwise plain arithmetic
  ChannelAffine map;
};

// A step, or why a node that looks like one is none (empty: it does not look like one).
struct StepMatch {
  std::optional<NormStep> step;
  std::string why_not;
};

// Knows FusedBatchNorm V1-V3, BatchNormWithGlobalNormalization, BiasAdd, Identity, Neg, and Mul, Add, AddV2, Sub,
// RealDiv and Div with a constant on either side. Reads only.
StepMatch MatchNormStep(const GraphEditor& editor, ConstantReader& constants, NodeId id);

}  // namespace permafrost
