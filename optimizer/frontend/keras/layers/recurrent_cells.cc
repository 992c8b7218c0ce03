#include <string>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layers/recurrent.h"

namespace permafrost::keras {
namespace {

using Result = StatusOr<Value>;

// What all cells have: weights of `gates` blocks of `units` columns.
struct CellWeights {
  int64_t units = 0;
  Value kernel{}, recurrent{};
  std::optional<Value> bias;
  Json activation, recurrent_activation;
};

StatusOr<CellWeights> ReadWeights(LayerContext& cell, int64_t features, int64_t gates,
                                  const std::vector<int64_t>& bias_rows) {
  CellWeights weights;
  ASSIGN_OR_RETURN(weights.units, cell.config().Int("units"));
  if (weights.units < 1 || weights.units > INT32_MAX) return InvalidArgument("has ", weights.units, " units");
  ASSIGN_OR_RETURN(const bool use_bias, cell.config().Bool("use_bias", true));
  const int64_t columns = weights.units * gates;
  ASSIGN_OR_RETURN(weights.kernel, cell.Weight("kernel", {features, columns}));
  ASSIGN_OR_RETURN(weights.recurrent, cell.Weight("recurrent_kernel", {weights.units, columns}));
  if (use_bias) {
    std::vector<int64_t> dims = bias_rows;
    dims.push_back(columns);
    ASSIGN_OR_RETURN(weights.bias, cell.Weight("bias", dims));
  }
  weights.activation = cell.config()["activation"];
  weights.recurrent_activation = cell.config()["recurrent_activation"];
  return weights;
}

// x kernel + bias; without x nothing but the bias.
Result Project(LayerContext& layer, Value x, Value kernel, const std::optional<Value>& bias) {
  ASSIGN_OR_RETURN(const Value product, layer.Emit("MatMul", {x, kernel}));
  if (!bias) return product;
  return layer.Emit("BiasAdd", {product, *bias});
}

class SimpleCell : public Cell {
 public:
  explicit SimpleCell(CellWeights weights) : w_(std::move(weights)) {}
  size_t states() const override { return 1; }
  Result Step(LayerContext& layer, Value x, std::vector<State>& states) override {
    ASSIGN_OR_RETURN(Value sum, Project(layer, x, w_.kernel, w_.bias));
    if (states[0]) {
      ASSIGN_OR_RETURN(const Value before, layer.Emit("MatMul", {*states[0], w_.recurrent}));
      ASSIGN_OR_RETURN(sum, layer.Emit("AddV2", {sum, before}, {}, "add"));
    }
    ASSIGN_OR_RETURN(const Value output, Activate(layer, w_.activation, sum));
    states[0] = output;
    return output;
  }

 private:
  CellWeights w_;
};

// c = f * c + i * g, h = o * act(c), the gates in the order i, f, g, o.
class LstmCell : public Cell {
 public:
  explicit LstmCell(CellWeights weights) : w_(std::move(weights)) {}
  size_t states() const override { return 2; }
  Result Step(LayerContext& layer, Value x, std::vector<State>& states) override {
    ASSIGN_OR_RETURN(Value sum, layer.Emit("MatMul", {x, w_.kernel}));
    if (states[0]) {
      ASSIGN_OR_RETURN(const Value before, layer.Emit("MatMul", {*states[0], w_.recurrent}));
      ASSIGN_OR_RETURN(sum, layer.Emit("AddV2", {sum, before}, {}, "add"));
    }
    if (w_.bias) {
      ASSIGN_OR_RETURN(sum, layer.Emit("BiasAdd", {sum, *w_.bias}));
    }
    ASSIGN_OR_RETURN(const std::vector<Value> gates, SplitAt(layer, sum, 1, 4));
    ASSIGN_OR_RETURN(const Value in, Activate(layer, w_.recurrent_activation, gates[0]));
    ASSIGN_OR_RETURN(const Value candidate, Activate(layer, w_.activation, gates[2]));
    ASSIGN_OR_RETURN(Value carry, layer.Emit("Mul", {in, candidate}, {}, "mul_in"));
    if (states[1]) {
      ASSIGN_OR_RETURN(const Value forget, Activate(layer, w_.recurrent_activation, gates[1]));
      ASSIGN_OR_RETURN(const Value kept, layer.Emit("Mul", {forget, *states[1]}, {}, "mul_forget"));
      ASSIGN_OR_RETURN(carry, layer.Emit("AddV2", {kept, carry}, {}, "carry"));
    }
    ASSIGN_OR_RETURN(const Value out, Activate(layer, w_.recurrent_activation, gates[3]));
    ASSIGN_OR_RETURN(const Value squashed, Activate(layer, w_.activation, carry));
    ASSIGN_OR_RETURN(const Value output, layer.Emit("Mul", {out, squashed}, {}, "mul_out"));
    states = {output, carry};
    return output;
  }

 private:
  CellWeights w_;
};

// h = z * h + (1 - z) * g, the gates in the order z, r, g. g sees r * (h U) with reset_after, else (r * h) U.
class GruCell : public Cell {
 public:
  GruCell(CellWeights weights, bool reset_after, std::optional<Value> recurrent_bias, std::optional<Value> recurrent_zr,
          std::optional<Value> recurrent_g)
      : w_(std::move(weights)),
        reset_after_(reset_after),
        recurrent_bias_(recurrent_bias),
        recurrent_zr_(recurrent_zr),
        recurrent_g_(recurrent_g) {}
  size_t states() const override { return 1; }

  Result Step(LayerContext& layer, Value x, std::vector<State>& states) override {
    ASSIGN_OR_RETURN(const Value from_x, Project(layer, x, w_.kernel, w_.bias));
    ASSIGN_OR_RETURN(const std::vector<Value> gates, SplitAt(layer, from_x, 1, 3));
    ASSIGN_OR_RETURN(const std::vector<Value> from_h, reset_after_ ? FromState(layer, states[0], w_.recurrent, 3)
                                                                   : FromState(layer, states[0], recurrent_zr_, 2));
    ASSIGN_OR_RETURN(const Value update, Gate(layer, gates[0], from_h, 0));
    Value candidate = gates[2];
    if (!from_h.empty()) {
      ASSIGN_OR_RETURN(const Value reset, Gate(layer, gates[1], from_h, 1));
      Value kept{};
      if (reset_after_) {
        ASSIGN_OR_RETURN(kept, layer.Emit("Mul", {reset, from_h[2]}, {}, "mul_reset"));
      } else {
        ASSIGN_OR_RETURN(const Value state, layer.Emit("Mul", {reset, *states[0]}, {}, "mul_reset"));
        ASSIGN_OR_RETURN(kept, layer.Emit("MatMul", {state, *recurrent_g_}));
      }
      ASSIGN_OR_RETURN(candidate, layer.Emit("AddV2", {candidate, kept}, {}, "add"));
    }
    ASSIGN_OR_RETURN(candidate, Activate(layer, w_.activation, candidate));
    ASSIGN_OR_RETURN(const Value one, layer.Scalar("sub/x", 1, update));
    ASSIGN_OR_RETURN(const Value rest, layer.Emit("Sub", {one, update}, {}, "sub"));
    ASSIGN_OR_RETURN(Value output, layer.Emit("Mul", {rest, candidate}, {}, "mul_new"));
    if (states[0]) {
      ASSIGN_OR_RETURN(const Value old, layer.Emit("Mul", {update, *states[0]}, {}, "mul_old"));
      ASSIGN_OR_RETURN(output, layer.Emit("AddV2", {old, output}, {}, "add"));
    }
    states[0] = output;
    return output;
  }

 private:
  // What the state adds to each gate: nothing before the first step unless it has a bias of its own.
  StatusOr<std::vector<Value>> FromState(LayerContext& layer, const State& state, const std::optional<Value>& kernel,
                                         int64_t parts) {
    if (!state) {
      if (!recurrent_bias_) return std::vector<Value>{};
      return SplitAt(layer, *recurrent_bias_, 0, parts);
    }
    ASSIGN_OR_RETURN(const Value sum, Project(layer, *state, *kernel, recurrent_bias_));
    return SplitAt(layer, sum, 1, parts);
  }
  Result Gate(LayerContext& layer, Value from_x, const std::vector<Value>& from_h, size_t i) {
    Value sum = from_x;
    if (!from_h.empty()) {
      ASSIGN_OR_RETURN(sum, layer.Emit("AddV2", {from_x, from_h[i]}, {}, "add"));
    }
    return Activate(layer, w_.recurrent_activation, sum);
  }

  CellWeights w_;
  bool reset_after_;
  std::optional<Value> recurrent_bias_, recurrent_zr_, recurrent_g_;
};

StatusOr<std::unique_ptr<Cell>> MakeGru(LayerContext& cell, int64_t features) {
  ASSIGN_OR_RETURN(const bool reset_after, cell.config().Bool("reset_after", cell.keras_major() >= 3));
  ASSIGN_OR_RETURN(CellWeights weights,
                   ReadWeights(cell, features, 3, reset_after ? std::vector<int64_t>{2} : std::vector<int64_t>{}));
  std::optional<Value> recurrent_bias, recurrent_zr, recurrent_g;
  if (reset_after && weights.bias) {
    const Value both = *weights.bias;
    ASSIGN_OR_RETURN(weights.bias, PickedAt(cell, both, 0, 0));
    ASSIGN_OR_RETURN(recurrent_bias, PickedAt(cell, both, 0, 1));
  }
  if (!reset_after) {
    ASSIGN_OR_RETURN(recurrent_zr, SlicedAt(cell, weights.recurrent, 1, 0, 2 * weights.units));
    ASSIGN_OR_RETURN(recurrent_g, SlicedAt(cell, weights.recurrent, 1, 2 * weights.units, weights.units));
  }
  return std::make_unique<GruCell>(std::move(weights), reset_after, recurrent_bias, recurrent_zr, recurrent_g);
}

// ---- CuDNNLSTM and CuDNNGRU: the same cells, each gate's matrix stored the other way round ----

// A gate's block of columns [features, units] holds the elements of a matrix [units, features] in their order.
Result FromCudnn(LayerContext& cell, Value stored, int64_t gates, int64_t units, int64_t features) {
  ASSIGN_OR_RETURN(std::vector<Value> blocks, SplitAt(cell, stored, 1, gates));
  for (Value& block : blocks) {
    ASSIGN_OR_RETURN(block, ReshapedTo(cell, block, {units, features}));
    ASSIGN_OR_RETURN(block, Transposed(cell, block, {1, 0}));
  }
  return ConcatenatedAt(cell, blocks, 1);
}

// A bias for the input and one for the state: the LSTM adds both, the GRU keeps them apart (reset_after).
StatusOr<std::unique_ptr<Cell>> MakeCudnnCell(LayerContext& cell, bool lstm, int64_t features) {
  CellWeights weights;
  ASSIGN_OR_RETURN(weights.units, cell.config().Int("units"));
  if (weights.units < 1 || weights.units > INT32_MAX) return InvalidArgument("has ", weights.units, " units");
  const int64_t gates = lstm ? 4 : 3, columns = weights.units * gates;
  ASSIGN_OR_RETURN(const Value kernel, cell.Weight("kernel", {features, columns}));
  ASSIGN_OR_RETURN(const Value recurrent, cell.Weight("recurrent_kernel", {weights.units, columns}));
  ASSIGN_OR_RETURN(const Value biases, cell.WeightAs("bias", {2 * columns}, {2, columns}));
  ASSIGN_OR_RETURN(weights.kernel, FromCudnn(cell, kernel, gates, weights.units, features));
  ASSIGN_OR_RETURN(weights.recurrent, FromCudnn(cell, recurrent, gates, weights.units, weights.units));
  ASSIGN_OR_RETURN(weights.bias, PickedAt(cell, biases, 0, 0));
  ASSIGN_OR_RETURN(const Value state_bias, PickedAt(cell, biases, 0, 1));
  weights.activation = "tanh";
  weights.recurrent_activation = "sigmoid";
  if (lstm) {
    ASSIGN_OR_RETURN(weights.bias, cell.Emit("AddV2", {*weights.bias, state_bias}, {}, "bias_sum"));
    return std::make_unique<LstmCell>(std::move(weights));
  }
  return std::make_unique<GruCell>(std::move(weights), true, state_bias, std::nullopt, std::nullopt);
}

}  // namespace

StatusOr<std::unique_ptr<Cell>> MakeCell(LayerContext& cell, std::string_view kind, int64_t features) {
  if (kind == "CuDNNLSTM" || kind == "CuDNNGRU") return MakeCudnnCell(cell, kind == "CuDNNLSTM", features);
  if (kind == "GRU") return MakeGru(cell, features);
  const bool lstm = kind == "LSTM";
  if (!lstm && kind != "SimpleRNN") return Unsupported("Permafrost does not know the cell class '", kind, "Cell'");
  ASSIGN_OR_RETURN(CellWeights weights, ReadWeights(cell, features, lstm ? 4 : 1, {}));
  if (lstm) return std::make_unique<LstmCell>(std::move(weights));
  return std::make_unique<SimpleCell>(std::move(weights));
}

}  // namespace permafrost::keras
