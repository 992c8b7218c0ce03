#include "optimizer/pipeline/unroll_pictures.h"

#include <algorithm>

#include "optimizer/ops/infer.h"
#include "optimizer/passes/detection/find_centers.h"
#include "optimizer/passes/lowering/resolve_control_flow.h"
#include "optimizer/passes/lowering/unroll_loops.h"
#include "optimizer/passes/run_pass.h"
#include "optimizer/pipeline/picture_size.h"

namespace permafrost {
namespace {

bool Holds(const Graph& graph, bool (*is)(const Node& node)) {
  const std::vector<NodeId> ids = graph.NodeIds();
  return std::any_of(ids.begin(), ids.end(), [&](NodeId id) { return is(graph.node(id)); });
}

bool IsLoop(const Node& node) { return node.op == "While" || node.op == "StatelessWhile"; }
bool Suppresses(const Node& node) {
  return node.op.starts_with("NonMaxSuppression") || node.op == "CombinedNonMaxSuppression";
}

// The graph with its loops unrolled; nullopt: they are undecided all the same.
StatusOr<std::optional<Graph>> Unrolled(Graph graph, const PassOptions& options) {
  {
    GraphEditor editor(graph);
    RETURN_IF_ERROR(InferTypes(editor));
  }
  for (const PassInfo* pass : {&kUnrollLoops, &kResolveControlFlow}) {
    if (!RunPass(*pass, graph, options).ok()) return std::optional<Graph>();  // what flattens the graph says why
  }
  return std::optional<Graph>(std::move(graph));
}

}  // namespace

StatusOr<std::optional<std::vector<int64_t>>> UnrollPictures(Graph& graph, const PassOptions& options, std::vector<std::string>& notes) {
  std::optional<std::vector<int64_t>> size;
  const auto& functions = graph.functions();
  const bool suppresses = Holds(graph, Suppresses) || std::any_of(functions.begin(), functions.end(), [](const auto& function) {
                            return function.second != nullptr && Holds(*function.second, Suppresses);
                          });
  if (!(suppresses || FindPeaks(graph)) || !Holds(graph, IsLoop)) return size;
  // The size is in the loop over the pictures, and with it more is decided.
  std::vector<std::string> first_notes;
  Graph one = graph;
  {
    GraphEditor editor(one);
    FixPictures(editor, std::nullopt, first_notes);
  }
  ASSIGN_OR_RETURN(std::optional<Graph> unrolled, Unrolled(std::move(one), options));
  if (!unrolled) return size;
  std::vector<Value> outputs;
  for (const GraphOutput& output : unrolled->outputs()) outputs.push_back(output.value);
  size = SizeOfPictures(*unrolled, outputs);
  if (size) {
    Graph sized = graph;
    {
      GraphEditor editor(sized);
      FixPictures(editor, size, notes);
    }
    ASSIGN_OR_RETURN(std::optional<Graph> again, Unrolled(std::move(sized), options));
    if (again) unrolled = std::move(again);
  }
  graph = *std::move(unrolled);
  return size;
}

}  // namespace permafrost
