#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"
#include "optimizer/frontend/keras/layers/recurrent.h"

namespace permafrost::keras {
namespace {

// An LSTM whose products are convolutions. Lines are images of height 1.
class ConvLstmCell : public Cell {
 public:
  size_t states() const override { return 2; }
  StatusOr<Value> Step(LayerContext& layer, Value x, std::vector<State>& states) override {
    ASSIGN_OR_RETURN(Value sum, layer.Emit(op, {x, kernel}, input_attrs, "convolution"));
    if (bias) {
      ASSIGN_OR_RETURN(sum, layer.Emit("BiasAdd", {sum, *bias}));
    }
    if (states[0]) {
      ASSIGN_OR_RETURN(const Value before, layer.Emit(op, {*states[0], recurrent}, state_attrs, "recurrent_conv"));
      ASSIGN_OR_RETURN(sum, layer.Emit("AddV2", {sum, before}, {}, "add"));
    }
    ASSIGN_OR_RETURN(const std::vector<Value> gates, SplitAt(layer, sum, -1, 4));
    ASSIGN_OR_RETURN(const Value in, Activate(layer, recurrent_activation, gates[0]));
    ASSIGN_OR_RETURN(const Value candidate, Activate(layer, activation, gates[2]));
    ASSIGN_OR_RETURN(Value carry, layer.Emit("Mul", {in, candidate}, {}, "mul_in"));
    if (states[1]) {
      ASSIGN_OR_RETURN(const Value forget, Activate(layer, recurrent_activation, gates[1]));
      ASSIGN_OR_RETURN(const Value kept, layer.Emit("Mul", {forget, *states[1]}, {}, "mul_forget"));
      ASSIGN_OR_RETURN(carry, layer.Emit("AddV2", {kept, carry}, {}, "carry"));
    }
    ASSIGN_OR_RETURN(const Value out, Activate(layer, recurrent_activation, gates[3]));
    ASSIGN_OR_RETURN(const Value squashed, Activate(layer, activation, carry));
    ASSIGN_OR_RETURN(const Value output, layer.Emit("Mul", {out, squashed}, {}, "mul_out"));
    states = {output, carry};
    return output;
  }

  std::string op;
  Value kernel{}, recurrent{};
  std::optional<Value> bias;
  AttrMap input_attrs, state_attrs;
  Json activation, recurrent_activation;
};

// strides or dilations of a node, with 1 for batch, channels and an added axis.
std::vector<int64_t> PerAxis(const std::vector<int64_t>& spatial) {
  std::vector<int64_t> all = {1};
  if (spatial.size() == 1) all.push_back(1);
  all.insert(all.end(), spatial.begin(), spatial.end());
  all.push_back(1);
  return all;
}

template <int kSpatial>
StatusOr<std::vector<Value>> BuildConvLstm(LayerContext& layer) {
  const Config& config = layer.config();
  Value x = layer.input();
  RETURN_IF_ERROR(TimeSteps(layer, x).status());
  ASSIGN_OR_RETURN(const std::string format, config.String("data_format", "channels_last"));
  if (format == "channels_first") return Unsupported("its data_format is channels_first");
  if (layer.shape(x).rank() != kSpatial + 3) {
    return InvalidArgument("is called on ", layer.shape(x).ToString(), ", expected rank ", kSpatial + 3);
  }
  ASSIGN_OR_RETURN(const int64_t channels, layer.Dim(x, -1));
  ASSIGN_OR_RETURN(const int64_t filters, config.Int("filters"));
  if (filters < 1 || filters > INT32_MAX / 4) return InvalidArgument("has ", filters, " filters");
  ASSIGN_OR_RETURN(const std::vector<int64_t> size, config.Repeated("kernel_size", kSpatial, 1));
  ASSIGN_OR_RETURN(const std::vector<int64_t> strides, config.Repeated("strides", kSpatial, 1, 1));
  ASSIGN_OR_RETURN(const std::vector<int64_t> dilations, config.Repeated("dilation_rate", kSpatial, 1, 1));
  ASSIGN_OR_RETURN(const std::string padding, config.String("padding", "valid"));
  ASSIGN_OR_RETURN(const bool use_bias, config.Bool("use_bias", true));
  if (padding != "valid" && padding != "same") return InvalidArgument("its padding is '", padding, "'");

  ConvLstmCell cell;
  cell.op = kSpatial == 3 ? "Conv3D" : "Conv2D";
  cell.activation = config["activation"];
  cell.recurrent_activation = config["recurrent_activation"];
  const std::string data_format = kSpatial == 3 ? "NDHWC" : "NHWC";
  cell.input_attrs = {{"strides", PerAxis(strides)},
                      {"dilations", PerAxis(dilations)},
                      {"padding", std::string(padding == "same" ? "SAME" : "VALID")},
                      {"data_format", data_format}};
  const std::vector<int64_t> ones = PerAxis(std::vector<int64_t>(kSpatial, 1));
  cell.state_attrs = {
      {"strides", ones}, {"dilations", ones}, {"padding", std::string("SAME")}, {"data_format", data_format}};

  LayerContext held = layer.InnerContext(layer.Inner("cell", "cell", config), {});
  const auto weight = [&](std::string_view name, int64_t in) {
    std::vector<int64_t> dims = size, as;
    dims.insert(dims.end(), {in, 4 * filters});
    if (kSpatial == 1) as.push_back(1);
    as.insert(as.end(), dims.begin(), dims.end());
    return held.WeightAs(name, dims, as);
  };
  ASSIGN_OR_RETURN(cell.kernel, weight("kernel", channels));
  ASSIGN_OR_RETURN(cell.recurrent, weight("recurrent_kernel", filters));
  if (use_bias) {
    ASSIGN_OR_RETURN(cell.bias, held.Weight("bias", {4 * filters}));
  }
  ASSIGN_OR_RETURN(std::vector<State> states, InitialStates(layer, 2));
  ASSIGN_OR_RETURN(const bool backwards, config.Bool("go_backwards", false));
  ASSIGN_OR_RETURN(const bool sequences, config.Bool("return_sequences", false));
  if (kSpatial > 1) return RunCell(layer, cell, x, std::move(states), backwards);
  ASSIGN_OR_RETURN(x, ExpandedAt(layer, x, 2));
  for (State& state : states) {
    if (!state) continue;
    ASSIGN_OR_RETURN(state, ExpandedAt(layer, *state, 1));
  }
  ASSIGN_OR_RETURN(std::vector<Value> outputs, RunCell(layer, cell, x, std::move(states), backwards));
  for (size_t i = 0; i < outputs.size(); ++i) {
    ASSIGN_OR_RETURN(outputs[i], SqueezedAt(layer, outputs[i], {i == 0 && sequences ? 2 : 1}));
  }
  return outputs;
}

}  // namespace

std::vector<LayerRow> ConvLstmLayers() {
  return {
      {.class_name = "ConvLSTM1D", .build = BuildConvLstm<1>, .max_inputs = -1, .mask = MaskUse::kUses},
      {.class_name = "ConvLSTM2D", .build = BuildConvLstm<2>, .max_inputs = -1, .mask = MaskUse::kUses},
      {.class_name = "ConvLSTM3D", .build = BuildConvLstm<3>, .max_inputs = -1, .mask = MaskUse::kUses},
  };
}

}  // namespace permafrost::keras
