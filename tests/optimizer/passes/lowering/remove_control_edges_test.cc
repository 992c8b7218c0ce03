#include "optimizer/passes/lowering/remove_control_edges.h"

#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

RewriteOptions FromImported() {
  RewriteOptions options;
  options.before = Level::kImported;
  return options;
}

TEST(RemoveControlEdges, DropsThemAndWhatOnlyTheyReached) {
  ExpectRewrite(
      kRemoveControlEdges,
      "in x:float32[1,4]; a = Assert(x); n = NoOp(^a); y = Relu(x, ^n, ^a); c = float32[]{1}; z = Neg(y, ^c); out z",
      "in x:float32[1,4]; y = Relu(x); z = Neg(y); out z", FromImported());
}

TEST(RemoveControlEdges, KeepsANodeThatDataReachesToo) {
  ExpectRewrite(kRemoveControlEdges,
                "in x:float32[1,4]; s = Split(int32[]{0}, x, ^x) {num_split=1}; y = Relu(s, ^s); out y, s",
                "in x:float32[1,4]; s = Split(int32[]{0}, x) {num_split=1}; y = Relu(s); out y, s", FromImported());
}

TEST(RemoveControlEdges, LeavesAGraphWithoutAny) {
  ExpectNoRewrite(kRemoveControlEdges, "in x:float32[1,4]; y = Relu(x); out y", "");
}

TEST(RemoveControlEdges, KeepsTheGraphInputsThatOnlyControlUsed) {
  ExpectRewrite(kRemoveControlEdges, "in x:float32[4], go:bool[]; y = Relu(x, ^go); out y",
                "in x:float32[4], go:bool[]; y = Relu(x); out y", FromImported());
}

}  // namespace
}  // namespace permafrost
