#include "optimizer/frontend/keras/layers/recurrent.h"

#include <algorithm>

#include "optimizer/frontend/keras/emit.h"

namespace permafrost::keras {

std::string FlagForOpenSizes(const LayerContext& layer) {
  for (const NodeId id : layer.graph().NodeIds()) {
    const Shape& shape = layer.shape({id, 0});
    if (layer.graph().node(id).op != "Placeholder" || shape.rank() < 2) continue;
    std::string dims = "1";
    bool open = false;
    for (int axis = 1; axis < shape.rank(); ++axis) {
      open = open || shape.dim(axis) < 0;
      dims += shape.dim(axis) < 0 ? "xN" : StrCat("x", shape.dim(axis));
    }
    if (open) return StrCat("--inputs ", layer.graph().node(id).name, ":", dims, " with numbers for N");
  }
  return "the model's input a shape with --inputs";
}

StatusOr<int64_t> TimeSteps(const LayerContext& layer, Value x) {
  const Shape& shape = layer.shape(x);
  if (!shape.has_rank() || shape.rank() < 3) {
    return InvalidArgument("is called on ", shape.ToString(), ", expected [batch, time, ...]");
  }
  const int64_t steps = shape.dim(1);
  if (steps < 0) {
    return Unsupported("the number of time steps of its input ", shape.ToString(),
                       " is not known, and the loop over time is written out step by step; give ",
                       FlagForOpenSizes(layer), ", or save the model with an Input of a fixed number of time steps");
  }
  if (steps < 1 || steps > kMaxTimeSteps) {
    return Unsupported("runs over ", steps, " time steps, which are written out one by one; at most ", kMaxTimeSteps);
  }
  return steps;
}

StatusOr<std::vector<State>> InitialStates(const LayerContext& layer, size_t count) {
  std::vector<Value> given(layer.inputs().begin() + 1, layer.inputs().end());
  const auto& kwargs = layer.call().kwargs;
  if (const auto found = kwargs.find("initial_state"); found != kwargs.end() && !found->second.IsNone()) {
    given = TensorsOf(found->second);
  }
  if (const auto mask = kwargs.find("mask"); mask != kwargs.end() && !mask->second.IsNone()) {
    return Unsupported("is called with a mask");
  }
  if (!given.empty() && given.size() != count) {
    return InvalidArgument("is called with ", given.size(), " initial states, expected ", count);
  }
  std::vector<State> states(count);
  std::copy(given.begin(), given.end(), states.begin());
  return states;
}

StatusOr<std::vector<Value>> RunCell(LayerContext& layer, Cell& cell, Value x, std::vector<State> states,
                                     bool backwards) {
  ASSIGN_OR_RETURN(const int64_t steps, TimeSteps(layer, x));
  ASSIGN_OR_RETURN(const bool sequences, layer.config().Bool("return_sequences", false));
  ASSIGN_OR_RETURN(const bool return_state, layer.config().Bool("return_state", false));
  ASSIGN_OR_RETURN(const bool stateful, layer.config().Bool("stateful", false));
  ASSIGN_OR_RETURN(const bool time_major, layer.config().Bool("time_major", false));
  if (stateful) {
    return Unsupported(
        "is stateful: it keeps its state from one call to the next, which a frozen graph cannot; save the "
        "model with stateful=False, or with the states as inputs and outputs");
  }
  if (time_major) return Unsupported("takes time before batch (time_major)");
  std::vector<Value> outputs;
  for (int64_t i = 0; i < steps; ++i) {
    ASSIGN_OR_RETURN(const Value now, PickedAt(layer, x, 1, backwards ? steps - 1 - i : i));
    ASSIGN_OR_RETURN(const Value output, cell.Step(layer, now, states));
    if (!sequences) outputs.clear();
    outputs.push_back(output);
  }
  std::vector<Value> results = {outputs.back()};
  if (sequences) {
    ASSIGN_OR_RETURN(results[0], StackedAt(layer, outputs, 1));
  }
  if (return_state) {
    for (const State& state : states) results.push_back(*state);
  }
  return results;
}

}  // namespace permafrost::keras
