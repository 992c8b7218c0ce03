#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "optimizer/frontend/keras/layer.h"

// Recurrent layers, written out step by step: the number of time steps must be known.
namespace permafrost::keras {

// Sequences longer than this are refused: each step takes about ten nodes.
constexpr int64_t kMaxTimeSteps = 4096;
// What to say on the command line where an input of the model leaves sizes open: "--inputs x:1xNx8".
std::string FlagForOpenSizes(const LayerContext& layer);
// The number of time steps of [batch, time, ...]. Errors: not known, too many.
StatusOr<int64_t> TimeSteps(const LayerContext& layer, Value x);

// A state before the first step is nothing: zeros need not be computed with.
using State = std::optional<Value>;

// What one step does: LSTM, GRU, SimpleRNN, or several on top of each other.
class Cell {
 public:
  virtual ~Cell() = default;
  virtual size_t states() const = 0;
  // The output for one step; updates the states.
  virtual StatusOr<Value> Step(LayerContext& layer, Value x, std::vector<State>& states) = 0;
};
// Reads the weights of a cell for inputs of `features`; `cell` holds them. `kind` is LSTM, GRU, SimpleRNN, or CuDNNLSTM
// and CuDNNGRU, whose weights lie as cuDNN wants them.
StatusOr<std::unique_ptr<Cell>> MakeCell(LayerContext& cell, std::string_view kind, int64_t features);

// Steps through time and gives what the layer gives: the last output or the sequence of all, then the states if asked.
StatusOr<std::vector<Value>> RunCell(LayerContext& layer, Cell& cell, Value x, std::vector<State> states,
                                     bool backwards);

// The states a call starts with: further tensors of its first argument, or `initial_state`.
StatusOr<std::vector<State>> InitialStates(const LayerContext& layer, size_t count);

}  // namespace permafrost::keras
