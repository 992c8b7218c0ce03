#pragma once

#include <string_view>

namespace permafrost {

// What an op is there for, when it is not there to compute a prediction. An op has at most one of these.
enum class Role {
  kNone,
  kRandom,         // RandomUniform, TruncatedNormal, Multinomial ...
  kVariable,       // variables: the handle, reading, initialising and assigning
  kOptimizer,      // Apply..., ResourceApply...: the update of a variable by a gradient
  kGradient,       // ReluGrad, Conv2DBackpropFilter ...
  kLoss,           // cross entropies with their gradient, candidate samplers, InTopK
  kSummary,        // ...Summary, MergeSummary
  kSaveRestore,    // SaveV2, RestoreV2 ...
  kInputPipeline,  // iterators, datasets, queues, readers, and what decodes and parses files
  kAssert,
};

// By the table of this family, and for ops that are in no table by how TensorFlow names such ops.
Role RoleOf(std::string_view op);

inline bool IsRandomOp(std::string_view op) { return RoleOf(op) == Role::kRandom; }
inline bool IsVariableOp(std::string_view op) { return RoleOf(op) == Role::kVariable; }
inline bool IsGradientOp(std::string_view op) { return RoleOf(op) == Role::kGradient; }
inline bool IsSummaryOp(std::string_view op) { return RoleOf(op) == Role::kSummary; }
inline bool IsSaveRestoreOp(std::string_view op) { return RoleOf(op) == Role::kSaveRestore; }
inline bool IsInputPipelineOp(std::string_view op) { return RoleOf(op) == Role::kInputPipeline; }
inline bool IsAssertOp(std::string_view op) { return RoleOf(op) == Role::kAssert; }
// No prediction needs it: neither random ops nor variables and their reads, which training graphs share with models.
inline bool IsTrainingOp(std::string_view op) {
  const Role role = RoleOf(op);
  return role == Role::kOptimizer || role == Role::kGradient || role == Role::kLoss || role == Role::kSummary ||
         role == Role::kSaveRestore || role == Role::kAssert;
}

}  // namespace permafrost
