#include <string>

#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/recurrent.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

constexpr size_t kMaxStackedCells = 64;

// "LSTMCell" -> "lstm_cell", as Keras names things after their class.
std::string SnakeCase(std::string_view name) {
  std::string snake;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool upper = name[i] >= 'A' && name[i] <= 'Z';
    const bool next_lower = i + 1 < name.size() && name[i + 1] >= 'a' && name[i + 1] <= 'z';
    const bool after_lower = i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    if (upper && i > 0 && (next_lower || after_lower)) snake += '_';
    snake += upper ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
  }
  return snake;
}

// "LSTMCell" -> "LSTM"; empty for anything else.
std::string KindOfCell(std::string_view class_name) {
  if (const size_t arrow = class_name.find('>'); arrow != std::string_view::npos) class_name.remove_prefix(arrow + 1);
  return std::string(class_name.ends_with("Cell") ? class_name.substr(0, class_name.size() - 4) : "");
}

// Cells on top of each other: the output of one is the input of the next.
class StackedCell : public Cell {
 public:
  explicit StackedCell(std::vector<std::unique_ptr<Cell>> cells) : cells_(std::move(cells)) {}
  size_t states() const override {
    size_t count = 0;
    for (const auto& cell : cells_) count += cell->states();
    return count;
  }
  StatusOr<Value> Step(LayerContext& layer, Value x, std::vector<State>& states) override {
    size_t first = 0;
    for (const auto& cell : cells_) {
      std::vector<State> own(states.begin() + static_cast<std::ptrdiff_t>(first),
                             states.begin() + static_cast<std::ptrdiff_t>(first + cell->states()));
      ASSIGN_OR_RETURN(x, cell->Step(layer, x, own));
      for (const State& state : own) states[first++] = state;
    }
    return x;
  }

 private:
  std::vector<std::unique_ptr<Cell>> cells_;
};

// The cell that the config of an RNN layer describes.
StatusOr<std::unique_ptr<Cell>> CellOfRnn(LayerContext& layer, int64_t features) {
  const Config object(layer.config()["cell"]);
  ASSIGN_OR_RETURN(const std::string class_name, object.String("class_name"));
  LayerContext holder = layer.InnerContext(layer.Inner("cell", "cell", Config(object["config"])), {});
  if (!class_name.ends_with("StackedRNNCells")) return MakeCell(holder, KindOfCell(class_name), features);
  const Json& cells = holder.config()["cells"];
  if (!cells.is_array() || cells.empty() || cells.size() > kMaxStackedCells) {
    return InvalidArgument("its config lists no cells, or more than ", kMaxStackedCells);
  }
  std::vector<std::unique_ptr<Cell>> stack;
  std::map<std::string, int> seen;
  for (const Json& json : cells) {
    const Config cell(json);
    ASSIGN_OR_RETURN(const std::string cell_class, cell.String("class_name"));
    std::string name = SnakeCase(cell_class);
    if (const int before = seen[name]++; before > 0) name += StrCat("_", before);
    LayerContext inner = holder.InnerContext(
        holder.Inner(StrCat("cells/", name), StrCat("cell_", stack.size()), Config(cell["config"])), {});
    ASSIGN_OR_RETURN(stack.emplace_back(), MakeCell(inner, KindOfCell(cell_class), features));
    ASSIGN_OR_RETURN(features, inner.config().Int("units"));
  }
  return std::make_unique<StackedCell>(std::move(stack));
}

StatusOr<std::unique_ptr<Cell>> CellOf(LayerContext& layer, std::string_view class_name, int64_t features) {
  if (class_name == "RNN") return CellOfRnn(layer, features);
  LayerContext cell = layer.InnerContext(layer.Inner("cell", "cell", layer.config()), {});
  return MakeCell(cell, class_name, features);
}

// Runs the recurrent layer `layer` of class `class_name` on x.
StatusOr<Values> RunRecurrent(LayerContext& layer, std::string_view class_name, Value x, bool reversed,
                              const std::vector<State>* given = nullptr) {
  RETURN_IF_ERROR(TimeSteps(layer, x).status());
  if (layer.shape(x).rank() != 3) {
    return InvalidArgument("is called on ", layer.shape(x).ToString(), ", expected [batch, time, features]");
  }
  ASSIGN_OR_RETURN(const int64_t features, layer.Dim(x, 2));
  ASSIGN_OR_RETURN(const auto cell, CellOf(layer, class_name, features));
  ASSIGN_OR_RETURN(const bool backwards, layer.config().Bool("go_backwards", false));
  std::vector<State> states;
  if (given != nullptr && !given->empty()) {
    if (given->size() != cell->states()) {
      return InvalidArgument("starts from ", given->size(), " states, expected ", cell->states());
    }
    states = *given;
  } else if (given != nullptr) {
    states.resize(cell->states());
  } else {
    ASSIGN_OR_RETURN(states, InitialStates(layer, cell->states()));
  }
  return RunCell(layer, *cell, x, std::move(states), backwards != reversed);
}

StatusOr<Values> BuildRecurrent(LayerContext& layer) {
  return RunRecurrent(layer, layer.class_name(), layer.input(), /*reversed=*/false);
}

StatusOr<Value> Merged(LayerContext& layer, const std::string& mode, Value a, Value b) {
  if (mode == "concat") return ConcatenatedAt(layer, {a, b}, -1);
  if (mode == "mul") return layer.Emit("Mul", {a, b}, {}, "mul");
  if (mode != "sum" && mode != "ave") return InvalidArgument("its merge_mode is '", mode, "'");
  ASSIGN_OR_RETURN(const Value sum, layer.Emit("AddV2", {a, b}, {}, "add"));
  if (mode == "sum") return sum;
  ASSIGN_OR_RETURN(const Value half, layer.Scalar("mul/y", 0.5, sum));
  return layer.Emit("Mul", {sum, half}, {}, "mul");
}

// One layer on the sequence, one on the sequence from its end.
StatusOr<Values> BuildBidirectional(LayerContext& layer) {
  const Config forward_json(layer.config()["layer"]), backward_json(layer.config()["backward_layer"]);
  const Config& back = backward_json.json().is_object() ? backward_json : forward_json;
  ASSIGN_OR_RETURN(const std::string forward_class, forward_json.String("class_name"));
  ASSIGN_OR_RETURN(const std::string backward_class, back.String("class_name"));
  for (const std::string& name : {forward_class, backward_class}) {
    const LayerRow* row = FindLayer(name);
    if (row == nullptr || row->build != BuildRecurrent) return Unsupported("wraps a layer of class '", name, "'");
  }
  LayerContext forward =
      layer.InnerContext(layer.Inner("forward_layer", "forward", Config(forward_json["config"])), {});
  LayerContext backward = layer.InnerContext(layer.Inner("backward_layer", "backward", Config(back["config"])), {});

  std::vector<Value> states(layer.inputs().begin() + 1, layer.inputs().end());
  if (const auto found = layer.call().kwargs.find("initial_state"); found != layer.call().kwargs.end()) {
    states = TensorsOf(found->second);
  }
  const auto middle = states.begin() + static_cast<std::ptrdiff_t>(states.size() / 2);
  const std::vector<State> forward_states(states.begin(), middle), backward_states(middle, states.end());

  const Value x = layer.input();
  ASSIGN_OR_RETURN(Values ahead, RunRecurrent(forward, forward_class, x, false, &forward_states));
  const bool flip = &back == &forward_json;  // Keras turns round the copy that it makes itself
  ASSIGN_OR_RETURN(Values behind, RunRecurrent(backward, backward_class, x, flip, &backward_states));
  ASSIGN_OR_RETURN(const bool sequences, forward.config().Bool("return_sequences", false));
  if (sequences) {
    ASSIGN_OR_RETURN(behind[0], ReversedAt(layer, behind[0], {1}));
  }
  Values results = {ahead[0], behind[0]};
  if (layer.config().Has("merge_mode")) {
    ASSIGN_OR_RETURN(const std::string mode, layer.config().String("merge_mode"));
    ASSIGN_OR_RETURN(const Value merged, Merged(layer, mode, ahead[0], behind[0]));
    results = {merged};
  }
  results.insert(results.end(), ahead.begin() + 1, ahead.end());
  results.insert(results.end(), behind.begin() + 1, behind.end());
  return results;
}

// The inner layer on every time step: time becomes part of the batch and back.
StatusOr<Values> BuildTimeDistributed(LayerContext& layer) {
  const Value x = layer.input();
  const Shape shape = layer.shape(x);
  if (!shape.has_rank() || shape.rank() < 2) return InvalidArgument("is called on ", shape.ToString());
  if (shape.dim(0) < 0 && shape.dim(1) < 0) {
    return Unsupported("neither batch nor time of its input ", shape.ToString(), " is known; give ",
                       FlagForOpenSizes(layer), ", or save the model with an Input of a fixed number of time steps");
  }
  std::vector<int64_t> merged(shape.dims().begin() + 1, shape.dims().end());
  merged[0] = -1;
  if (shape.dim(0) >= 0 && shape.dim(1) >= 0 && shape.dim(0) < INT32_MAX && shape.dim(1) < INT32_MAX) {
    merged[0] = shape.dim(0) * shape.dim(1);
  }
  ASSIGN_OR_RETURN(const Value flat, ReshapedTo(layer, x, merged));
  ASSIGN_OR_RETURN(const Values inner, layer.CallInner("layer", layer.config()["layer"], CallOf(flat)));
  Values outputs;
  for (const Value value : inner) {
    const Shape out = layer.shape(value);
    if (!out.has_rank() || out.rank() < 1) return InvalidArgument("the rank of what its layer gives is not known");
    std::vector<int64_t> dims = {shape.dim(0), shape.dim(1)};
    dims.insert(dims.end(), out.dims().begin() + 1, out.dims().end());
    ASSIGN_OR_RETURN(outputs.emplace_back(), ReshapedTo(layer, value, dims));
  }
  return outputs;
}

// What it normalizes is normalized while training: the kernel is stored as it is used, and the vector beside it is not.
StatusOr<Values> BuildSpectralNormalization(LayerContext& layer) {
  ASSIGN_OR_RETURN(const Values outputs, layer.CallInner("layer", layer.config()["layer"], layer.call()));
  if (outputs.size() != 1) return InvalidArgument("its layer gives ", outputs.size(), " tensors");
  ASSIGN_OR_RETURN(const int64_t channels, layer.Dim(outputs[0], -1));
  if (layer.keras_major() < 3) RETURN_IF_ERROR(layer.WeightTensor("sn_u", {1, channels}, WeightKind::kFixed).status());
  return outputs;
}

LayerRow Recurrent(std::string_view class_name) {
  return {.class_name = class_name, .build = BuildRecurrent, .max_inputs = -1, .mask = MaskUse::kUses};
}

}  // namespace

std::vector<LayerRow> RecurrentLayers() {
  return {
      Recurrent("LSTM"),
      Recurrent("GRU"),
      Recurrent("SimpleRNN"),
      Recurrent("RNN"),
      Recurrent("CuDNNLSTM"),
      Recurrent("CuDNNGRU"),
      {.class_name = "Bidirectional", .build = BuildBidirectional, .max_inputs = -1, .mask = MaskUse::kUses},
      {.class_name = "TimeDistributed", .build = BuildTimeDistributed},
      {.class_name = "SpectralNormalization", .build = BuildSpectralNormalization},
  };
}

}  // namespace permafrost::keras
