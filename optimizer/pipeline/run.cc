#include "optimizer/pipeline/run.h"

#include <chrono>

#include "optimizer/passes/run_pass.h"

namespace permafrost {

Status RunPasses(Graph& graph, const std::vector<const PassInfo*>& passes, Level level, RunOptions& options,
                 std::vector<PassReport>& report) {
  using Clock = std::chrono::steady_clock;
  for (const PassInfo* pass : passes) {
    if (options.stop_after == 0) break;
    if (options.stop_after > 0) --options.stop_after;
    if (options.before_pass) options.before_pass(pass->name);
    PassReport entry;
    entry.name = std::string(pass->name);
    entry.nodes_before = graph.node_count();
    const Clock::time_point start = Clock::now();
    ASSIGN_OR_RETURN(PassRun run, RunPass(*pass, graph, options.passes));
    entry.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    entry.changed = run.changed;
    entry.nodes_after = graph.node_count();
    entry.notes = run.context.notes();
    entry.declined = run.context.declined();
    report.push_back(std::move(entry));
    if (options.after_pass) RETURN_IF_ERROR(options.after_pass(static_cast<int>(report.size()), pass->name, graph));
    if (options.verify_each) {
      if (const Status status = Verify(graph, level); !status.ok()) {
        return Internal("pass ", pass->name, " broke the graph: ", Message(status), " (please report this)");
      }
    }
  }
  return OkStatus();
}

}  // namespace permafrost
