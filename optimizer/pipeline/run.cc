#include "optimizer/pipeline/run.h"

#include <chrono>

#include "optimizer/passes/run_pass.h"

namespace permafrost {

Status RunStep(Graph& graph, const PassStep& step, Level level, RunOptions& options, std::vector<PassReport>& report) {
  using Clock = std::chrono::steady_clock;
  if (options.stop_after == 0) return OkStatus();
  if (options.stop_after > 0) --options.stop_after;
  const PassInfo& pass = *step.pass;
  if (options.before_pass) options.before_pass(pass.name);
  PassReport entry;
  entry.name = std::string(pass.name);
  entry.arguments = step.arguments.ToString();
  entry.nodes_before = graph.node_count();
  const Clock::time_point start = Clock::now();
  options.passes.arguments = step.arguments;
  ASSIGN_OR_RETURN(PassRun run, RunPass(pass, graph, options.passes));
  entry.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  entry.changed = run.changed;
  entry.nodes_after = graph.node_count();
  entry.notes = run.context.notes();
  entry.declined = run.context.declined();
  report.push_back(std::move(entry));
  if (options.after_pass) RETURN_IF_ERROR(options.after_pass(static_cast<int>(report.size()), pass.name, graph));
  if (options.verify_each) {
    if (const Status status = Verify(graph, level); !status.ok()) {
      return Internal("pass ", pass.name, " broke the graph: ", Message(status), " (please report this)");
    }
  }
  return OkStatus();
}

Status RunPasses(Graph& graph, const std::vector<const PassInfo*>& passes, Level level, RunOptions& options,
                 std::vector<PassReport>& report) {
  for (const PassStep& step : StepsOf(passes)) RETURN_IF_ERROR(RunStep(graph, step, level, options, report));
  return OkStatus();
}

}  // namespace permafrost
