#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ops/infer.h"
#include "optimizer/passes/fold_batch_norm.h"
#include "optimizer/passes/norm_step.h"
#include "optimizer/passes/run_pass.h"
#include "tests/support/graph_testing.h"

namespace permafrost {

// The ops of a graph in execution order, without constants and placeholders: "Conv2D BiasAdd".
inline std::string OpsOf(const Graph& graph) {
  std::string ops;
  const StatusOr<std::vector<NodeId>> order = graph.TopoOrder();
  if (!order.ok()) return std::string(order.status().message());
  for (NodeId id : *order) {
    const std::string& op = graph.node(id).op;
    if (op != "Const" && op != "Placeholder") ops += (ops.empty() ? "" : " ") + op;
  }
  return ops;
}

// Leaves out one step after the other: every time the numbers must be wrong by far more than the tolerance, or else the
// data could not show a norm that was lost.
inline void ExpectEveryStepMatters(const Graph& graph, double tolerance) {
  for (NodeId id : graph.NodeIds()) {
    Graph without = graph;
    GraphEditor editor(without);
    ConstantReader constants(without);
    const StepMatch match = MatchNormStep(editor, constants, id);
    if (!match.step.has_value()) continue;
    editor.ReplaceUses({id, 0}, graph.node(id).inputs[static_cast<size_t>(match.step->input)]);
    const StatusOr<double> error = LargestError(graph, without);
    ASSERT_TRUE(error.ok()) << error.status();
    EXPECT_GT(*error, 100 * tolerance) << "nobody would miss " << graph.node(id).name;
  }
}

// Expects these ops to be left, the same numbers, names and types at the boundary, and that a second run changes
// nothing. Weights with more than 16 elements are no text, so the ops are compared.
inline Graph ExpectFolds(std::string_view before, std::string_view ops, double tolerance = 1e-5) {
  SCOPED_TRACE(before);
  const Graph original = ParseOrDie(before);
  Graph graph = original;
  const StatusOr<PassRun> run = RunPass(kFoldBatchNorm, graph);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return graph;
  std::string declined;
  for (const PassContext::Declined& one : run->context.declined()) declined += one.node + ": " + one.reason + "\n";
  EXPECT_EQ(OpsOf(graph), ops) << declined;
  EXPECT_TRUE(run->changed);
  EXPECT_TRUE(Verify(graph, Level::kFlat).ok());
  ExpectSameNumbers(original, graph, tolerance);
  EXPECT_EQ(graph.outputs().size(), original.outputs().size());
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    EXPECT_EQ(graph.outputs()[i].name, original.outputs()[i].name);
    EXPECT_EQ(graph.type(graph.outputs()[i].value), original.type(original.outputs()[i].value));
  }
  Graph again = graph;
  const StatusOr<PassRun> second = RunPass(kFoldBatchNorm, again);
  EXPECT_TRUE(second.ok() && !second->changed) << "not idempotent: " << OpsOf(again);
  ExpectEveryStepMatters(original, tolerance);
  return graph;
}

// The tensor a node reads at an input.
inline Tensor ConstInput(const Graph& graph, std::string_view name, size_t index) {
  const auto id = graph.Find(name);
  if (!id.has_value() || graph.node(*id).inputs.size() <= index) return {};
  const Tensor* tensor = ConstValue(graph, graph.node(*id).inputs[index]);
  return tensor == nullptr ? Tensor() : *tensor;
}

}  // namespace permafrost
