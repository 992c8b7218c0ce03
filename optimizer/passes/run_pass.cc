#include "optimizer/passes/run_pass.h"

#include "optimizer/ops/infer.h"

namespace permafrost {

StatusOr<PassRun> RunPass(const PassInfo& pass, Graph& graph, const PassOptions& options) {
  PassRun run{false, PassContext(options)};
  const uint64_t before = graph.revision();
  GraphEditor editor(graph);
  if (Status status = pass.run(editor, run.context); !status.ok()) return WithContext(status, pass.name);
  if (!graph.outputs().empty()) editor.PruneDead();  // while they are still to be chosen, everything lives
  if (Status status = InferTypes(editor); !status.ok()) return WithContext(status, StrCat("after ", pass.name));
  run.changed = graph.revision() != before;
  return run;
}

}  // namespace permafrost
