#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

StatusOr<Values> BuildDense(LayerContext& layer) {
  ASSIGN_OR_RETURN(const int64_t units, layer.config().Int("units"));
  ASSIGN_OR_RETURN(const bool use_bias, layer.config().Bool("use_bias", true));
  ASSIGN_OR_RETURN(const int64_t features, layer.Dim(layer.input(), -1));
  ASSIGN_OR_RETURN(const Value kernel, layer.Weight("kernel", {features, units}));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  ASSIGN_OR_RETURN(Value output, layer.Emit(rank == 2 ? "MatMul" : "BatchMatMulV2", {layer.input(), kernel}, {}, "MatMul"));
  if (use_bias) {
    ASSIGN_OR_RETURN(const Value bias, layer.Weight("bias", {units}));
    ASSIGN_OR_RETURN(output, layer.Emit("BiasAdd", {output, bias}));
  }
  return One(Activate(layer, layer.config()["activation"], output));
}

}  // namespace

std::vector<LayerRow> DenseLayers() {
  return {
      {.class_name = "Dense", .build = BuildDense},
  };
}

}  // namespace permafrost::keras
